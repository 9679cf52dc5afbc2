"""The gateway by which other networks reach a cluster, and the Gateway that opens it to them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.live import fields, namespaces, workloads
from extcp_gitops.render.operators import EAST_WEST_GATEWAY

if TYPE_CHECKING:
    from extcp_bot.live.workloads import Workload
    from extcp_bot.target import Target

EAST_WEST: Final = EAST_WEST_GATEWAY
CROSS_NETWORK: Final = "cross-network-gateway"
GROUP: Final = "networking.istio.io"
GATEWAYS: Final = "gateways"
MODE: Final = "AUTO_PASSTHROUGH"
_NODE_PORT: Final = "NodePort"
_NODES: Final = "traffic.istio.io/nodeSelector"
"""With this annotation istiod takes the addresses of nodes (kube/controller/network.go)."""


@dataclass(frozen=True, slots=True)
class EastWest:
    """The Service of a cluster's east-west gateway.

    Attributes:
        network: The network that it leads into, by its label; empty for none.
        ports: Its ports.
        addresses: IP addresses that lead to it.
        host_names: Host names that lead to it.
        is_on_nodes: Whether istiod takes the addresses of nodes in place of these.
    """

    network: str
    ports: tuple[int, ...]
    addresses: tuple[str, ...]
    host_names: tuple[str, ...]
    is_on_nodes: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """One server of the Gateway that opens the east-west gateways to other networks."""

    port: int
    mode: str


def place(target: Target) -> str:
    """The Service, for people."""
    return f"Service {target.plane.namespace}/{EAST_WEST}"


async def east_west(target: Target) -> EastWest | None:
    """The Service of the east-west gateway on the target's cluster; None where there is none.

    Raises:
        CannotLookError: The cluster does not show it.
    """
    path = f"/api/v1/namespaces/{target.plane.namespace}/services/{EAST_WEST}"
    found = await target.api.find(path)
    if found is None:
        return None
    spec = fields.mapping(found.get("spec"))
    entries = fields.items(fields.at(found, "status", "loadBalancer", "ingress"))
    by_nodes = fields.at(found, "metadata", "annotations", _NODES) is not None
    return EastWest(
        fields.string(fields.at(found, "metadata", "labels", namespaces.NETWORK)),
        tuple(fields.number(port.get("port")) for port in fields.items(spec.get("ports"))),
        tuple(filter(_is_ip, (*_texts(entries, "ip"), *fields.strings(spec.get("externalIPs"))))),
        _texts(entries, "hostname"),
        by_nodes and spec.get("type") == _NODE_PORT,
    )


async def deployment(target: Target) -> Workload | None:
    """The Deployment of the east-west gateway on the target's cluster; raises as above."""
    own = (target.plane.namespace, EAST_WEST)
    found = await workloads.of(target)
    return next((each for each in found if (each.namespace, each.name) == own), None)


async def openings(target: Target) -> tuple[Opening, ...]:
    """What the Gateway in the config cluster opens; none where there is no Gateway.

    Raises:
        CannotLookError: The config cluster does not show it.
    """
    namespace = target.plane.namespace
    path = f"/apis/{GROUP}/v1/namespaces/{namespace}/{GATEWAYS}/{CROSS_NETWORK}"
    found = await target.config.find(path)
    return tuple(
        Opening(
            fields.number(fields.at(server, "port", "number")),
            fields.string(fields.at(server, "tls", "mode")),
        )
        for server in fields.items(fields.at(found, "spec", "servers"))
    )


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _texts(entries: list[dict[str, object]], name: str) -> tuple[str, ...]:
    return tuple(filter(None, (fields.string(entry.get(name)) for entry in entries)))
