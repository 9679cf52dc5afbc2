"""The objects of a remote cluster that are its own: namespace, webhook path, Gateway.

Sections of the guide: "Set up the remote config cluster", "Register the new cluster", "Setup
east-west gateways".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.render import operators
from extcp_gitops.render.external_cluster import NETWORKING, namespace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extcp_gitops.inventory.model import Cluster, Inventory
    from extcp_gitops.render.deltas import Object

NETWORK_LABEL: Final = "topology.istio.io/network"
CONTROL_PLANE_CLUSTERS: Final = "topology.istio.io/controlPlaneClusters"


def system_namespace(inventory: Inventory, cluster: Cluster) -> Object:
    """The control plane's namespace on a remote cluster.

    The annotation tells istiod that it leads this cluster; the config cluster, whose ID istiod
    bears itself, needs none.
    """
    plane = inventory.control_plane_of(cluster)
    labels = {NETWORK_LABEL: cluster.network or ""}
    if inventory.is_config_cluster(cluster):
        return namespace(plane.namespace, labels=labels)
    annotations = {CONTROL_PLANE_CLUSTERS: plane.config_cluster}
    return namespace(plane.namespace, labels=labels, annotations=annotations)


def injection_webhook_patch(
    inventory: Inventory, cluster: Cluster, webhooks: Iterable[str]
) -> Object:
    """Sets where the cluster's API server sends the Pods of this cluster and network.

    Args:
        inventory: The mesh.
        cluster: A remote cluster.
        webhooks: Names of the entries in the base's MutatingWebhookConfiguration.
    """
    plane = inventory.control_plane_of(cluster)
    path = operators.injection_path(cluster.name, cluster.network or "")
    client: dict[str, Any] = {"url": operators.webhook_url(plane, path)}
    if plane.is_ip_address:
        client = {"service": {"name": "istiod", "namespace": plane.namespace, "path": path}}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": operators.injection_webhook(plane)},
        "webhooks": [{"name": name, "clientConfig": client} for name in webhooks],
    }


def cross_network_gateway(inventory: Inventory, cluster: Cluster) -> Object:
    """Guide, "Setup east-west gateways": exposes the services of all clusters."""
    server = {
        "port": {"number": operators.EAST_WEST_PORT, "name": "tls", "protocol": "TLS"},
        "tls": {"mode": "AUTO_PASSTHROUGH"},
        "hosts": ["*.local"],
    }
    return {
        "apiVersion": NETWORKING,
        "kind": "Gateway",
        "metadata": {
            "name": "cross-network-gateway",
            "namespace": inventory.control_plane_of(cluster).namespace,
        },
        "spec": {"selector": {"istio": "eastwestgateway"}, "servers": [server]},
    }
