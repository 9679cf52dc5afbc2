"""Kubernetes objects as they come out of Kustomize or a file, each distinct text read once.

A thousand remote clusters share nearly all of their documents, so what is learnt about one text
is remembered: a check that looks at a document alone looks at each distinct one once.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from extcp_gitops.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Object = dict[str, Any]

_SEPARATOR = "\n---\n"


@dataclass(frozen=True, eq=False)
class Document:
    """One object and its text; equal texts of one ``Reader`` are one and the same document."""

    text: str = field(repr=False)
    data: Object = field(repr=False)

    @property
    def kind(self) -> str:
        """Such as ``Deployment``."""
        return _text(self.data.get("kind"))

    @property
    def api_version(self) -> str:
        """Such as ``apps/v1``."""
        return _text(self.data.get("apiVersion"))

    @property
    def group(self) -> str:
        """API group; empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def metadata(self) -> Mapping[str, Any]:
        """``metadata``, or nothing where it is no mapping."""
        return mapping(self.data, "metadata")

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return _text(self.metadata.get("name"))

    @property
    def namespace(self) -> str:
        """``metadata.namespace``; empty where there is none."""
        return _text(self.metadata.get("namespace"))

    @functools.cached_property
    def key(self) -> tuple[str, str, str, str]:
        """Group, kind, namespace, name: what makes two objects the same one in a cluster."""
        return (self.group, self.kind, self.namespace, self.name)

    @property
    def annotations(self) -> Mapping[str, Any]:
        """``metadata.annotations``."""
        return mapping(self.metadata, "annotations")

    def __str__(self) -> str:
        return title(self.kind, self.namespace, self.name)


@dataclass(frozen=True)
class Built:
    """All objects of one directory, in the order of Kustomize.

    Attributes:
        directory: Relative to the repository.
        documents: The objects.
    """

    directory: str
    documents: tuple[Document, ...]

    @functools.cached_property
    def _index(self) -> Mapping[tuple[str, str, str], Object]:
        return {document.key[1:]: document.data for document in self.documents}

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object of that kind and name, of whatever API group; None where there is none."""
        return self._index.get((kind, namespace, name))

    def of_kind(self, *kinds: str) -> Iterator[Document]:
        """All objects of these kinds."""
        return (document for document in self.documents if document.kind in kinds)


class Reader:
    """Reads documents, and remembers what it has read; threads may share it."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Document, ...]] = {}
        self._lock = threading.Lock()

    def read(self, text: str) -> tuple[Document, ...]:
        """The objects of a text of many documents.

        Args:
            text: As Kustomize writes it, or a file of this repository.

        Raises:
            ExtcpError: EXTCP-Y020 where it is no YAML, or a document is no mapping.
        """
        # Each part keeps its last newline, or a literal block at its end would lose it.
        *parts, last = text.split(_SEPARATOR)
        texts = [*(f"{part}\n" for part in parts), last]
        with self._lock:  # or two threads would make two documents of one text
            return tuple(document for part in texts for document in self._part(part))

    def _part(self, text: str) -> tuple[Document, ...]:
        if text not in self._known:
            from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml when needed

            self._known[text] = tuple(Document(text, data) for data in load_objects(text))
        return self._known[text]


def distinct(built: Iterable[Built]) -> dict[Document, list[str]]:
    """Each document once, with the directories that have it; both in the order of ``built``."""
    found: dict[Document, list[str]] = {}
    for part in built:
        for document in part.documents:
            found.setdefault(document, []).append(part.directory)
    return found


def title(kind: str, namespace: str, name: str) -> str:
    """An object's kind and name for a person, on one line and without control characters."""
    return visible(f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}")


def mapping(value: object, *path: str) -> Mapping[str, Any]:
    """The mapping at a path; an empty one where something else, or nothing, is there."""
    found = at(value, *path)
    return found if isinstance(found, dict) else {}


def sequence(value: object, *path: str) -> list[Any]:
    """The list at a path; an empty one where something else, or nothing, is there."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def at(value: object, *path: str) -> Any:  # noqa: ANN401 - any YAML value
    """The value at a path of keys; None where the path ends early."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def elsewhere(directories: list[str]) -> str:
    """Words for the other directories of a finding that is shown for the first one."""
    return f" (and in {len(directories) - 1} more)" if len(directories) > 1 else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
