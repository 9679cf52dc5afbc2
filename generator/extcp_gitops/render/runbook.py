"""README.md of the generated repository: the runbook of this mesh, with its names in it.

It is a function of mesh.yaml, the external cluster and the config clusters alone, so that adding a
cluster changes nothing in it (law 2), and stays readable with a thousand clusters: what has to be
done for each further cluster is one procedure with the name as a variable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_gitops.inventory.model import Bot, CAType, Destination
from extcp_gitops.render.argocd import IN_CLUSTER, application_name, bot_name, root_name
from extcp_gitops.render.bases import token_secret_name
from extcp_gitops.render.bot import cluster_role
from extcp_gitops.render.overlay import render_markdown

if TYPE_CHECKING:
    from extcp_gitops.inventory.model import Cluster, ControlPlane, Inventory

_EXTERNAL: Final = "CTX_EXTERNAL"
_CONFIG: Final = "CTX_CONFIG"

# Argo CD knows the cluster that it runs in without being told.
_BUILT_IN: Final = (Destination(name="in-cluster"), Destination(server=IN_CLUSTER))


def readme(inventory: Inventory) -> str:
    """The runbook.

    Args:
        inventory: Valid.

    Returns:
        Markdown.
    """
    mesh = inventory.mesh
    planes = [_plane(inventory, plane, index) for index, plane in enumerate(mesh.control_planes)]
    external = _cluster(inventory.external, _EXTERNAL)
    config = [
        _cluster(inventory.config_cluster_of(plane), _variable(index))
        for index, plane in enumerate(mesh.control_planes)
    ]
    context = {
        "mesh_id": mesh.mesh_id,
        "istio_version": mesh.istio_version,
        "url": mesh.repository.url,
        "branch": mesh.repository.branch,
        "argocd_namespace": mesh.argocd_namespace,
        "root": root_name(inventory),
        "external": external | {"application": application_name(inventory, inventory.external)},
        "registered": [external, *config],
        "planes": planes,
        "by_ip": any(plane["by_ip"] for plane in planes),
        "any_self_signed": any(plane["is_self_signed"] for plane in planes),
        "config_token": token_secret_name("istiod"),
        "reader_token": token_secret_name("istio-reader-service-account"),
        "bot": _bot(inventory),
    }
    return render_markdown("README.md.j2", context)


def _bot(inventory: Inventory) -> dict[str, str] | None:
    bot, forge = inventory.mesh.bot, inventory.mesh.repository.forge
    if bot == Bot():
        return None
    pod = bot.in_cluster
    return {
        "forge": forge.value,
        "schedule": bot.schedule or "",
        "in_cluster": "yes" if pod else "",
        "application": bot_name(inventory),
        "namespace": pod.namespace if pod else "",
        "token_secret": pod.token_secret if pod else "",
        "kubeconfig_secret": (pod.kubeconfig_secret or "") if pod else "",
        "cluster_role": cluster_role(pod) if pod else "",
    }


def _variable(index: int) -> str:
    """The variable of the shell that holds the context of a config cluster."""
    return _CONFIG if index == 0 else f"{_CONFIG}_{index + 1}"


def _cluster(cluster: Cluster, variable: str) -> dict[str, str | bool]:
    destination = cluster.destination
    by_name = destination.name is not None
    return {
        "name": cluster.name,
        "context": cluster.slug,
        "variable": variable,
        "by": "name" if by_name else "server",
        "destination": destination.name or destination.server or "",
        "is_built_in": destination in _BUILT_IN,
    }


def _plane(inventory: Inventory, plane: ControlPlane, index: int) -> dict[str, object]:
    config = inventory.config_cluster_of(plane)
    return {
        "name": plane.name,
        "address": plane.address,
        "by_ip": plane.is_ip_address,
        "network": config.network or "",
        "config_cluster": config.name,
        # istioctl takes a DNS label for a name; Istio writes '/' in this way itself.
        "config_slug": config.slug,
        "context": config.slug,
        "variable": _variable(index),
        "pin_branch": f"pin-root-{plane.name}",
        "tls_secret": plane.tls.secret_name if plane.tls else "",
        "tls_issuer": plane.tls.issuer.name if plane.tls and plane.tls.issuer else "",
        "private_ca": plane.ca_bundle is not None,
        "plugged_in": plane.ca.type is CAType.PLUGGED_IN,
        "ca_issuer": plane.ca.issuer is not None,
        "is_self_signed": plane.ca.type is CAType.SELF_SIGNED,
        "is_pinned": plane.ca.root_certificate is not None,
        "skips_verification": plane.ca.insecure_skip_verify,
    }
