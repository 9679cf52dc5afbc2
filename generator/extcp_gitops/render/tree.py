"""Everything that is generated, as paths and bytes in memory; the disk comes later.

A pure function of the inventory and of what istioctl rendered: the same input gives the same
bytes on any machine, and a cluster's own files depend on nothing another cluster says (law 2).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_gitops import plan
from extcp_gitops.inventory import schema
from extcp_gitops.inventory.model import INGRESS_NAMESPACE
from extcp_gitops.render import (
    argocd,
    bases,
    bot,
    external_cluster,
    forge,
    kustomization,
    remote_cluster,
    runbook,
)
from extcp_gitops.render.bases import Kind
from extcp_gitops.render.stamp import stamp
from extcp_gitops.yamlio.dump import dump_all
from extcp_gitops.yamlio.verify import verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from extcp_gitops.inventory.model import Cluster, Inventory
    from extcp_gitops.render.bases import Rendered
    from extcp_gitops.render.deltas import Object

ARGOCD: Final = "argocd"

_ATTRIBUTES = """\
# Generated files fold away in a review, and their bytes are the same on every machine.
* text=auto eol=lf
/istio/** linguist-generated
/.extcp-gitops/** linguist-generated
"""

_IGNORE = """\
# What a run keeps here while it works.
/lock
/journal
"""

_FOR_PEOPLE: Final = (
    Kind("", "ConfigMap", namespaced=True),
    Kind("networking.k8s.io", "NetworkPolicy", namespaced=True),
    Kind("policy", "PodDisruptionBudget", namespaced=True),
)
"""Kinds that a person may add in ``custom`` beside Istio's own and those in use anyway."""

_ALWAYS: Final = (
    Kind("", "Namespace", namespaced=False),
    Kind("apiextensions.k8s.io", "CustomResourceDefinition", namespaced=False),
)


Body = str | list["Object"]
"""A file as text, or as the objects that it is to hold."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Everything that is generated for an inventory.

    Attributes:
        contents: By path, each with its stamp.
        objects: Of those files that hold objects of our own making, by path.
    """

    contents: Mapping[str, bytes]
    objects: Mapping[str, list[Object]]

    def verify(self, paths: Iterable[str]) -> None:
        """Parse files again and compare them with the objects that they are to hold.

        Args:
            paths: Those about to be written; what is on the disk already was verified then.

        Raises:
            DumpError: A bug of ours; nothing may be written.
        """
        for path in paths:
            if path in self.objects:
                verify(self.contents[path].decode(), self.objects[path])


def tree(inventory: Inventory, rendered: Mapping[str, Rendered]) -> Tree:
    """Everything that is generated for an inventory.

    Args:
        inventory: Valid.
        rendered: What ``bases.render`` returned for ``plan.bases(inventory)``.
    """
    contents: dict[str, bytes] = {}
    objects: dict[str, list[Object]] = {}
    for part in _parts(inventory, rendered):
        for path, body in part:
            if isinstance(body, list):
                objects[path] = body
            contents[path] = stamp(path, body if isinstance(body, str) else dump_all(body))
    return Tree(contents, objects)


def _parts(
    inventory: Inventory, rendered: Mapping[str, Rendered]
) -> Iterator[Iterable[tuple[str, Body]]]:
    yield _repository(inventory)
    for base in plan.bases(inventory):
        yield bases.files(base, rendered[base.path]).items()
    yield _argocd(inventory)
    yield _external(inventory, rendered)
    for cluster in inventory.remotes:
        yield _remote(inventory, cluster, rendered)


def _repository(inventory: Inventory) -> Iterator[tuple[str, str]]:
    yield "README.md", runbook.readme(inventory)
    yield ".gitattributes", _ATTRIBUTES
    yield ".extcp-gitops/.gitignore", _IGNORE
    for kind, form in schema.BY_KIND.items():
        yield f"{schema.DIRECTORY}/{kind}.schema.json", json.dumps(form, indent=2) + "\n"
    yield from forge.files(inventory).items()


def _argocd(inventory: Inventory) -> Iterator[tuple[str, Body]]:
    names = {"AppProject": "project.yaml", "Application": "application.yaml"}
    for item in argocd.root_objects(inventory):
        yield f"{ARGOCD}/{names[item['kind']]}", [item]
    yield f"{ARGOCD}/kustomization.yaml", kustomization.argocd_kustomization(names.values())


def _external(inventory: Inventory, rendered: Mapping[str, Rendered]) -> Iterator[tuple[str, Body]]:
    cluster = inventory.external
    own = {"namespaces.yaml": external_cluster.namespaces(inventory)}
    for plane in inventory.mesh.control_planes:
        own[f"control-planes/{plane.name}.yaml"] = external_cluster.routing(plane)
    namespaces = [INGRESS_NAMESPACE, *(p.namespace for p in inventory.mesh.control_planes)]
    more = bot.argocd_objects(inventory)
    yield from _cluster(inventory, cluster, own, namespaces, rendered, more=more)
    yield from bot.files(inventory).items()


def _remote(
    inventory: Inventory, cluster: Cluster, rendered: Mapping[str, Rendered]
) -> Iterator[tuple[str, Body]]:
    first = plan.bases_of(inventory, cluster)[0]
    webhooks = rendered[first].webhooks
    own = {"namespace.yaml": [remote_cluster.system_namespace(inventory, cluster)]}
    if kustomization.exposes_services(inventory, cluster):
        gateway = remote_cluster.cross_network_gateway(inventory, cluster)
        own["cross-network-gateway.yaml"] = [gateway]
    patch = remote_cluster.injection_webhook_patch(inventory, cluster, webhooks)
    namespaces = [inventory.control_plane_of(cluster).namespace]
    more: tuple[list[Object], list[Object]] = ([], [])
    if cluster.credential:
        project, application = argocd.credential_objects(inventory, cluster)
        more = [project], [application]
    yield from _cluster(inventory, cluster, own, namespaces, rendered, more=more)
    yield f"{cluster.directory}/injection-webhook.yaml", [patch]


def _cluster(
    inventory: Inventory,
    cluster: Cluster,
    own: Mapping[str, list[Object]],
    namespaces: list[str],
    rendered: Mapping[str, Rendered],
    *,
    more: tuple[list[Object], list[Object]] = ([], []),
) -> Iterator[tuple[str, Body]]:
    """A cluster's kustomization, its own objects, and what Argo CD is to do with them.

    ``more`` are further AppProjects and Applications that go with it.
    """
    yield (
        f"{cluster.directory}/kustomization.yaml",
        kustomization.cluster_kustomization(inventory, cluster),
    )
    for name, objects in own.items():
        yield f"{cluster.directory}/{name}", objects
    paths = plan.bases_of(inventory, cluster)
    crds = plan.crds_path(inventory)
    kinds = {bases.kind_of(item) for objects in own.values() for item in objects}
    kinds.update(_ALWAYS, _FOR_PEOPLE, rendered[crds].defines)
    for path in paths:
        kinds.update(rendered[path].kinds)
    project = argocd.project(
        inventory,
        cluster,
        namespaces=namespaces,
        cluster_kinds=sorted((k.group, k.kind) for k in kinds if not k.namespaced),
        namespaced_kinds=sorted((k.group, k.kind) for k in kinds if k.namespaced),
    )
    applications = argocd.applications(
        inventory, cluster, crds_paths=[crds], paths=[cluster.directory, *paths]
    )
    yield f"{cluster.directory}/{ARGOCD}/project.yaml", [project, *more[0]]
    yield f"{cluster.directory}/{ARGOCD}/applications.yaml", [*applications, *more[1]]
