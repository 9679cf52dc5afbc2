"""Argo CD's own objects: each cluster's project and Applications lead to that cluster alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_gitops.verify.agreement import facts
from extcp_gitops.verify.agreement.facts import Facts
from extcp_gitops.verify.objects import at, mapping, sequence

if TYPE_CHECKING:
    from collections.abc import Collection

    from extcp_gitops.errors import Finding
    from extcp_gitops.inventory.model import Cluster, Inventory
    from extcp_gitops.verify.objects import Built, Document


def check(
    inventory: Inventory, cluster: Cluster, read: Built, directories: Collection[str]
) -> list[Finding]:
    """Everything about a cluster's Argo CD objects that is not what the inventory says.

    Args:
        inventory: The mesh.
        cluster: One of its clusters.
        read: What ``clusters/<name>/argocd`` holds.
        directories: What there is to be deployed: the cluster's own directory and the CRDs.
    """
    found = Facts(read)
    projects = list(read.of_kind("AppProject"))
    applications = list(read.of_kind("Application"))
    if len(projects) != 1:
        found.add(facts.ARGOCD, f"there are {len(projects)} AppProjects, and should be one")
        return found.findings
    paths = sorted(str(at(item.data, "spec", "source", "path")) for item in applications)
    found.expect(facts.ARGOCD, "what the Applications deploy", paths, sorted(directories))
    for item in (*projects, *applications):
        wanted = inventory.mesh.argocd_namespace
        found.expect(facts.ARGOCD, f"the namespace of {item}", item.namespace, wanted)
    _project(inventory, cluster, projects[0], found)
    for application in applications:
        _application(inventory, cluster, application, projects[0], found)
    return found.findings


def _project(inventory: Inventory, cluster: Cluster, project: Document, found: Facts) -> None:
    repositories = at(project.data, "spec", "sourceRepos")
    url = inventory.mesh.repository.url
    found.expect(facts.ARGOCD, f"sourceRepos of {project}", repositories, [url])
    for item in sequence(project.data, "spec", "destinations"):
        # A project reads name and server as globs, in which '\' takes away a character's meaning.
        reached = tuple(
            _literal(value) if (value := at(item, key)) is not None else None
            for key in ("name", "server")
        )
        wanted = (cluster.destination.name, cluster.destination.server)
        found.expect(facts.ARGOCD, f"a destination of {project}", reached, wanted)
        if "*" in str(at(item, "namespace")):
            found.add(facts.ARGOCD, f"{project} allows every namespace")
    for field in ("clusterResourceWhitelist", "namespaceResourceWhitelist"):
        kinds = sequence(project.data, "spec", field)
        if not kinds or any("*" in (at(k, "group"), at(k, "kind")) for k in kinds):
            found.add(facts.ARGOCD, f"{field} of {project} allows every kind")


def _application(
    inventory: Inventory,
    cluster: Cluster,
    application: Document,
    project: Document,
    found: Facts,
) -> None:
    spec = mapping(application.data, "spec")
    source, destination = mapping(spec, "source"), mapping(spec, "destination")
    repository = inventory.mesh.repository
    for what, value, wanted in (
        ("project", spec.get("project"), project.name),
        ("repoURL", source.get("repoURL"), repository.url),
        ("targetRevision", source.get("targetRevision"), repository.branch),
        ("destination name", destination.get("name"), cluster.destination.name),
        ("destination server", destination.get("server"), cluster.destination.server),
    ):
        found.expect(facts.ARGOCD, f"{what} of {application}", value, wanted)


def _literal(glob: object) -> str:
    """The one name that a glob without wildcards matches; the glob itself where it has some."""
    text, result, escaped = str(glob), "", False
    for character in text:
        if not escaped and character in "?*[{":
            return text
        escaped = character == "\\" and not escaped
        result += "" if escaped else character
    return result
