"""Compares two sets of objects, one by one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.diff.model import Change, ObjectDiff
from extcp_gitops.yamlio.dump import dump

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extcp_gitops.verify.objects import Document

_CONTEXT: Final = 3
_HEADERS: Final = 2
_FIRST: Final = ("apiVersion", "kind", "metadata")
_HIDDEN: Final = "*** not shown ***"
_HIDDEN_CHANGE: Final = " (values that are not shown differ)\n"


def compare(before: Iterable[Document], after: Iterable[Document]) -> tuple[ObjectDiff, ...]:
    """The objects that differ, by kind and name.

    Args:
        before: Objects as they were.
        after: Objects as they are.
    """
    old = {document.key: document for document in before}
    new = {document.key: document for document in after}
    found = (_object(old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys()))
    return tuple(item for item in found if item is not None)


def _object(old: Document | None, new: Document | None) -> ObjectDiff | None:
    # Equal texts are one and the same document, so most pairs end here.
    if old is new or (old is not None and new is not None and old.data == new.data):
        return None
    if new is not None:
        change, shown = (Change.ADDED if old is None else Change.CHANGED), new
    elif old is not None:
        change, shown = Change.REMOVED, old
    else:
        return None
    return ObjectDiff(
        change=change,
        api_version=shown.api_version,
        kind=shown.kind,
        namespace=shown.namespace,
        name=shown.name,
        diff="".join(_lines(old, new)),
    )


def _lines(old: Document | None, new: Document | None) -> Iterator[str]:
    lines = list(difflib.unified_diff(_text(old), _text(new), n=_CONTEXT))
    return iter(lines[_HEADERS:] or [_HIDDEN_CHANGE])


def _text(document: Document | None) -> list[str]:
    if document is None:
        return []
    data = document.data
    if document.kind == "Secret":
        data = {key: _masked(value) if _is_secret(key) else value for key, value in data.items()}
    keys = [*(key for key in _FIRST if key in data), *sorted(set(data) - set(_FIRST))]
    return dump({key: _canonical(data[key]) for key in keys}).splitlines(keepends=True)


def _is_secret(key: str) -> bool:
    return key in {"data", "stringData"}


def _masked(value: object) -> object:
    return dict.fromkeys(value, _HIDDEN) if isinstance(value, dict) else _HIDDEN


def _canonical(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    if isinstance(value, dict):
        return {key: _canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return value
