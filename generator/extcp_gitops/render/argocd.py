"""What Argo CD is to do with the repository: one root Application, and each cluster's own.

Explicit Applications instead of an ApplicationSet: what Argo CD will run is there to review, each
cluster has a project that reaches nothing but that cluster, and no controller stands between a
glitch and a thousand deletions. Behaviour said to be Argo CD's was read in its 3.2.11.

Law 5, safe to prune: no Application has a finalizer, so that deleting one leaves its cluster as it
is; none accepts an empty set; the CRDs are never pruned, and neither is the root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.inventory.model import INGRESS_NAMESPACE, Role
from extcp_gitops.render import argocd_forms as forms
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
BOT_ROLE: Final = "bot"
CREDENTIAL_ROLE: Final = "credential"

# Argo CD's globs let `*` match `/`, and a person's files lie in clusters/*/custom/: so the names
# are spelled out, and what lies deeper than clusters/<name>/argocd/ is taken out again.
INCLUDE: Final = (
    "{argocd/application.yaml,argocd/project.yaml,"
    "clusters/?*/argocd/applications.yaml,clusters/?*/argocd/project.yaml}"
)
EXCLUDE: Final = "clusters/*/*/argocd/*"

_CREDENTIAL_KINDS = (
    ("bitnami.com", "SealedSecret"),
    ("external-secrets.io", "ExternalSecret"),
)
_CRD = ("apiextensions.k8s.io", "CustomResourceDefinition")
_DEFAULT_VALIDATOR = "istiod-default-validator"

_CREDENTIAL = ".credential"
_LONGEST_NAME = 63  # an Application's name is a label's value where Argo CD tracks by label


def root_name(inventory: Inventory) -> str:
    """Name of the mesh's root Application and of its AppProject."""
    return forms.bounded(f"extcp-{inventory.mesh.mesh_id}", _LONGEST_NAME)


def application_name(inventory: Inventory, cluster: Cluster) -> str:
    """Name of a cluster's Application and of its AppProject.

    Neither a mesh ID nor a slug holds a dot, so no two meshes can want the same name in one
    Argo CD, and none is the name of a root or of the Application with the CRDs.
    """
    name = f"{inventory.mesh.mesh_id}.{cluster.slug}"
    return forms.bounded(name, _LONGEST_NAME - len(".crds"))


def crds_application_name(inventory: Inventory, cluster: Cluster) -> str:
    """Name of the Application that brings a cluster its CRDs."""
    return f"{application_name(inventory, cluster)}.crds"


def bot_name(inventory: Inventory) -> str:
    """Name of the Application that brings the external cluster the bot, and of its AppProject."""
    return f"{application_name(inventory, inventory.external)}.bot"


def credential_name(inventory: Inventory, cluster: Cluster) -> str:
    """Name of the Application that makes a cluster's remote secret, and of its AppProject."""
    name = f"{inventory.mesh.mesh_id}.{cluster.slug}"
    return f"{forms.bounded(name, _LONGEST_NAME - len(_CREDENTIAL))}{_CREDENTIAL}"


def root_objects(inventory: Inventory) -> list[Object]:
    """The AppProject and the Application that a person applies once, and that sync themselves.

    Returns:
        The AppProject for ``argocd/project.yaml`` and the Application for
        ``argocd/application.yaml``.
    """
    name = root_name(inventory)
    labels = {LABEL_MESH: inventory.mesh.mesh_id}
    # A merge that loses the files of the root must not take the root away.
    keep = {f"{forms.ANNOTATION}/sync-options": "Prune=false,Delete=false"}
    destination = {"server": IN_CLUSTER, "namespace": inventory.mesh.argocd_namespace}
    project = forms.new(inventory, "AppProject", name, labels, keep)
    project["spec"] = {
        "description": f"What Argo CD is told about the mesh {inventory.mesh.mesh_id}",
        "sourceRepos": [inventory.mesh.repository.url],
        "destinations": [destination],
        "clusterResourceWhitelist": [],
        "namespaceResourceWhitelist": forms.allowed(
            [("argoproj.io", "AppProject"), ("argoproj.io", "Application")]
        ),
    }
    paths = {f"{forms.ANNOTATION}/manifest-generate-paths": "/argocd;/clusters/*/argocd/*.yaml"}
    application = forms.new(inventory, "Application", name, labels, forms.COMPARE | keep | paths)
    application["spec"] = {
        "project": name,
        # `directory` said outright, or a kustomization.yaml at the top would change what this is.
        "source": forms.source(inventory, ".")
        | {"directory": {"recurse": True, "include": INCLUDE, "exclude": EXCLUDE}},
        "destination": destination,
        # No PruneLast: it would delete a cluster's AppProject together with its Applications, and
        # an Application that goes with what it deployed needs its project to the end.
        "syncPolicy": forms.sync_policy(prune=True, options=[]),
        "revisionHistoryLimit": forms.REVISIONS,
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
    """A cluster's AppProject; raises as ``argocd_forms.project``.

    Args:
        inventory: Valid.
        cluster: One of its clusters.
        namespaces: Where the cluster's objects are.
        cluster_kinds: Group and kind of the cluster-scoped ones; CRDs are always allowed.
        namespaced_kinds: Group and kind of the others.
    """
    return forms.project(
        inventory,
        cluster,
        application_name(inventory, cluster),
        labels=_labels(inventory, cluster),
        description=f"Cluster {cluster.name} of the mesh {inventory.mesh.mesh_id}",
        namespaces={_namespace(inventory, cluster), *namespaces},
        cluster_kinds={_CRD, *cluster_kinds},
        namespaced_kinds=namespaced_kinds,
    )


def bot_objects(
    inventory: Inventory,
    path: str,
    *,
    namespaces: Sequence[str],
    cluster_kinds: Collection[tuple[str, str]],
    namespaced_kinds: Collection[tuple[str, str]],
) -> tuple[Object, Object]:
    """The AppProject and the Application of the bot in the external cluster.

    They are its own: a bot that does not start keeps no istiod from being synced, and the project
    of the external cluster does not have to allow what the bot alone needs.

    Args:
        inventory: With a bot in the cluster.
        path: Directory that is built, relative to the repository.
        namespaces: Where the objects are; the first is the bot's own.
        cluster_kinds: As for :func:`project`.
        namespaced_kinds: As for :func:`project`.
    """
    cluster, name = inventory.external, bot_name(inventory)
    labels = {**_labels(inventory, cluster), LABEL_ROLE: BOT_ROLE}
    project = forms.project(
        inventory,
        cluster,
        name,
        labels=labels,
        description=f"The bot of the mesh {inventory.mesh.mesh_id}",
        namespaces=set(namespaces),
        cluster_kinds=cluster_kinds,
        namespaced_kinds=namespaced_kinds,
    )
    application = forms.application(
        inventory, cluster, name, [path], project=name, namespace=namespaces[0], labels=labels
    )
    application["spec"]["syncPolicy"] = forms.sync_policy(prune=True, options=[])
    return project, application


def credential_objects(inventory: Inventory, cluster: Cluster) -> tuple[Object, Object]:
    """The AppProject and the Application of the documents that make a cluster's remote secret.

    They lead to the external cluster, and are with the cluster that they are for: its pull request
    changes no file of another one (law 2). Nothing but these kinds may come that way.

    Args:
        inventory: Valid.
        cluster: A remote cluster with such documents.
    """
    name, plane = credential_name(inventory, cluster), inventory.control_plane_of(cluster)
    labels = {**_labels(inventory, cluster), LABEL_ROLE: CREDENTIAL_ROLE}
    project = forms.project(
        inventory,
        inventory.external,
        name,
        labels=labels,
        description=f"The remote secret of cluster {cluster.name}",
        namespaces={plane.namespace},
        # A list of kinds of which none is cluster-scoped allows no such object, and is not empty.
        cluster_kinds=_CREDENTIAL_KINDS,
        namespaced_kinds=_CREDENTIAL_KINDS,
    )
    application = forms.application(
        inventory,
        inventory.external,
        name,
        [f"{cluster.directory}/credential"],
        project=name,
        namespace=plane.namespace,
        labels=labels,
    )
    application["spec"]["syncPolicy"] = forms.sync_policy(prune=True, options=[])
    return project, application


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
    crds["spec"]["syncPolicy"] = forms.sync_policy(prune=False, options=[])
    rest = _cluster_application(inventory, cluster, name, paths)
    # Not ApplyOutOfSyncOnly: a sync here is some sixty objects, and applying all of them in the
    # order of their waves each time is what the order means.
    rest["spec"]["syncPolicy"] = forms.sync_policy(prune=True, options=options)
    if ignored:
        rest["spec"]["ignoreDifferences"] = ignored
    return [crds, rest]


def _cluster_application(
    inventory: Inventory, cluster: Cluster, name: str, paths: Sequence[str]
) -> Object:
    return forms.application(
        inventory,
        cluster,
        name,
        paths,
        project=application_name(inventory, cluster),
        namespace=_namespace(inventory, cluster),
        labels=_labels(inventory, cluster),
    )


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


def _labels(inventory: Inventory, cluster: Cluster) -> dict[str, str]:
    ours = {
        LABEL_MESH: inventory.mesh.mesh_id,
        LABEL_CLUSTER: cluster.slug,
        LABEL_ROLE: "config" if inventory.is_config_cluster(cluster) else cluster.role.value,
    }
    return {**cluster.labels, **ours}


def _namespace(inventory: Inventory, cluster: Cluster) -> str:
    """The namespace in an Application's destination, which its project has to allow."""
    if cluster.role is Role.EXTERNAL:
        return INGRESS_NAMESPACE
    return inventory.control_plane_of(cluster).namespace
