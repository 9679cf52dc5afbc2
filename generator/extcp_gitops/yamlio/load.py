"""Reads YAML: a person's files with suspicion, the output of tools with trust."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from extcp_gitops.errors import ExtcpError
from extcp_gitops.yamlio.compose import compose
from extcp_gitops.yamlio.events import events
from extcp_gitops.yamlio.nodes import Mapping, Node, Scalar, child
from extcp_gitops.yamlio.scalars import read_core
from extcp_gitops.yamlio.text import decode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_gitops.yamlio.events import Event, NextEvent

Data = Any
"""Nested dicts with str keys, lists, str, int, float, bool and None."""


class Mark(NamedTuple):
    """A place in a file, 1-based, as editors count."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """A person's file: plain data, and where each piece of it stands.

    Attributes:
        file: Path relative to the repository.
        data: The mapping that is the file.
        text: What was parsed, without a byte order mark.
        root: The node of ``data``.
    """

    file: str
    data: dict[str, Data]
    text: str = field(repr=False, compare=False)
    root: Mapping = field(repr=False, compare=False)

    def mark(self, *path: str | int) -> Mark:
        """Where the value at the path begins; failing that, its nearest existing parent."""
        node: Node = self.root
        for step in path:
            below = child(node, step)
            if below is None:
                break
            node = below
        return _mark(node)

    def key_mark(self, *path: str | int) -> Mark:
        """Where the last key of the path stands; :meth:`mark` where the path ends with no key."""
        parent = self._find(*path[:-1])
        if isinstance(parent, Mapping) and path and path[-1] in parent.entries:
            return _mark(parent.entries[path[-1]][0])
        return self.mark(*path)

    def source(self, *path: str | int) -> str:
        """How the unquoted scalar at the path was written, ``0x1F`` say; empty for all else.

        For messages such as "must be a string, got the integer `0x1F`; quote it".
        """
        node = self._find(*path)
        return node.text if isinstance(node, Scalar) and not node.style else ""

    def _find(self, *path: str | int) -> Node | None:
        node: Node | None = self.root
        for step in path:
            if node is None:
                return None
            node = child(node, step)
        return node


def parse(raw: bytes, file: str) -> Document:
    """Reads a file that anybody may have written.

    Accepted is one document of at most 1 MiB in UTF-8 (a byte order mark is dropped) whose root
    is a mapping, in the part of YAML that says what JSON can say and that every reader of YAML
    reads the same way.

    Args:
        raw: The bytes of the file.
        file: Path relative to the repository; goes into the findings.

    Returns:
        The data, with the place of each piece.

    Raises:
        ExtcpError: One finding for each problem (``EXTCP-Y001`` to ``EXTCP-Y018``). Those of the
            text hide those of the structure; after a syntax error nothing more is looked for.
    """
    text = decode(raw, file)
    root, findings = compose(text, file)
    if root is None or findings:
        raise ExtcpError(*findings)
    return Document(file, root.value, text, root)


def load_objects(raw: bytes | str) -> list[dict[str, Data]]:
    """Reads what istioctl or kustomize wrote: all its documents but the empty ones.

    Plain scalars are read by the core schema of YAML 1.2, as Go writes them: ``1e+06`` is a
    number, ``2001-01-01`` is text. Of duplicate keys the last one counts.

    Raises:
        ExtcpError: ``EXTCP-Y020`` where this is no YAML, or a document is no mapping.
    """
    try:
        with events(raw) as next_event:
            documents = list(_Builder(next_event).documents())
    except (yaml.YAMLError, ValueError, LookupError, RecursionError) as error:
        raise _tool_error("is not YAML that can be read") from error
    objects = [document for document in documents if document is not None]
    if not all(isinstance(value, dict) for value in objects):
        raise _tool_error("has a document that is not an object")
    return objects


class _Builder:
    """Plain data out of trusted events; twice as fast as PyYAML's constructor."""

    def __init__(self, next_event: NextEvent) -> None:
        self._next = next_event
        self._anchors: dict[str, Data] = {}

    def documents(self) -> Iterator[Data]:
        while type(event := self._next()) is not yaml.StreamEndEvent:
            if type(event) is yaml.DocumentStartEvent:
                yield self._value(self._next())

    def _value(self, event: Event) -> Data:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            plain = not event.style and event.tag is None
            value = read_core(event.value) if plain else event.value
        elif kind is yaml.AliasEvent:
            return self._anchors[event.anchor]
        else:
            value = self._mapping() if kind is yaml.MappingStartEvent else self._sequence()
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _mapping(self) -> dict[str, Data]:
        mapping: dict[str, Data] = {}
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key = self._value(event)
            if not isinstance(key, str):
                raise ValueError("JSON has no such key")  # noqa: TRY004  of a file, not of code
            mapping[key] = self._value(self._next())
        return mapping

    def _sequence(self) -> list[Data]:
        sequence = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            sequence.append(self._value(event))
        return sequence


def _tool_error(what: str) -> ExtcpError:
    return ExtcpError.of(
        "EXTCP-Y020",
        f"the output of a tool {what}",
        "run the tool by hand to see what it says",
    )


def _mark(node: Node) -> Mark:
    return Mark(node.start.line + 1, node.start.column + 1)
