"""The kustomization.yaml of each directory, from the templates in ``overlays/kustomize``."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from extcp_gitops import plan
from extcp_gitops.render import operators
from extcp_gitops.render.overlay import render_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extcp_gitops.inventory.model import Cluster, Inventory
    from extcp_gitops.plan import Base


def base_kustomization(base: Base) -> str:
    """A base's own; that of an east-west gateway is a component, to see the cluster's Namespace."""
    if base.network_from is None:
        return render_yaml("kustomize/base.yaml.j2", {})
    context = {
        "namespace": base.network_from,
        "gateway": operators.EAST_WEST_GATEWAY,
        "service_account": f"{operators.EAST_WEST_GATEWAY}-service-account",
    }
    return render_yaml("kustomize/east-west.yaml.j2", context)


def cluster_kustomization(inventory: Inventory, cluster: Cluster) -> str:
    """The one that Argo CD builds for a cluster."""
    bases: list[str] = []
    components: list[str] = []
    for path in plan.bases_of(inventory, cluster):
        relative = posixpath.relpath(path, cluster.directory)
        (components if path.endswith("/east-west") else bases).append(relative)
    if cluster.custom:
        components.append("custom")
    context: dict[str, object] = {"bases": bases, "components": components}
    if cluster is inventory.external:
        planes = inventory.mesh.control_planes
        context["control_planes"] = [f"control-planes/{plane.name}.yaml" for plane in planes]
        return render_yaml("kustomize/external-cluster.yaml.j2", context)
    context["cross_network_gateway"] = exposes_services(inventory, cluster)
    return render_yaml("kustomize/remote-cluster.yaml.j2", context)


def argocd_kustomization(files: Iterable[str]) -> str:
    """The one that a person applies to begin."""
    return render_yaml("kustomize/argocd.yaml.j2", {"files": list(files)})


def exposes_services(inventory: Inventory, cluster: Cluster) -> bool:
    """Whether the Gateway for other networks is configured in this cluster.

    It goes where the configuration lives, when that cluster takes part in the traffic between
    networks; the rules of the inventory ask this of it as soon as any cluster does.
    """
    return inventory.is_config_cluster(cluster) and cluster.gateways.east_west
