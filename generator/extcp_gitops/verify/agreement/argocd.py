"""Argo CD's own objects: each cluster's project and Applications lead to that cluster alone.

Those of its remote secret lead to the external cluster, and nothing else may come that way.
And the root, which tells Argo CD of all of them, can tell it nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_gitops.inventory.model import Destination
from extcp_gitops.verify.agreement import facts
from extcp_gitops.verify.agreement.facts import Facts
from extcp_gitops.verify.objects import at, mapping, sequence

if TYPE_CHECKING:
    from collections.abc import Collection

    from extcp_gitops.errors import Finding
    from extcp_gitops.inventory.model import Cluster, Inventory
    from extcp_gitops.verify.objects import Built, Document

_KIND_LISTS: Final = ("clusterResourceWhitelist", "namespaceResourceWhitelist")
CREDENTIAL: Final = "credential"
CREDENTIAL_KINDS: Final = frozenset(
    {("bitnami.com", "SealedSecret"), ("external-secrets.io", "ExternalSecret")}
)
_IN_CLUSTER: Final = "https://kubernetes.default.svc"


def check(
    inventory: Inventory, cluster: Cluster, read: Built, *directories: Collection[str]
) -> list[Finding]:
    """Everything about a cluster's Argo CD objects that is not what the inventory says.

    Args:
        inventory: The mesh.
        cluster: One of its clusters.
        read: What ``clusters/<name>/argocd`` holds.
        directories: What there is to be deployed, for each AppProject: the cluster's own
            directory and the CRDs, and where the bot runs there, its directory; the documents
            of its remote secret.
    """
    found = Facts(read)
    projects = {project.name: project for project in read.of_kind("AppProject")}
    applications = list(read.of_kind("Application"))
    if (number := len(list(read.of_kind("AppProject")))) != len(directories):
        wanted = "one" if len(directories) == 1 else len(directories)
        found.add(facts.ARGOCD, f"there are {number} AppProjects, and should be {wanted}")
        return found.findings
    deployed: dict[str, list[str]] = {name: [] for name in projects}
    for application in applications:
        name = str(at(application.data, "spec", "project"))
        deployed.setdefault(name, []).append(str(at(application.data, "spec", "source", "path")))
    paths = sorted(map(sorted, deployed.values()))
    found.expect(
        facts.ARGOCD, "what the Applications deploy", paths, sorted(map(sorted, directories))
    )
    credential = f"{cluster.directory}/{CREDENTIAL}"
    reached = {
        name: inventory.external if credential in paths else cluster
        for name, paths in deployed.items()
    }
    for project in projects.values():
        _project(inventory, reached[project.name], project, found)
        if credential in deployed[project.name]:
            _credential_project(project, found)
    first = next(iter(projects.values()))
    for application in applications:
        project = projects.get(str(at(application.data, "spec", "project")), first)
        destination = reached[project.name].destination
        _application(inventory, destination, application, project, found)
    return found.findings


def check_root(inventory: Inventory, built: Built) -> list[Finding]:
    """Everything about the root AppProject and Application that is not as the inventory says.

    Args:
        inventory: The mesh.
        built: ``argocd/``.
    """
    found = Facts(built)
    namespace = inventory.mesh.argocd_namespace
    projects = list(built.of_kind("AppProject"))
    applications = list(built.of_kind("Application"))
    if (len(projects), len(applications)) != (1, 1):
        found.add(facts.ARGOCD, "there should be one AppProject and one Application")
        return found.findings
    (project,), (application,) = projects, applications
    allowed = [
        (field, at(kind, "group"), at(kind, "kind"))
        for field in _KIND_LISTS
        for kind in sequence(project.data, "spec", field)
    ]
    kinds = ("AppProject", "Application")
    wanted = [(_KIND_LISTS[1], "argoproj.io", kind) for kind in kinds]
    found.expect(facts.ARGOCD, f"what {project} allows", allowed, wanted)
    url = inventory.mesh.repository.url
    for what, value, expected in (
        (f"the namespace of {project}", project.namespace, namespace),
        (f"sourceRepos of {project}", at(project.data, "spec", "sourceRepos"), [url]),
        (
            f"the destinations of {project}",
            at(project.data, "spec", "destinations"),
            [{"namespace": namespace, "server": _IN_CLUSTER}],
        ),
    ):
        found.expect(facts.ARGOCD, what, value, expected)
    in_cluster = Destination(server=_IN_CLUSTER)
    _application(inventory, in_cluster, application, project, found)
    return found.findings


def _project(inventory: Inventory, cluster: Cluster, project: Document, found: Facts) -> None:
    namespace = inventory.mesh.argocd_namespace
    found.expect(facts.ARGOCD, f"namespace of {project}", project.namespace, namespace)
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
    for field in _KIND_LISTS:
        kinds = sequence(project.data, "spec", field)
        if not kinds or any("*" in (at(k, "group"), at(k, "kind")) for k in kinds):
            found.add(facts.ARGOCD, f"{field} of {project} allows every kind")


def _credential_project(project: Document, found: Facts) -> None:
    """It leads to the external cluster out of a directory of another one."""
    for field in _KIND_LISTS:
        kinds = {(at(k, "group"), at(k, "kind")) for k in sequence(project.data, "spec", field)}
        if not kinds <= CREDENTIAL_KINDS:
            found.add(facts.ARGOCD, f"{field} of {project} allows more than remote secrets")


def _application(
    inventory: Inventory,
    wanted: Destination,
    application: Document,
    project: Document,
    found: Facts,
) -> None:
    spec = mapping(application.data, "spec")
    source, destination = mapping(spec, "source"), mapping(spec, "destination")
    repository = inventory.mesh.repository
    for what, value, expected in (
        ("namespace", application.namespace, inventory.mesh.argocd_namespace),
        ("project", spec.get("project"), project.name),
        ("repoURL", source.get("repoURL"), repository.url),
        ("targetRevision", source.get("targetRevision"), repository.branch),
        ("destination name", destination.get("name"), wanted.name),
        ("destination server", destination.get("server"), wanted.server),
    ):
        found.expect(facts.ARGOCD, f"{what} of {application}", value, expected)


def _literal(glob: object) -> str:
    """The one name that a glob without wildcards matches; the glob itself where it has some."""
    text, result, escaped = str(glob), "", False
    for character in text:
        if not escaped and character in "?*[{":
            return text
        escaped = character == "\\" and not escaped
        result += "" if escaped else character
    return result
