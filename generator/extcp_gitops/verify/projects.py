"""Each object is allowed by its cluster's AppProject, or Argo CD would refuse the whole sync.

The generator lists the kinds and namespaces of what it generates; what a person adds in
``custom/`` may be of another kind or in another namespace, and is found here, not after the merge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extcp_gitops.errors import Finding
from extcp_gitops.verify.objects import at, sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_gitops.verify.objects import Built, Document

_REMEDY = (
    "take it out of custom/ and deploy it by an Application of your own; this cluster's AppProject "
    "allows the mesh and what belongs to it"
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an AppProject lets Argo CD deploy.

    Attributes:
        cluster_kinds: Group and kind of cluster-scoped objects.
        namespaced_kinds: Group and kind of the others.
        namespaces: Where they may be.
        default_namespace: Of the Application's destination, for objects that name none.
    """

    cluster_kinds: frozenset[tuple[str, str]]
    namespaced_kinds: frozenset[tuple[str, str]]
    namespaces: frozenset[str]
    default_namespace: str

    @classmethod
    def by(cls, project: Document, application: Document) -> Allowed:
        """What a project allows an Application of a cluster."""
        destinations = sequence(project.data, "spec", "destinations")
        return cls(
            _kinds(project, "clusterResourceWhitelist"),
            _kinds(project, "namespaceResourceWhitelist"),
            frozenset(str(at(item, "namespace")) for item in destinations),
            str(at(application.data, "spec", "destination", "namespace") or ""),
        )


def check(built: Built, allowed: Allowed) -> Iterator[Finding]:
    """Objects of one directory that its project does not allow.

    Args:
        built: The directory.
        allowed: By the project of its cluster.
    """
    for document in built.documents:
        kind = (document.group, document.kind)
        if kind in allowed.cluster_kinds:
            continue
        if kind not in allowed.namespaced_kinds:
            yield _refused(built, f"{document} is of a kind that its AppProject does not allow")
        elif (document.namespace or allowed.default_namespace) not in allowed.namespaces:
            where = ", ".join(sorted(allowed.namespaces))
            yield _refused(built, f"{document} is in another namespace than {where}")


def _refused(built: Built, why: str) -> Finding:
    message = f"{why}: Argo CD would refuse to sync this cluster"
    return Finding("EXTCP-V050", message, _REMEDY, built.directory)


def _kinds(project: Document, field: str) -> frozenset[tuple[str, str]]:
    items: list[Any] = sequence(project.data, "spec", field)
    return frozenset((str(at(item, "group")), str(at(item, "kind"))) for item in items)
