"""Fields of objects as they should be, where a cluster may put anything else in their place."""

from __future__ import annotations

from typing import Any


def mapping(value: object) -> dict[str, Any]:
    """A value that should be a map; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[dict[str, Any]]:
    """A value that should be a list of maps; what is none in it is left out."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def strings(value: object) -> tuple[str, ...]:
    """A value that should be a list of strings; what is none in it is left out."""
    found = value if isinstance(value, list) else []
    return tuple(item for item in found if isinstance(item, str))


def string(value: object) -> str:
    """A value that should be a string; an empty one where it is none."""
    return value if isinstance(value, str) else ""


def number(value: object) -> int:
    """A value that should be a whole number; 0 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def at(value: object, *names: str) -> object:
    """What stands under these names, one below the other; None where nothing does."""
    for name in names:
        value = mapping(value).get(name)
    return value
