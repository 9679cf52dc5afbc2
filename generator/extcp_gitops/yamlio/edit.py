"""Edits a person's YAML file and leaves alone whatever the edit does not concern.

An edit is a few splices of the text, found by the marks of the parsed document. Comments, order,
quotes, line endings and a missing final line break stay because nobody touches them. The result
is parsed and compared with the data that was meant before anything is returned.
"""

from __future__ import annotations

import codecs
import copy
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError, Finding
from extcp_gitops.yamlio import plan
from extcp_gitops.yamlio.load import parse
from extcp_gitops.yamlio.page import Page
from extcp_gitops.yamlio.text import BOM
from extcp_gitops.yamlio.verify import DumpError, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extcp_gitops.yamlio.load import Data
    from extcp_gitops.yamlio.page import Splice


def set_value(raw: bytes, path: Sequence[str | int], value: object, file: str) -> bytes:
    """Sets what stands at the path, creating the mappings that lead to it.

    A collection that is replaced goes with the comments in it; the one behind its key stays.

    Args:
        raw: The file.
        path: Keys, and indices of items that exist; ends with a key.
        value: Whatever :func:`extcp_gitops.yamlio.dump.dump` takes.
        file: Goes into the findings.

    Returns:
        The edited file; the same bytes where the value is there already.

    Raises:
        ExtcpError: The file is not in order (see :func:`extcp_gitops.yamlio.load.parse`), the
            path runs through something that is no mapping (``EXTCP-Y021``), or this edit needs a
            person (``EXTCP-Y022``).
    """
    draft = _Draft(raw, path, file)
    draft.parent()[path[-1]] = value
    return draft.finish(plan.put(draft.page, path, value))


def append(raw: bytes, path: Sequence[str | int], value: object, file: str) -> bytes:
    """Adds an item to the list at the path; creates the list where there is none.

    Arguments, result and errors are those of :func:`set_value`.
    """
    draft = _Draft(raw, path, file)
    parent = draft.parent()
    items = parent.get(path[-1])
    if items is not None and not isinstance(items, list):
        raise draft.misplaced(path, "a list")
    parent[path[-1]] = [*(items or []), value]
    return draft.finish(plan.add(draft.page, path, value))


def remove(raw: bytes, path: Sequence[str | int], file: str) -> bytes:
    """Removes a key with its value; a mapping that loses its last key becomes ``{}``.

    Comments on lines of their own stay. Arguments, result and errors are those of
    :func:`set_value`; where there is no such key, the same bytes come back.
    """
    draft = _Draft(raw, path, file)
    if len(draft.page.along(path)) <= len(path):
        return raw
    del draft.parent()[path[-1]]
    return draft.finish(plan.drop(draft.page, path))


class _Draft:
    """A file that is to be edited.

    Attributes:
        page: The file as it is.
    """

    def __init__(self, raw: bytes, path: Sequence[str | int], file: str) -> None:
        self._raw = raw
        self._path = path
        self._document = parse(raw, file)
        self._meant = copy.deepcopy(self._document.data)
        self.page = Page(self._document)

    def parent(self) -> dict[str | int, Data]:
        """The mapping with the last key of the path in the data that is meant; made if missing."""
        node: Data = self._meant
        for depth, step in enumerate(self._path[:-1]):
            if isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node):
                node = node[step]
                continue
            if not isinstance(node, dict) or not isinstance(step, str):
                raise self.misplaced(self._path[:depth], "a mapping")
            if node.get(step) is None:
                node[step] = {}
            node = node[step]
        if not isinstance(node, dict) or not isinstance(self._path[-1], str):
            raise self.misplaced(self._path[:-1], "a mapping")
        return node

    def finish(self, splices: list[Splice]) -> bytes:
        """The edited file; an empty plan, and one that does not lead to what is meant, fail."""
        text = self.page.text
        if _says(text, self._meant):
            return self._raw
        for splice in sorted(splices, reverse=True):
            text = text[: splice.start] + splice.text + text[splice.end :]
        mark = BOM if self._raw.startswith(codecs.BOM_UTF8) else ""
        # A literal block at the end of the file may need the line break that the file had not.
        for edited in (f"{mark}{text}".encode(), f"{mark}{text}{self.page.newline}".encode()):
            if self._fits(edited):
                return edited
        raise self._by_hand()

    def _fits(self, edited: bytes) -> bool:
        try:
            return _says(parse(edited, self._document.file).text, self._meant)
        except ExtcpError:
            return False

    def misplaced(self, path: Sequence[str | int], wanted: str) -> ExtcpError:
        """The error for a path that leads to something other than what is wanted there."""
        message = f"{_shown(path)} is not {wanted}"
        remedy = f"make it {wanted}, or remove it, and try again"
        mark = self._document.mark(*path)
        return ExtcpError(Finding("EXTCP-Y021", message, remedy, self._document.file, *mark))

    def _by_hand(self) -> ExtcpError:
        message = f"{_shown(self._path)} cannot be changed without touching what is around it"
        remedy = (
            "write each key on a line of its own, end the file with a line break, and try again; "
            "or change it by hand"
        )
        mark = self._document.mark(*self._path)
        return ExtcpError(Finding("EXTCP-Y022", message, remedy, self._document.file, *mark))


def _says(text: str, meant: object) -> bool:
    try:
        verify(text.replace("\r\n", "\n"), [meant])
    except DumpError:
        return False
    return True


def _shown(path: Sequence[str | int]) -> str:
    return ".".join(str(step) for step in path) or "the document"
