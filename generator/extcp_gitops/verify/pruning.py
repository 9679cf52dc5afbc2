"""Law 5, safe to prune: nothing that Argo CD does by itself may delete a mesh.

A CRD that is pruned takes every object of its kind with it, a Namespace everything in it, and a
finalizer on an Application all that it deployed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_gitops.errors import Finding
from extcp_gitops.verify.objects import at, elsewhere, mapping, sequence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from extcp_gitops.verify.objects import Built, Document

_SYNC_OPTIONS: Final = "argocd.argoproj.io/sync-options"
_KEPT: Final = ("CustomResourceDefinition", "Namespace")
_WANTED: Final = frozenset({"Prune=false", "Delete=false"})


def check(documents: Mapping[Document, list[str]], built: Iterable[Built]) -> Iterator[Finding]:
    """Whatever could be deleted though nobody asked for it.

    Args:
        documents: All objects, each with the directories that hold it.
        built: What Kustomize made of each directory, and what was read of Argo CD's files.
    """
    built = list(built)
    crds = {part.directory for part in built if any(part.of_kind("CustomResourceDefinition"))}
    for document, directories in documents.items():
        if document.kind in _KEPT:
            yield from _kept(document, directories)
        elif document.kind == "Application" and document.group == "argoproj.io":
            yield from _application(document, directories, crds)
    for part in built:
        if not part.documents:
            yield Finding(
                "EXTCP-V044",
                "no object comes out of this directory: Argo CD would be told that nothing is left",
                "run 'extcp-gitops generate', and see what custom/ does",
                part.directory,
            )


def _kept(document: Document, directories: list[str]) -> Iterator[Finding]:
    said = document.annotations.get(_SYNC_OPTIONS)
    options = {part.strip() for part in said.split(",")} if isinstance(said, str) else set()
    missing = sorted(_WANTED - options)
    if missing:
        yield Finding(
            "EXTCP-V040",
            f"{document}{elsewhere(directories)} lacks {' and '.join(missing)} in its annotation "
            f"{_SYNC_OPTIONS}: pruning could delete it with all that depends on it",
            f"annotate it with {_SYNC_OPTIONS}: Prune=false,Delete=false",
            directories[0],
        )


def _application(
    document: Document, directories: list[str], crds: Collection[str]
) -> Iterator[Finding]:
    if sequence(document.metadata, "finalizers"):
        yield Finding(
            "EXTCP-V041",
            f"{document}{elsewhere(directories)} has a finalizer: deleting it would delete "
            "everything that it deployed",
            "remove metadata.finalizers",
            directories[0],
        )
    automated = mapping(document.data, "spec", "syncPolicy", "automated")
    if automated.get("allowEmpty", False):
        yield Finding(
            "EXTCP-V042",
            f"{document}{elsewhere(directories)} accepts an empty set: a bad merge that empties "
            "its directory would delete everything",
            "set syncPolicy.automated.allowEmpty to false",
            directories[0],
        )
    deployed = str(at(document.data, "spec", "source", "path"))
    if deployed in crds and automated.get("prune", False):
        yield Finding(
            "EXTCP-V043",
            f"{document} prunes, and deploys CRDs: with one of these goes every object of its kind",
            "set syncPolicy.automated.prune to false",
            directories[0],
        )
