"""Plans edits: which characters of a person's file give way to which.

A plan may be wrong where the file is written in an unusual way; whoever makes the edit compares
the result with what was meant. An empty plan says that there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_gitops.yamlio.dump import dump, quoted, scalar
from extcp_gitops.yamlio.nodes import Collection, Mapping, Node, Scalar, Sequence
from extcp_gitops.yamlio.page import Page, Splice

if TYPE_CHECKING:
    from collections.abc import Sequence as Steps


def put(page: Page, path: Steps[str | int], value: object) -> list[Splice]:
    """Sets the value at a path, of which only a beginning may exist."""
    nodes = page.along(path)
    depth = len(nodes) - 1
    if depth == len(path):
        return _replace(page, path, value)
    for step in reversed(path[depth + 1 :]):
        value = {step: value}
    parent = nodes[-1]
    if isinstance(parent, Mapping) and parent.entries:
        return [_insert(page, parent, {path[depth]: value})]
    return _replace(page, path[:depth], {path[depth]: value})


def add(page: Page, path: Steps[str | int], item: object) -> list[Splice]:
    """Adds an item to the list at a path; there may be none yet, or an empty one."""
    nodes = page.along(path)
    sequence = nodes[-1]
    if len(nodes) <= len(path) or not isinstance(sequence, Sequence) or not sequence.items:
        return put(page, path, [item])
    if sequence.flow:
        end = page.end(sequence.items[-1])
        return [Splice(end, end, f", {_flow(item)}")]
    return [_lines_after(page, sequence, sequence.start.column, [item])]


def drop(page: Page, path: Steps[str | int]) -> list[Splice]:
    """Removes the key at a path, which exists."""
    *above, parent, value = page.along(path)
    if not isinstance(parent, Mapping):
        return []
    if len(parent.entries) == 1:
        return _drop_only(page, path, above, parent)
    names = list(parent.entries)
    position = names.index(str(path[-1]))
    key = parent.entries[names[position]][0]
    following = parent.entries[names[position + 1]][0] if position + 1 < len(names) else None
    if parent.flow:
        before = parent.children[position - 1]
        return _drop_from_flow(page, before, key, value, following)
    return [_drop_from_block(page, key, value, following)]


def _replace(page: Page, path: Steps[str | int], value: object) -> list[Splice]:
    node = page.along(path)[-1]
    if not path:
        return [_over(page, node, page.newline.join(_lines(value)))]
    parent = page.along(path)[-2]
    if isinstance(parent, Collection) and parent.flow:
        return [_over(page, node, _flow(value))]
    first, *others = _lines({"k": value})
    head = first.removeprefix("k:")
    if not others and not page.is_block(node):
        return [_over(page, node, head.strip(" "))]
    if not isinstance(parent, Mapping):
        return [] if page.is_block(node) else [_over(page, node, _flow(value))]
    key = parent.entries[str(path[-1])][0]
    start = key.start.index
    comment = page.comment(key, node)
    first = page.text[start : page.after_colon(key)] + head + (f"  {comment}" if comment else "")
    lines = [first, *_indented(others, key.start.column)]
    return [Splice(start, page.line_end(page.end(node)), page.newline.join(lines))]


def _insert(page: Page, mapping: Mapping, entry: dict[str | int, object]) -> Splice:
    if mapping.flow:
        end = page.end(mapping.children[-1])
        return Splice(end, end, f", {_flow(entry)[1:-1]}")
    first_key = next(iter(mapping.entries.values()))[0]
    return _lines_after(page, mapping, first_key.start.column, entry)


def _lines_after(page: Page, node: Node, column: int, obj: object) -> Splice:
    # Comments that are indented further go with what stands above, and inside a literal block
    # they would be text.
    at = page.behind_comments(page.line_end(page.end(node)), column)
    lines = _indented(_lines(obj), column)
    return Splice(at, at, "".join(page.newline + line for line in lines))


def _drop_only(
    page: Page, path: Steps[str | int], above: list[Node], parent: Mapping
) -> list[Splice]:
    """Removes the only entry of a mapping, which becomes ``{}``."""
    if parent.flow:
        return [_over(page, parent, "{}")]
    ((key, value),) = parent.entries.values()
    if above and isinstance(above[-1], Mapping):
        colon = page.after_colon(above[-1].entries[str(path[-2])][0])
        return [Splice(colon, colon, " {}"), page.whole_lines(key.start.index, page.end(value))]
    return [Splice(key.start.index, page.end(value), "{}")]


def _drop_from_flow(
    page: Page, before: Node, key: Scalar, value: Node, following: Scalar | None
) -> list[Splice]:
    if following:
        start, end = key.start.index, following.start.index
        between = page.text[page.end(value) : end]
    else:
        start, end = page.end(before), page.end(value)
        between = page.text[start : key.start.index]
    return [] if "#" in between else [Splice(start, end, "")]


def _drop_from_block(page: Page, key: Scalar, value: Node, following: Scalar | None) -> Splice:
    start, end = key.start.index, page.end(value)
    if not page.text[page.line_start(start) : start].strip(" "):
        return page.whole_lines(start, end)
    # The key stands behind a dash, to which the next key moves up unless a comment is between.
    line_end = page.line_end(end)
    if following and not page.text[line_end : following.start.index].strip():
        return Splice(start, following.start.index, "")
    return Splice(len(page.text[:start].rstrip(" ")), line_end, "")


def _over(page: Page, node: Node, text: str) -> Splice:
    """Replaces a node in its place; null may have no characters at all."""
    start, end = node.start.index, node.end.index
    is_apart = end > start or page.text[start - 1] == " "
    return Splice(start, end, text if is_apart else f" {text}")


def _lines(obj: object) -> list[str]:
    return dump(obj).removesuffix("\n").split("\n")


def _indented(lines: list[str], column: int) -> list[str]:
    return [" " * column + line if line else line for line in lines]


def _flow(value: object) -> str:
    """The value on one line, for a place between braces or brackets."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        # Older readers stumble over a colon in an unquoted text between braces.
        return quoted(value) if ":" in value else scalar(value)
    return dump(value).removesuffix("\n")
