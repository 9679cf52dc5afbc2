"""From characters to nodes; whatever the inventory's files may not hold stops here.

Only what JSON can say gets through. Anchors, tags, merge keys and further documents have no use
in an inventory, and each has a history of surprises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import yaml

from extcp_gitops.errors import Finding
from extcp_gitops.yamlio.events import events
from extcp_gitops.yamlio.nodes import Mapping, Node, Scalar, Sequence
from extcp_gitops.yamlio.scalars import AMBIGUOUS, Plain, read
from extcp_gitops.yamlio.text import INVISIBLE, MAX_FINDINGS, describe

if TYPE_CHECKING:
    from extcp_gitops.yamlio.events import Event, NextEvent
    from extcp_gitops.yamlio.nodes import YamlMark

MAX_DEPTH = 64
"""Collections within collections; an inventory needs six."""

_MERGE_KEY = "<<"
_LONGEST_SHOWN = 40


class Rule(NamedTuple):
    """What is reported; ``{}`` in the message takes what was found."""

    code: str
    message: str
    remedy: str


SYNTAX = Rule(
    "EXTCP-Y006",
    "not valid YAML: {}",
    "look at this line and the one before it: indentation, a missing colon, an open quote",
)
DEPTH = Rule(
    "EXTCP-Y007",
    f"collections are nested more than {MAX_DEPTH} deep",
    "remove the brackets or the indentation that is not meant",
)
ANCHOR = Rule(
    "EXTCP-Y008",
    "anchors (&) and aliases (*) are not allowed",
    "write the value out in each place; if the character is part of a text, quote the text",
)
TAG = Rule(
    "EXTCP-Y009",
    "tags (!) are not allowed",
    "remove the tag; if the character is part of a text, quote the text",
)
MERGE = Rule(
    "EXTCP-Y010",
    "merge keys (<<) are not allowed",
    "write the keys out in each place",
)
DIRECTIVE = Rule(
    "EXTCP-Y011",
    "directives (%) are not allowed",
    "remove the lines that begin with %",
)
SECOND_DOCUMENT = Rule(
    "EXTCP-Y012",
    "a second document begins here; a file holds one",
    "remove the --- line, or move what follows it to a file of its own",
)
EMPTY = Rule(
    "EXTCP-Y013",
    "the file holds no data",
    "fill it in or remove it; the documentation has an example of each file",
)
NOT_A_MAPPING = Rule(
    "EXTCP-Y014",
    "the file must hold keys and values (key: value)",
    "begin it with apiVersion: and kind:, as the documentation's example does",
)
DUPLICATE_KEY = Rule(
    "EXTCP-Y015",
    "the key {} is given twice: in line {} and in line {}",
    "keep one of the two",
)
KEY_IS_NO_TEXT = Rule(
    "EXTCP-Y016",
    "a key must be text",
    "quote the key if it is a number, a truth value or null",
)
AMBIGUOUS_SCALAR = Rule(
    "EXTCP-Y017",
    "{} is text to some readers of YAML, and a truth value, number, date or null to others",
    "quote it if it is text; otherwise write true, false, null or a plain decimal number",
)
ESCAPE = Rule(
    "EXTCP-Y018",
    "an escape sequence in this text makes {}, which is not allowed",
    "remove this escape sequence",
)


class _StopWalkError(Exception):
    """No more of this file is read."""


def compose(text: str, file: str) -> tuple[Mapping | None, list[Finding]]:
    """The root of the only document, and everything in the file that is not allowed.

    Args:
        text: Comes from :func:`extcp_gitops.yamlio.text.decode`.
        file: Goes into the findings.

    Returns:
        The root, to be used only if there are no findings, of which there are at most
        ``MAX_FINDINGS``: ``EXTCP-Y006`` to ``EXTCP-Y018``.
    """
    root = None
    with events(text) as next_event:
        composer = _Composer(next_event, file)
        try:
            root = composer.document()
        except yaml.MarkedYAMLError as error:
            composer.findings.append(_syntax_finding(error, file))
        except _StopWalkError:
            pass
    return root, composer.findings


class _Composer:
    def __init__(self, next_event: NextEvent, file: str) -> None:
        self.findings: list[Finding] = []
        self._next = next_event
        self._file = file

    def document(self) -> Mapping | None:
        self._next()  # the start of the stream
        start = self._next()
        if type(start) is yaml.StreamEndEvent:
            self.findings.append(Finding(*EMPTY, self._file))
            return None
        if start.version or start.tags:
            self._report(DIRECTIVE, start)
        root = self._node(self._next(), 1)
        self._next()  # the end of the document
        further = self._next()
        if type(further) is yaml.DocumentStartEvent:
            self._report(SECOND_DOCUMENT, further)
        if isinstance(root, Mapping):
            return root
        self._report(EMPTY if root.value is None else NOT_A_MAPPING, root)
        return None

    def _node(self, event: Event, depth: int) -> Node:
        kind = type(event)
        if kind is yaml.AliasEvent or event.anchor is not None:
            self._report(ANCHOR, event)
        if kind is yaml.AliasEvent:
            return Scalar(event.start_mark, event.end_mark, "", "", "")
        if event.tag is not None:
            self._report(TAG, event)
        if kind is yaml.ScalarEvent:
            return self._scalar(event)
        if depth > MAX_DEPTH:
            self._report(DEPTH, event)
            raise _StopWalkError
        if kind is yaml.MappingStartEvent:
            return self._mapping(event, depth + 1)
        return self._sequence(event, depth + 1)

    def _scalar(self, event: Event) -> Scalar:
        text: str = event.value
        style: str = event.style or ""
        value: Plain = text
        if style == '"':
            if match := INVISIBLE.search(text):
                self._report(ESCAPE, event, describe(match[0]))
        elif not style and event.tag is None:
            reading = read(text)
            if reading is AMBIGUOUS:
                self._report(AMBIGUOUS_SCALAR, event, _shown(text))
            else:
                value = reading
        return Scalar(event.start_mark, event.end_mark, value, text, style)

    def _sequence(self, start: Event, depth: int) -> Sequence:
        items: list[Node] = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            items.append(self._node(event, depth))
        values = [item.value for item in items]
        return Sequence(start.start_mark, event.end_mark, values, start.flow_style, items)

    def _mapping(self, start: Event, depth: int) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key = self._key(event, depth)
            value = self._node(self._next(), depth)
            if key is None:
                continue
            if (first := entries.setdefault(key.text, (key, value))[0]) is not key:
                lines = (first.start.line + 1, key.start.line + 1)
                self._report(DUPLICATE_KEY, key, _shown(key.text), *lines)
        values = {name: value.value for name, (_, value) in entries.items()}
        return Mapping(start.start_mark, event.end_mark, values, start.flow_style, entries)

    def _key(self, event: Event, depth: int) -> Scalar | None:
        """The key, unless it cannot be one."""
        if type(event) is yaml.ScalarEvent and event.value == _MERGE_KEY and not event.style:
            self._report(MERGE, event)
            return None
        before = len(self.findings)
        key = self._node(event, depth)
        if isinstance(key, Scalar) and isinstance(key.value, str):
            return key if len(self.findings) == before else None
        self._report(KEY_IS_NO_TEXT, key)
        return None

    def _report(self, rule: Rule, place: Event | Node, *found: object) -> None:
        """Notes what is wrong at an event or a node."""
        mark = place.start_mark if isinstance(place, yaml.Event) else place.start
        self.findings.append(_finding(rule, mark, self._file, *found))
        if len(self.findings) >= MAX_FINDINGS:
            raise _StopWalkError


def _syntax_finding(error: yaml.MarkedYAMLError, file: str) -> Finding:
    return _finding(
        SYNTAX, error.problem_mark or error.context_mark, file, error.problem or error.context
    )


def _finding(rule: Rule, mark: YamlMark, file: str, *found: object) -> Finding:
    message = rule.message.format(*found)
    return Finding(rule.code, message, rule.remedy, file, mark.line + 1, mark.column + 1)


def _shown(text: str) -> str:
    """A key or a short scalar, fit for a message in a terminal."""
    printable = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text
    )
    return f"`{printable[:_LONGEST_SHOWN]}…`" if len(text) > _LONGEST_SHOWN else f"`{printable}`"
