"""EXTCP-H13: a cluster is in the network that it says, and other networks reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.checks import parts
from extcp_bot.checks.model import (
    CONTROL_PLANE_NAMESPACE,
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    check,
    healthy,
)
from extcp_bot.checks.remedies import RESTORE, RESTORE_COMMAND
from extcp_bot.live import gateways, namespaces, presented, webhooks, workloads
from extcp_gitops.render.operators import EAST_WEST_PORT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.live.gateways import EastWest
    from extcp_bot.target import Target

_PARAMETER: Final = "net"
_PODS: Final = "kubectl --context {context} --namespace {namespace} "

WRONG_NETWORK = Problem(
    "wrong-network",
    "The control plane's Namespace says that the cluster is in another network, so that istiod "
    "hands out addresses of its Pods that nobody there can reach.",
    RESTORE,
    RESTORE_COMMAND,
)
WRONG_WEBHOOK = Problem(
    "wrong-webhook",
    "The injection webhook tells istiod that new Pods are in another network.",
    RESTORE,
    RESTORE_COMMAND,
)
GATEWAY_MISSING = Problem(
    "gateway-missing",
    "The east-west gateway is not there, so that other networks do not reach the cluster.",
    RESTORE,
    RESTORE_COMMAND,
)
GATEWAY_NETWORK = Problem(
    "gateway-network",
    "The Service of the east-west gateway says that it leads into another network.",
    RESTORE,
    RESTORE_COMMAND,
)
PORT_MISSING = Problem(
    "port-missing",
    "The Service of the east-west gateway lacks the port that other networks use.",
    RESTORE,
    RESTORE_COMMAND,
)
NO_ADDRESS = Problem(
    "no-address",
    "The east-west gateway has no address that other networks could use.",
    "see why the cluster gives its Service no load balancer",
    f"{_PODS}describe service istio-eastwestgateway",
)
NOT_RESOLVED = Problem(
    "not-resolved",
    "DNS does not know the host name of the east-west gateway.",
    "wait for the load balancer's name to appear in DNS; see its Service",
    f"{_PODS}describe service istio-eastwestgateway",
)
GATEWAY_NOT_READY = Problem(
    "gateway-not-ready",
    "No replica of the east-west gateway is available.",
    "see why its Pods are not ready; EXTCP-H10 says whether they can be created, EXTCP-H12 "
    "what their proxies lack",
    f"{_PODS}describe pods --selector istio=eastwestgateway",
)
NOT_OPENED = Problem(
    "not-opened",
    "The Gateway that opens the east-west gateways to other networks is not in the config "
    "cluster, so that no network reaches another.",
    RESTORE,
    RESTORE_COMMAND,
)
NO_GATEWAY = Problem(
    "no-gateway",
    "No cluster of this network has an east-west gateway, so that other networks of the control "
    "plane do not reach it.",
    "set gateways.eastWest: true in {directory}/cluster.yaml, run 'extcp-gitops generate', merge",
    severity=Severity.WARNING,
)


@check(
    "EXTCP-H13",
    "network",
    title="Is the cluster in its network, and do other networks reach it?",
    scope=Scope.REMOTE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.REMOTE, "namespaces"),
        Permission(Side.REMOTE, webhooks.MUTATING, group=webhooks.GROUP),
        Permission(
            Side.REMOTE,
            "services",
            ("get",),
            namespace=CONTROL_PLANE_NAMESPACE,
            names=(gateways.EAST_WEST,),
        ),
        Permission(Side.REMOTE, workloads.RESOURCE, group=workloads.GROUP),
        Permission(
            Side.CONFIG,
            gateways.GATEWAYS,
            ("get",),
            gateways.GROUP,
            CONTROL_PLANE_NAMESPACE,
            (gateways.CROSS_NETWORK,),
        ),
    ),
    problems=(
        WRONG_NETWORK,
        WRONG_WEBHOOK,
        GATEWAY_MISSING,
        GATEWAY_NETWORK,
        PORT_MISSING,
        NO_ADDRESS,
        NOT_RESOLVED,
        GATEWAY_NOT_READY,
        NOT_OPENED,
        NO_GATEWAY,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """A cluster says in several places which network it is in, and istiod believes each of them.

    Looked at are the label `topology.istio.io/network` of the control plane's Namespace, the path
    of the injection webhook, and where the repository wants an east-west gateway, the label of its
    Service; all have to name the network of cluster.yaml. Of that gateway also the port 15443, an
    address (a host name has to be in DNS), and an available replica; in the config cluster, where
    istiod reads it, the Gateway `cross-network-gateway`. A gateway that nobody asked for is left
    alone, and a network without one is a warning where the control plane has several. Whether
    anybody reaches the gateway cannot be seen from where the bot runs.
    User reports: istio#39712, #39930, #28381, #29359, #36275, #39943, #49045, #60920.
    """
    looks = [_namespace(target), _webhook(target)]
    if target.cluster.gateways.east_west:
        looks += [_service(target), _replicas(target)]
        if target.is_config:
            looks.append(_opened(target))
    elif _is_cut_off(target):
        looks.append(_no_gateway(target))
    async for seen in parts.each(*looks):
        yield seen


async def _namespace(target: Target) -> AsyncIterator[Observation]:
    place = f"Namespace {target.plane.namespace}, label {namespaces.NETWORK}"
    found = await namespaces.of_control_plane(target)
    value = found.labels.get(namespaces.NETWORK, "none") if found else "no such Namespace"
    yield _compared(target, WRONG_NETWORK, place, value)


async def _webhook(target: Target) -> AsyncIterator[Observation]:
    """The paths of the injector's webhooks; one that has none is named by EXTCP-H04."""
    hooks = webhooks.own(target, await webhooks.injecting(target))
    paths = [hook.parameters for hook in hooks if hook.parameters is not None]
    for value in sorted({path.get(_PARAMETER, "none") for path in paths}):
        yield _compared(target, WRONG_WEBHOOK, f"{hooks[0].configuration}, path", value)


async def _service(target: Target) -> AsyncIterator[Observation]:
    place, found = gateways.place(target), await gateways.east_west(target)
    if found is None:
        yield GATEWAY_MISSING.at(target, place, found="none", wanted="one")
        return
    label = f"{place}, label {namespaces.NETWORK}"
    yield _compared(target, GATEWAY_NETWORK, label, found.network or "none")
    if EAST_WEST_PORT not in found.ports:
        ports = ", ".join(map(str, found.ports)) or "none"
        yield PORT_MISSING.at(target, f"{place}, ports", found=ports, wanted=str(EAST_WEST_PORT))
    yield await _address(target, f"{place}, address", found)


async def _address(target: Target, place: str, found: EastWest) -> Observation:
    if found.is_on_nodes:
        return healthy(place, "those of nodes")
    if not found.addresses and not found.host_names:
        return NO_ADDRESS.at(target, place, found="none", wanted="one")
    for host in found.host_names:
        try:
            await presented.addresses(target.fleet, host)
        except presented.NotResolvedError:
            wanted = "a name that is in DNS"
            return NOT_RESOLVED.at(target, place, found=host, wanted=wanted)
    return healthy(place, ", ".join((*found.addresses, *found.host_names)))


async def _replicas(target: Target) -> AsyncIterator[Observation]:
    found = await gateways.deployment(target)
    place = f"Deployment {target.plane.namespace}/{gateways.EAST_WEST}"
    if found is None:
        yield GATEWAY_MISSING.at(target, place, found="none", wanted="one")
    elif not found.available:
        value = f"none of {found.wanted} replicas available"
        yield GATEWAY_NOT_READY.at(target, place, found=value, wanted="one available")
    else:
        yield healthy(place, f"{found.available} of {found.wanted} replicas available")


async def _opened(target: Target) -> AsyncIterator[Observation]:
    place = f"Gateway {target.plane.namespace}/{gateways.CROSS_NETWORK}"
    found = await gateways.openings(target)
    wanted = gateways.Opening(EAST_WEST_PORT, gateways.MODE)
    if wanted in found:
        yield healthy(place, f"{wanted.mode} on port {wanted.port}")
        return
    value = ", ".join(f"{each.mode or 'no mode'} on port {each.port}" for each in found)
    yield NOT_OPENED.at(
        target, place, found=value or "none", wanted=f"{wanted.mode} on port {wanted.port}"
    )


def _is_cut_off(target: Target) -> bool:
    """Whether nothing leads into the cluster's network, and there are others."""
    remotes = target.fleet.inventory.remotes
    members = [each for each in remotes if each.control_plane == target.plane.name]
    reached = {each.network for each in members if each.gateways.east_west}
    return len({each.network for each in members}) > 1 and target.cluster.network not in reached


async def _no_gateway(target: Target) -> AsyncIterator[Observation]:
    place = f"gateways.eastWest of the clusters of network {target.cluster.network}"
    yield NO_GATEWAY.at(target, place, found="none", wanted="one")


def _compared(target: Target, problem: Problem, place: str, value: str) -> Observation:
    wanted = target.cluster.network or ""
    if value != wanted:
        return problem.at(target, place, found=value, wanted=wanted)
    return healthy(place, value)
