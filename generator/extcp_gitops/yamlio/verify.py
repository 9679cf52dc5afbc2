"""Proves that a text says exactly the objects it was made of, to every reader of YAML.

The events of the text are compared with the objects in lock-step. Nothing is built, so that this
can run over everything that is generated: 5 MB in about half a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from extcp_gitops.yamlio.events import events
from extcp_gitops.yamlio.scalars import read
from extcp_gitops.yamlio.text import INVISIBLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extcp_gitops.yamlio.events import Event, NextEvent


class DumpError(AssertionError):
    """A generated text does not mean what it should: a bug, never the user's mistake."""


def verify(text: str, objs: Sequence[object]) -> None:
    """Checks that the text's documents are exactly the objects, order of keys apart.

    Exactly means: by the rules of YAML 1.1, of YAML 1.2 and of Go, types and all; an unquoted
    scalar that two of them read differently fails, whatever it was meant to be. Comments are
    free; anchors, tags and characters that cannot be seen are not.

    Raises:
        DumpError: At the first difference; names its place, never a value.
    """
    match = INVISIBLE.search(text)
    if match:
        raise DumpError(f"character U+{ord(match[0]):04X} at offset {match.start()}")
    try:
        with events(text) as next_event:
            _Comparison(next_event).documents(objs)
    except yaml.YAMLError as error:
        raise DumpError(f"the text is not YAML: {error}") from error


class _Comparison:
    def __init__(self, next_event: NextEvent) -> None:
        self._next = next_event

    def documents(self, objs: Sequence[object]) -> None:
        self._next()  # the start of the stream
        for obj in objs:
            start = self._next()
            if type(start) is not yaml.DocumentStartEvent or start.version or start.tags:
                raise _difference(start, "not a plain document")
            self._node(self._next(), obj)
            self._next()  # the end of the document
        end = self._next()
        if type(end) is not yaml.StreamEndEvent:
            raise _difference(end, "one document too many")

    def _node(self, event: Event, obj: object) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            if not _says(event, obj):
                raise _difference(event, "another scalar")
        elif kind is yaml.AliasEvent or event.anchor is not None or event.tag is not None:
            raise _difference(event, "an alias, an anchor or a tag")
        elif kind is yaml.MappingStartEvent and isinstance(obj, dict):
            self._mapping(event, obj)
        elif kind is yaml.SequenceStartEvent and isinstance(obj, list):
            self._sequence(event, obj)
        else:
            raise _difference(event, "another kind of node")

    def _mapping(self, start: Event, mapping: dict[str, object]) -> None:
        seen = set()
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key = event.value if type(event) is yaml.ScalarEvent else None
            if key not in mapping or key in seen or not _says(event, key):
                raise _difference(event, "another key, or a key again")
            seen.add(key)
            self._node(self._next(), mapping[key])
        if len(seen) != len(mapping):
            raise _difference(start, "a key is missing")

    def _sequence(self, start: Event, sequence: list[object]) -> None:
        for item in sequence:
            event = self._next()
            if type(event) is yaml.SequenceEndEvent:
                raise _difference(start, "an item is missing")
            self._node(event, item)
        if type(event := self._next()) is not yaml.SequenceEndEvent:
            raise _difference(event, "one item too many")


def _says(event: Event, obj: object) -> bool:
    """Whether a scalar is the object, type and all, to every reader."""
    if event.anchor is not None or event.tag is not None:
        return False
    value = event.value if event.style else read(event.value)
    return value == obj and (type(value) is type(obj) or isinstance(value, str))


def _difference(event: Event, what: str) -> DumpError:
    return DumpError(f"line {event.start_mark.line + 1}: {what}")
