"""The parts of a person's YAML file, each with its value and its place in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

YamlMark = Any
"""PyYAML's mark, of one class or the other: ``line``, ``column`` and ``index``, 0-based."""


@dataclass(slots=True, eq=False)
class Node:
    """A scalar or a collection.

    Attributes:
        start: Of the first character.
        end: Behind the last character; for a block scalar and for a block collection that is
            the beginning of whatever comes next.
        value: The plain data.
    """

    start: YamlMark
    end: YamlMark
    value: Any


@dataclass(slots=True, eq=False)
class Scalar(Node):
    """A key, or a value without parts.

    Attributes:
        text: The characters, quotes and escapes resolved.
        style: Empty where plain; else the ``'``, ``"``, ``|`` or ``>`` that it begins with.
    """

    text: str
    style: str

    @property
    def is_block(self) -> bool:
        """Whether it is a literal or folded block, which ends by indentation."""
        return self.style in {"|", ">"}


@dataclass(slots=True, eq=False)
class Collection(Node):
    """A mapping or a sequence.

    Attributes:
        flow: Whether it is written in braces or brackets.
    """

    flow: bool

    @property
    def children(self) -> list[Node]:
        """The values, or the items."""
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class Mapping(Collection):
    """Keys and their values, in the order of the file."""

    entries: dict[str, tuple[Scalar, Node]]

    @property
    def children(self) -> list[Node]:
        """The values."""
        return [value for _, value in self.entries.values()]


@dataclass(slots=True, eq=False)
class Sequence(Collection):
    """Items, in the order of the file."""

    items: list[Node]

    @property
    def children(self) -> list[Node]:
        """The items."""
        return self.items


def child(node: Node, step: str | int) -> Node | None:
    """What a key or an index leads to, if it is there."""
    if isinstance(node, Mapping) and isinstance(step, str):
        entry = node.entries.get(step)
        return entry[1] if entry else None
    if isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None
