"""The text of a person's file, and where the parts of it end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from extcp_gitops.yamlio.nodes import Collection, Node, Scalar, child

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extcp_gitops.yamlio.load import Document

_TO_COLON = re.compile(r"\s*:")
_COMMENT = re.compile(r"#[^\r\n]*")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*")


class Splice(NamedTuple):
    """Replaces the characters from ``start`` up to ``end``."""

    start: int
    end: int
    text: str


class Page:
    """A document's text, with the ends that PyYAML does not tell.

    Attributes:
        text: Without a byte order mark.
        root: The document's node.
        newline: What ends the lines of this file.
    """

    def __init__(self, document: Document) -> None:
        self.text = document.text
        self.root = document.root
        self.newline = "\r\n" if "\r\n" in self.text else "\n"

    def along(self, path: Sequence[str | int]) -> list[Node]:
        """The nodes from the root to the end of the path, or to the last one that is there."""
        nodes: list[Node] = [self.root]
        for step in path:
            below = child(nodes[-1], step)
            if below is None:
                break
            nodes.append(below)
        return nodes

    def line_start(self, index: int) -> int:
        """Where the line begins that holds the index."""
        return self.text.rfind("\n", 0, index) + 1

    def line_end(self, index: int) -> int:
        """Where the characters of that line end, line break not counted."""
        end = self.text.find("\n", index)
        if end == -1:
            return len(self.text)
        return end - 1 if self.text[end - 1 : end] == "\r" else end

    def behind_comments(self, index: int, column: int) -> int:
        """From the end of a line to behind the comments below that are indented further."""
        comments = re.compile(rf"(?:\r?\n *)*\r?\n {{{column + 1},}}#[^\r\n]*")
        while match := comments.match(self.text, index):
            index = match.end()
        return index

    def whole_lines(self, start: int, end: int) -> Splice:
        """Removes the lines from that of ``start`` to that of ``end``.

        At the end of a file without a final line break, the break before them goes instead.
        """
        first, last = self.line_start(start), self.line_end(end)
        if last < len(self.text):
            return Splice(first, self.text.index("\n", last) + 1, "")
        return Splice(max(0, first - len(self.newline)), last, "")

    def after_colon(self, key: Scalar) -> int:
        """Behind the colon of a key."""
        colon = _TO_COLON.match(self.text, key.end.index)
        return colon.end() if colon else int(key.end.index)

    @staticmethod
    def is_block(node: Node) -> bool:
        """Whether a node ends by indentation, not by a character of its own."""
        if isinstance(node, Scalar):
            return node.is_block
        return isinstance(node, Collection) and not node.flow

    def end(self, node: Node) -> int:
        """Behind the last character of a node; comments do not count."""
        if isinstance(node, Scalar) and node.is_block:
            return self._block_end(node)
        if isinstance(node, Collection) and not node.flow:
            return self.end(node.children[-1])
        return int(node.end.index)

    def comment(self, key: Scalar, value: Node) -> str:
        """The comment on the line of a key, before or behind the value; empty without one."""
        index = self.end(value)
        if value.start.line != key.end.line:
            index = self.after_colon(key)
        elif isinstance(value, Scalar) and value.is_block:
            index = value.start.index
        match = _COMMENT.search(self.text, index, self.line_end(index))
        return match[0] if match else ""

    def _block_end(self, scalar: Scalar) -> int:
        start, end = int(scalar.start.index), int(scalar.end.index)
        header = _BLOCK_HEADER.match(self.text, start)
        if header and "+" in header[0]:
            # Empty lines behind the text are part of it.
            return self.line_end(end - 1) if self.text[end - 1] == "\n" else end
        return start + len(self.text[start:end].rstrip())
