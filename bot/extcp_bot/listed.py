"""Lists of which a person needs to see the beginning, and how long they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def first(names: Sequence[object], most: int = 3) -> str:
    """``a, b, c and 4 more``.

    Args:
        names: What is listed; empty for an empty text.
        most: How many are shown.
    """
    more = len(names) - most
    return ", ".join(map(str, names[:most])) + (f" and {more} more" if more > 0 else "")
