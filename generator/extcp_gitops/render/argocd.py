"""What Argo CD is to do with the repository: one root Application, and each cluster's own.

Explicit Applications instead of an ApplicationSet: what Argo CD will run is there to review, each
cluster has a project that reaches nothing but that cluster, and no controller stands between a
glitch and a thousand deletions. Behaviour said to be Argo CD's was read in its 3.2.11.

Law 5, safe to prune: no Application has a finalizer, so that deleting one leaves its cluster as it
is; none accepts an empty set; the CRDs are never pruned, and neither is the root.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.inventory.model import INGRESS_NAMESPACE, Destination, Role
from extcp_gitops.render import operators

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from extcp_gitops.inventory.model import Cluster, Inventory

Object = dict[str, Any]

IN_CLUSTER: Final = "https://kubernetes.default.svc"
"""The cluster where Argo CD itself runs, as Argo CD knows it."""

LABEL_MESH: Final = "extcp-gitops.io/mesh"
LABEL_CLUSTER: Final = "extcp-gitops.io/cluster"
LABEL_ROLE: Final = "extcp-gitops.io/role"

# Argo CD's globs let `*` match `/`, and a person's files lie in clusters/*/custom/: so the names
# are spelled out, and what lies deeper than clusters/<name>/argocd/ is taken out again.
INCLUDE: Final = (
    "{argocd/application.yaml,argocd/project.yaml,"
    "clusters/?*/argocd/applications.yaml,clusters/?*/argocd/project.yaml}"
)
EXCLUDE: Final = "clusters/*/*/argocd/*"

_ANNOTATION = "argocd.argoproj.io"
_CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")
_DEFAULT_VALIDATOR = "istiod-default-validator"

_LONGEST_NAME = 63  # an Application's name is a label's value where Argo CD tracks by label
_HASH_DIGITS = 10
_GLOB_SYNTAX = re.compile(r"[?*\\\[\]{},!]")

_REVISIONS = 3  # Git is the history
_COMPARE = {f"{_ANNOTATION}/compare-options": "ServerSideDiff=true"}


def root_name(inventory: Inventory) -> str:
    """Name of the mesh's root Application and of its AppProject."""
    return _bounded(f"extcp-{inventory.mesh.mesh_id}", _LONGEST_NAME)


def application_name(inventory: Inventory, cluster: Cluster) -> str:
    """Name of a cluster's Application and of its AppProject.

    Neither a mesh ID nor a slug holds a dot, so no two meshes can want the same name in one
    Argo CD, and none is the name of a root or of the Application with the CRDs.
    """
    name = f"{inventory.mesh.mesh_id}.{cluster.slug}"
    return _bounded(name, _LONGEST_NAME - len(".crds"))


def crds_application_name(inventory: Inventory, cluster: Cluster) -> str:
    """Name of the Application that brings a cluster its CRDs."""
    return f"{application_name(inventory, cluster)}.crds"


def root_objects(inventory: Inventory) -> list[Object]:
    """The AppProject and the Application that a person applies once, and that sync themselves.

    Returns:
        The AppProject for ``argocd/project.yaml`` and the Application for
        ``argocd/application.yaml``.
    """
    name = root_name(inventory)
    labels = {LABEL_MESH: inventory.mesh.mesh_id}
    # A merge that loses the files of the root must not take the root away.
    keep = {f"{_ANNOTATION}/sync-options": "Prune=false,Delete=false"}
    destination = {"server": IN_CLUSTER, "namespace": inventory.mesh.argocd_namespace}
    project = _object(inventory, "AppProject", name, labels, keep)
    project["spec"] = {
        "description": f"What Argo CD is told about the mesh {inventory.mesh.mesh_id}",
        "sourceRepos": [inventory.mesh.repository.url],
        "destinations": [destination],
        "clusterResourceWhitelist": [],
        "namespaceResourceWhitelist": _kinds(
            [("argoproj.io", "AppProject"), ("argoproj.io", "Application")]
        ),
    }
    paths = {f"{_ANNOTATION}/manifest-generate-paths": "/argocd;/clusters/*/argocd/*.yaml"}
    application = _object(inventory, "Application", name, labels, _COMPARE | keep | paths)
    application["spec"] = {
        "project": name,
        # `directory` said outright, or a kustomization.yaml at the top would change what this is.
        "source": _source(inventory, ".")
        | {"directory": {"recurse": True, "include": INCLUDE, "exclude": EXCLUDE}},
        "destination": destination,
        # No PruneLast: it would delete a cluster's AppProject together with its Applications, and
        # an Application that goes with what it deployed needs its project to the end.
        "syncPolicy": _sync_policy(prune=True, options=[]),
        "revisionHistoryLimit": _REVISIONS,
    }
    return [project, application]


def project(
    inventory: Inventory,
    cluster: Cluster,
    *,
    namespaces: Sequence[str],
    cluster_kinds: Collection[tuple[str, str]],
    namespaced_kinds: Collection[tuple[str, str]],
) -> Object:
    """A cluster's AppProject: this repository, this cluster alone, and named kinds only.

    Orphaned resources are not watched: istiod's own ``istio-ca-root-cert`` is in every namespace.

    Args:
        inventory: Valid.
        cluster: One of its clusters.
        namespaces: Where the cluster's objects are.
        cluster_kinds: Group and kind of the cluster-scoped ones; CRDs are always allowed.
        namespaced_kinds: Group and kind of the others; at least one.

    Raises:
        ValueError: There is no namespaced kind. Argo CD may drop an empty list, and takes none
            to mean that all kinds are allowed.
    """
    if not namespaced_kinds:
        raise ValueError(f"a project for {cluster.name} that allows no namespaced kind allows all")
    # A project matches a cluster by name or by server, and reads both as globs.
    reached = {
        key: _GLOB_SYNTAX.sub(r"\\\g<0>", value)
        for key, value in _destination(cluster.destination).items()
    }
    every = sorted({_namespace(inventory, cluster), *namespaces})
    result = _object(
        inventory,
        "AppProject",
        application_name(inventory, cluster),
        _labels(inventory, cluster),
        # First to come, and so the last to go: whatever belongs to it needs it.
        {f"{_ANNOTATION}/sync-wave": "-1"},
    )
    result["spec"] = {
        "description": f"Cluster {cluster.name} of the mesh {inventory.mesh.mesh_id}",
        "sourceRepos": [inventory.mesh.repository.url],
        "destinations": [reached | {"namespace": namespace} for namespace in every],
        "clusterResourceWhitelist": _kinds({_CRD, *cluster_kinds}),
        "namespaceResourceWhitelist": _kinds(namespaced_kinds),
    }
    return result


def applications(
    inventory: Inventory,
    cluster: Cluster,
    *,
    crds_paths: Sequence[str],
    paths: Sequence[str],
) -> list[Object]:
    """A cluster's two Applications: its CRDs, which nothing prunes, and all the rest.

    They are in one sync wave of the root: where somebody taught Argo CD the health of an
    Application, a later wave would wait for the CRDs of every cluster, reachable or not. What
    comes before its CRDs is tried again until they are there.

    Args:
        inventory: Valid.
        cluster: One of its clusters.
        crds_paths: Directories that the CRDs come from, relative to the repository; the first is
            the one that is built.
        paths: The same for the rest: the cluster's own directory, then the bases.
    """
    name = application_name(inventory, cluster)
    ignored = _ignored_differences(inventory, cluster)
    options = ["PruneLast=true", "SkipDryRunOnMissingResource=true"]
    if ignored:
        options.append("RespectIgnoreDifferences=true")
    crds = _cluster_application(
        inventory, cluster, crds_application_name(inventory, cluster), crds_paths
    )
    crds["spec"]["syncPolicy"] = _sync_policy(prune=False, options=[])
    rest = _cluster_application(inventory, cluster, name, paths)
    # Not ApplyOutOfSyncOnly: a sync here is some sixty objects, and applying all of them in the
    # order of their waves each time is what the order means.
    rest["spec"]["syncPolicy"] = _sync_policy(prune=True, options=options)
    if ignored:
        rest["spec"]["ignoreDifferences"] = ignored
    return [crds, rest]


def _cluster_application(
    inventory: Inventory, cluster: Cluster, name: str, paths: Sequence[str]
) -> Object:
    rendered_from = ";".join(f"/{path}" for path in paths)
    result = _object(
        inventory,
        "Application",
        name,
        _labels(inventory, cluster),
        _COMPARE | {f"{_ANNOTATION}/manifest-generate-paths": rendered_from},
    )
    result["spec"] = {
        "project": application_name(inventory, cluster),
        "source": _source(inventory, paths[0]),
        "destination": _destination(cluster.destination)
        | {"namespace": _namespace(inventory, cluster)},
        "revisionHistoryLimit": _REVISIONS,
    }
    return result


def _ignored_differences(inventory: Inventory, cluster: Cluster) -> list[Object]:
    """The fields that an istiod writes into what Git says: only with webhooks that it patches.

    With a host name the webhooks' certificate is not istiod's, and istiod is told to leave them.
    """
    if cluster.role is Role.EXTERNAL:
        return [
            _patched("MutatingWebhookConfiguration", "istio-sidecar-injector", "caBundle"),
            _validator(f"istio-validator-{INGRESS_NAMESPACE}"),
        ]
    plane = inventory.control_plane_of(cluster)
    if not plane.is_ip_address:
        return []
    injector = operators.injection_webhook(plane)
    result = [_patched("MutatingWebhookConfiguration", injector, "caBundle")]
    if inventory.is_config_cluster(cluster):
        # istiod finds validation webhooks by label, so it patches the default one as well.
        result += [_validator(operators.validation_webhook(plane)), _validator(_DEFAULT_VALIDATOR)]
    return result


def _validator(name: str) -> Object:
    # istiod sets Fail once it has seen itself refuse a bad object through the webhook.
    return _patched("ValidatingWebhookConfiguration", name, "caBundle", "failurePolicy")


def _patched(kind: str, name: str, *fields: str) -> Object:
    where = {"caBundle": "clientConfig.caBundle", "failurePolicy": "failurePolicy"}
    return {
        "group": "admissionregistration.k8s.io",
        "kind": kind,
        "name": name,
        "jqPathExpressions": [f".webhooks[]?.{where[field]}" for field in fields],
    }


def _object(
    inventory: Inventory,
    kind: str,
    name: str,
    labels: dict[str, str],
    annotations: dict[str, str],
) -> Object:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": inventory.mesh.argocd_namespace,
            "labels": labels,
            "annotations": annotations,
        },
    }


def _labels(inventory: Inventory, cluster: Cluster) -> dict[str, str]:
    ours = {
        LABEL_MESH: inventory.mesh.mesh_id,
        LABEL_CLUSTER: cluster.slug,
        LABEL_ROLE: "config" if inventory.is_config_cluster(cluster) else cluster.role.value,
    }
    return {**cluster.labels, **ours}


def _source(inventory: Inventory, path: str) -> Object:
    repository = inventory.mesh.repository
    return {"repoURL": repository.url, "targetRevision": repository.branch, "path": path}


def _destination(destination: Destination) -> dict[str, str]:
    if destination.server is not None:
        return {"server": destination.server}
    if destination.name is None:
        raise ValueError("a destination has a name or a server")
    return {"name": destination.name}


def _namespace(inventory: Inventory, cluster: Cluster) -> str:
    """The namespace in an Application's destination, which its project has to allow."""
    if cluster.role is Role.EXTERNAL:
        return INGRESS_NAMESPACE
    return inventory.control_plane_of(cluster).namespace


def _sync_policy(*, prune: bool, options: list[str]) -> Object:
    return {
        # What is false is left out: Argo CD takes such fields off the live object, and the root
        # would put them back for ever. allowEmpty is false, then, which law 5 asks for.
        "automated": {**({"prune": True} if prune else {}), "selfHeal": True},
        "syncOptions": ["ServerSideApply=true", *options],
        # The first bootstrap waits for a person to deliver credentials, for an hour or a day, and
        # Argo CD never tries a revision again that it has given up. So it retries without end
        # and, lest it hang on to an old revision meanwhile, each time with the newest (3.2).
        "retry": {
            "limit": -1,
            "refresh": True,
            "backoff": {"duration": "10s", "factor": 2, "maxDuration": "3m"},
        },
    }


def _kinds(kinds: Collection[tuple[str, str]]) -> list[Object]:
    return [{"group": group, "kind": kind} for group, kind in sorted(kinds)]


def _bounded(name: str, longest: int) -> str:
    """The name, or its beginning and a hash of it where it is too long."""
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{name[: longest - _HASH_DIGITS - 1].rstrip('-.')}-{digest}"
