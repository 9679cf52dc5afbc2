"""Laws of editing, over files written in every way that people write them."""

from __future__ import annotations

import codecs
import copy
import json
import re
from typing import TYPE_CHECKING, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from extcp_gitops.errors import ExtcpError
from extcp_gitops.yamlio.edit import append, remove, set_value
from extcp_gitops.yamlio.load import parse

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

    from extcp_gitops.yamlio.load import Data, Document

Path = tuple[str | int, ...]
T = TypeVar("T")

KEYS = ("a", "b", "kind", "meshID", "x y", "1e3", "no", "#", "caBundle")
WORDS = ("plain", "two words", "a#b", "a:b", "1.29.1")
QUOTED = ("no", "1e3", "a: b", "# no comment", "it's", 'say "x"', "", " a ", "é", "a\\b")
LINES = ("MIIB", "# no comment", "- a", "k: v", "  indented", "")
SCALARS = st.one_of(
    st.sampled_from([None, True, 7, 1.5, *WORDS, *QUOTED]),
    st.lists(st.sampled_from(LINES), min_size=2, max_size=4).map("\n".join),
    st.just("-----BEGIN-----\nMIIB\n-----END-----\n"),
)


def collections(inner: SearchStrategy[Data]) -> SearchStrategy[Data]:
    keys = st.sampled_from(KEYS)
    return st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3))


COLLECTIONS = collections(st.one_of(SCALARS, collections(SCALARS)))
VALUES = st.one_of(SCALARS, COLLECTIONS)


class Writer:
    """Writes a random mapping the way some person would."""

    def __init__(self, draw: DrawFn) -> None:
        self._draw = draw
        self.lines: list[str] = []
        self.has_block = False

    def pick(self, *choices: T) -> T:
        return self._draw(st.sampled_from(choices))

    def mapping(self, column: int, depth: int, lead: str = "") -> None:
        """Appends entries at a column; the first follows ``lead``, a dash, on its line."""
        keys = self._draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True))
        for key in keys:
            if not lead:
                self.aside(column)
            self.entry(lead or " " * column, key, column, depth)
            lead = ""

    def aside(self, column: int) -> None:
        """Appends comments and empty lines, or nothing."""
        for _ in range(self.pick(0, 0, 0, 1, 2)):
            self.lines.append(self.pick("", f"{' ' * column}# about {len(self.lines)}"))

    def comment(self) -> str:
        return self.pick("", "", f"  # why {len(self.lines)}", f" # {len(self.lines)}: x")

    def entry(self, lead: str, key: str, column: int, depth: int) -> None:
        written = key
        if key in {"no", "1e3", "#"}:
            written = self.pick(f'"{key}"', f"'{key}'")
        start = f"{lead}{written}:"
        if depth and self.pick(True, False):
            self.pick(self.block_mapping, self.block_sequence)(start, column, depth)
        else:
            self.pick(self.one_line, self.one_line, self.text)(start, column)

    def one_line(self, start: str, column: int) -> None:
        """A value on the line of its key or, less often, on the next."""
        if self.pick(True, True, False):
            self.lines.append(f"{start}{self.pick(' ', '   ')}{self.value()}{self.comment()}")
        else:
            self.lines.append(f"{start}{self.comment()}")
            self.lines.append(f"{' ' * (column + self.pick(2, 4))}{self.value()}{self.comment()}")

    def value(self) -> str:
        plain = self.pick(*WORDS, "true", "7", "1.5", "~", "")
        quoted = self.pick(*QUOTED)
        single = quoted.replace("'", "''")
        flow = json.dumps(self._draw(COLLECTIONS), ensure_ascii=False)
        return self.pick(plain, json.dumps(quoted), f"'{single}'", flow)

    def text(self, start: str, column: int) -> None:
        """A literal or folded block, or quotes over two lines."""
        pad = " " * (column + self.pick(1, 2, 4))
        if self.pick(True, False):
            self.has_block = True
            header = self.pick("|", "|-", "|+", ">", ">-", ">+")
            self.lines.append(f"{start} {header}{self.comment()}")
            lines = self._draw(st.lists(st.sampled_from(LINES), max_size=3))
            self.lines += [pad + line if line else line for line in ("first", *lines, "last")]
            self.lines += [""] * self.pick(0, 0, 2)
        else:
            quote = self.pick('"', "'")
            self.lines.append(f"{start} {quote}one")
            self.lines.append(f"{pad}two{quote}{self.comment()}")

    def block_mapping(self, start: str, column: int, depth: int) -> None:
        self.lines.append(f"{start}{self.comment()}")
        self.mapping(column + self.pick(1, 2, 4), depth - 1)

    def block_sequence(self, start: str, column: int, depth: int) -> None:
        self.lines.append(f"{start}{self.comment()}")
        inner = column + self.pick(0, 2, 3)
        for _ in range(self.pick(1, 2, 3)):
            self.aside(inner)
            dash = f"{' ' * inner}-"
            if self.pick(True, True, False):
                gap = self.pick(1, 3)
                self.mapping(inner + 1 + gap, depth - 1, dash + " " * gap)
            else:
                self.lines.append(f"{dash} {self.value()}{self.comment()}")


@st.composite
def files(draw: DrawFn) -> bytes:
    writer = Writer(draw)
    writer.mapping(0, depth=2)
    writer.aside(0)
    head = draw(st.sampled_from(["", "", "---\n", "# head\n\n"]))
    # Without the last line break, a block at the end would mean something else than inside.
    tail = "\n" if writer.has_block else draw(st.sampled_from(["\n", ""]))
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    mark = draw(st.sampled_from(["", "", "\ufeff"]))
    return (mark + (head + "\n".join(writer.lines) + tail).replace("\n", newline)).encode()


def paths(value: object, path: Path = ()) -> list[Path]:
    """All paths in plain data, in the order of the file."""
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    if isinstance(value, list):
        items = list(enumerate(value))
    return [path, *(below for key, item in items for below in paths(item, (*path, key)))]


def at(data: Data, path: Path) -> Data:
    for step in path:
        data = data[step]
    return data


def paths_to(data: Data, kind: type) -> list[Path]:
    return [path for path in paths(data) if isinstance(at(data, path), kind)]


def lines_of(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def concerned(document: Document, path: Path) -> set[int]:
    """The lines, from 0, of the entry at a path: from its key to the last one with content."""
    first = document.key_mark(*path).line - 1
    lines = lines_of(document.text)
    others = [other for other in paths(document.data) if other[: len(path)] != path]
    below = [document.key_mark(*other).line - 1 for other in others]
    last = min((line for line in below if line > first), default=len(lines)) - 1
    has_kept_breaks = re.search(r" [|>]\+", "\n".join(lines[first:last]))
    passed = {"#"} if has_kept_breaks else {"", "#"}
    while last > first and lines[last].strip()[:1] in passed:
        last -= 1
    return {*range(first, last + 1)}


def in_braces(document: Document, path: Path) -> set[int]:
    """The line of a collection that is written in braces; here it is on one line."""
    mark = document.mark(*path)
    is_flow = lines_of(document.text)[mark.line - 1].startswith(("{", "["), mark.column - 1)
    return {mark.line - 1} if is_flow else set()


def check(raw: bytes, new: bytes, expected: Data, changeable: set[int]) -> None:
    """The law: what is meant is there, and every line not concerned is too, byte for byte."""
    edited = parse(new, "mesh.yaml")
    assert json.dumps(edited.data, sort_keys=True) == json.dumps(expected, sort_keys=True)
    following = iter(lines_of(edited.text))
    old = lines_of(parse(raw, "mesh.yaml").text)
    for number, line in enumerate(old):
        assert number in changeable or line in following
    assert new.count(b"\r\n") == (new.count(b"\n") if b"\r\n" in raw else 0)
    assert new.endswith(b"\n") or not raw.endswith(b"\n")
    assert new.startswith(codecs.BOM_UTF8) == raw.startswith(codecs.BOM_UTF8)


@given(files(), st.data())
def test_set_value_changes_one_value_and_no_other_line(raw: bytes, data: st.DataObject) -> None:
    document = parse(raw, "mesh.yaml")
    parent = data.draw(st.sampled_from(paths_to(document.data, dict)))
    key = data.draw(st.sampled_from([*KEYS, *at(document.data, parent)]))
    value = data.draw(VALUES)
    expected = copy.deepcopy(document.data)
    at(expected, parent)[key] = value

    new = set_value(raw, (*parent, key), value, "mesh.yaml")

    changeable = in_braces(document, parent)
    if key in at(document.data, parent):
        changeable |= concerned(document, (*parent, key))
    check(raw, new, expected, changeable)
    assert set_value(new, (*parent, key), value, "mesh.yaml") == new


@given(files(), st.data(), st.lists(st.sampled_from(KEYS), min_size=2, max_size=3))
def test_set_value_creates_the_parents(raw: bytes, data: st.DataObject, steps: list[str]) -> None:
    document = parse(raw, "mesh.yaml")
    nothing = [path for path in paths_to(document.data, type(None)) if is_key(path)]
    path = data.draw(st.sampled_from([("new",), *nothing]))
    value: Data = 7
    for step in reversed(steps):
        value = {step: value}
    expected = copy.deepcopy(document.data)
    at(expected, path[:-1])[path[-1]] = value

    new = set_value(raw, (*path, *steps), 7, "mesh.yaml")

    changeable = in_braces(document, path[:-1])
    if path != ("new",):
        changeable |= concerned(document, path)
    check(raw, new, expected, changeable)


@given(files(), st.data())
def test_remove_takes_one_entry_and_no_other_line(raw: bytes, data: st.DataObject) -> None:
    document = parse(raw, "mesh.yaml")
    path = data.draw(st.sampled_from([path for path in paths(document.data) if is_key(path)]))
    expected = copy.deepcopy(document.data)
    del at(expected, path[:-1])[path[-1]]

    try:
        new = remove(raw, path, "mesh.yaml")
    except ExtcpError:
        # Empty lines behind the entry would become part of such a block above it.
        assert re.search(rb" [|>]\+", raw)
        return

    changeable = concerned(document, path) | in_braces(document, path[:-1])
    if not at(expected, path[:-1]) and path[:-1]:
        changeable.add(document.key_mark(*path[:-1]).line - 1)
    keys = at(expected, path[:-1])
    if keys and isinstance((0, *path)[-2], int):
        # Behind a dash, the next key moves up, and empty lines between the two go.
        upper = document.key_mark(*path).line - 1
        lower = min(document.key_mark(*path[:-1], key).line - 1 for key in keys)
        lines = lines_of(document.text)
        changeable |= {lower, *(line for line in range(upper, lower) if not lines[line])}
    check(raw, new, expected, changeable)
    assert remove(new, path, "mesh.yaml") == new


@given(files(), st.data())
def test_append_adds_one_item_and_changes_no_line(raw: bytes, data: st.DataObject) -> None:
    document = parse(raw, "mesh.yaml")
    lists = [path for path in paths_to(document.data, list) if is_key(path)]
    path = data.draw(st.sampled_from([*lists, ("new",)]))
    item = data.draw(VALUES)
    expected = copy.deepcopy(document.data)
    expected.setdefault("new", [])
    at(expected, path).append(item)
    if path != ("new",):
        del expected["new"]

    new = append(raw, path, item, "mesh.yaml")

    check(raw, new, expected, in_braces(document, path))


def is_key(path: Path) -> bool:
    return bool(path) and isinstance(path[-1], str)
