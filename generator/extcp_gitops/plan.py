"""What has to be written for an inventory: bases rendered by istioctl, and who uses which.

Pure and small: one base per control plane and version however many clusters there are, so that
adding a cluster adds nothing here (law 2 of the design).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extcp_gitops.render import operators

if TYPE_CHECKING:
    from extcp_gitops.inventory.model import Cluster, ControlPlane, Inventory
    from extcp_gitops.render.operators import Operator


class Content(enum.StrEnum):
    """Which of the objects that istioctl renders belong to a base."""

    CRDS = "crds"
    ALL_BUT_CRDS = "all-but-crds"


@dataclass(frozen=True, slots=True)
class Base:
    """A Kustomize directory below ``istio/`` that istioctl fills.

    Attributes:
        path: Relative to the repository.
        operator: The IstioOperator that istioctl renders.
        content: The part of the result that goes here.
        token_of: ServiceAccount that gets an empty token Secret, with its namespace.
        gateway: It is a gateway on a remote cluster, which must come after the injection webhook.
        network_from: Namespace whose network label the base takes over (east-west gateways).
    """

    path: str
    operator: Operator
    content: Content = Content.ALL_BUT_CRDS
    token_of: tuple[str, str] | None = None
    gateway: bool = False
    network_from: str | None = None


def crds_path(inventory: Inventory) -> str:
    """Directory of the CustomResourceDefinitions."""
    return f"istio/{inventory.mesh.istio_version}/crds"


def ingress_gateway_path(inventory: Inventory) -> str:
    """Directory of istio-system of the external cluster."""
    return f"istio/{inventory.mesh.istio_version}/ingress-gateway"


def control_plane_path(inventory: Inventory, plane: ControlPlane, part: str) -> str:
    """Directory of one part of a control plane, such as ``istiod``."""
    return f"istio/{inventory.mesh.istio_version}/{plane.name}/{part}"


def bases(inventory: Inventory) -> tuple[Base, ...]:
    """All bases of a mesh; a function of mesh.yaml and of the config clusters alone."""
    shared = operators.ingress_gateway()
    result = [
        Base(
            crds_path(inventory),
            shared,
            Content.CRDS,
        ),
        Base(
            ingress_gateway_path(inventory),
            shared,
        ),
    ]
    for plane in inventory.mesh.control_planes:
        result.extend(_control_plane(inventory, plane))
    return tuple(result)


def _control_plane(inventory: Inventory, plane: ControlPlane) -> list[Base]:
    def path(part: str) -> str:
        return control_plane_path(inventory, plane, part)

    config = inventory.config_cluster_of(plane)
    namespace = plane.namespace
    return [
        Base(
            path("istiod"),
            operators.istiod(inventory.mesh, plane, config),
        ),
        Base(
            path("config-cluster"),
            operators.config_cluster(plane),
            token_of=("istiod", namespace),
        ),
        Base(
            path("remote-cluster"),
            operators.remote_cluster(plane),
            token_of=("istio-reader-service-account", namespace),
        ),
        Base(
            path("gateways/ingress"),
            operators.ingress(plane),
            gateway=True,
        ),
        Base(
            path("gateways/egress"),
            operators.egress(plane),
            gateway=True,
        ),
        Base(
            path("gateways/east-west"),
            operators.east_west(plane),
            gateway=True,
            network_from=namespace,
        ),
    ]


def bases_of(inventory: Inventory, cluster: Cluster) -> tuple[str, ...]:
    """Paths of the bases that a cluster's directory builds on, CRDs apart."""
    if cluster is inventory.external:
        planes = inventory.mesh.control_planes
        return (
            ingress_gateway_path(inventory),
            *(control_plane_path(inventory, plane, "istiod") for plane in planes),
        )
    plane = inventory.control_plane_of(cluster)
    wanted = cluster.gateways
    parts = ["config-cluster" if inventory.is_config_cluster(cluster) else "remote-cluster"]
    parts += [
        f"gateways/{name}"
        for name, asked in (
            ("ingress", wanted.ingress),
            ("egress", wanted.egress),
            ("east-west", wanted.east_west),
        )
        if asked
    ]
    return tuple(control_plane_path(inventory, plane, part) for part in parts)
