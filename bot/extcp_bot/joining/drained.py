"""Whether anything still comes to a cluster that is to leave, or depends on it.

Proxies and addresses are what istiod and the cluster know; what flows, proxies alone know, and
nobody asks them here (:data:`extcp_bot.joining.leaving.NOT_LOOKED_AT`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.checks import asking_istiod
from extcp_bot.checks.model import (
    Check,
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    healthy,
    unknown,
)
from extcp_bot.live import connections, istiod, namespaces, proxies, registry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable

    from extcp_bot.live.registry import Service
    from extcp_bot.target import Target

_SHOWN: Final = 5
_DRAIN: Final = (
    "move the workloads to other clusters and stop injection: README.md, under 'Remove a remote "
    "cluster', step 1"
)
_PODS: Final = (
    "kubectl --context {context} get pods --all-namespaces "
    "--selector service.istio.io/canonical-name"
)

CONFIG_CLUSTER = Problem(
    "config-cluster",
    "The cluster holds the configuration of its control plane.",
    "give the control plane another config cluster first; until then it cannot leave",
)
PROXIES = Problem(
    "proxies",
    "Pods with a sidecar run on the cluster.",
    _DRAIN,
    _PODS,
)
CONNECTED = Problem(
    "connected",
    "Proxies of the cluster are connected to istiod.",
    _DRAIN,
    _PODS,
)
ONLY_THERE = Problem(
    "only-there",
    "Services of the mesh have addresses on this cluster alone; without it, nobody answers.",
    "move them to another cluster, or make sure that nobody calls them",
    "kubectl --context {context} get endpointslices --all-namespaces",
)
ALSO_THERE = Problem(
    "also-there",
    "Services have addresses on this cluster, to which others still send requests.",
    "scale them down there, and see the requests go elsewhere",
    "kubectl --context {context} get endpointslices --all-namespaces",
    severity=Severity.WARNING,
)
ONLY_WAY = Problem(
    "only-way",
    "Other networks reach clusters that stay through this cluster's east-west gateway alone.",
    "give another cluster of the network an east-west gateway first: gateways.eastWest in its "
    "cluster.yaml",
)


async def _role(target: Target) -> AsyncIterator[Observation]:
    """A cluster may leave whose part in the mesh nobody else depends on.

    The config cluster may not; nor may the only east-west gateway of a network with other clusters.
    """
    cluster, inventory = target.cluster, target.fleet.inventory
    if target.is_config:
        place, found = f"control plane {target.plane.name}", f"configCluster: {cluster.name}"
        yield CONFIG_CLUSTER.at(target, place, found=found, wanted="another cluster")
        return
    others = [
        each
        for each in inventory.remotes
        if each.name != cluster.name
        and (each.control_plane, each.network) == (cluster.control_plane, cluster.network)
    ]
    is_only = cluster.gateways.east_west and not any(each.gateways.east_west for each in others)
    if others and is_only:
        names = _some(each.name for each in others)
        place = f"network {cluster.network}"
        yield ONLY_WAY.at(
            target, place, found=f"no gateway beside this one for {names}", wanted="another one"
        )
        return
    yield healthy(f"network {cluster.network}", f"{len(others)} other clusters in it")


async def _sidecars(target: Target) -> AsyncIterator[Observation]:
    """A Pod with a sidecar loses it when it is restarted, and its name in the mesh before that.

    The gateways in the control plane's namespace are the repository's own, and leave with it.
    """
    found = await proxies.of(target)
    left = [each for each in found.found if each.namespace != target.plane.namespace]
    if left:
        seen = f"{_some(f'{each.namespace}/{each.name}' for each in left)}"
        yield PROXIES.at(target, "Pods with a proxy", found=seen, wanted="none")
    elif not found.complete:
        yield unknown("Pods with a proxy", found.words, "see them by hand")
    else:
        yield healthy("Pods with a proxy", "none but the repository's gateways")


async def _connections(target: Target) -> AsyncIterator[Observation]:
    """What is connected to istiod takes part in the mesh, whatever the cluster says of its Pods.

    Every replica is asked, for each proxy is connected to one of them.
    """
    suffix, left = f".{target.plane.namespace}", set()
    for replica in await istiod.replicas(target):
        for cluster, proxy in await connections.of(target, replica):
            if cluster == target.cluster.name and not proxy.endswith(suffix):
                left.add(proxy)
    if left:
        yield CONNECTED.at(target, connections.PATH, found=_some(sorted(left)), wanted="none")
    else:
        yield healthy(connections.PATH, "no proxy of the cluster but the repository's gateways")


async def _addresses(target: Target) -> AsyncIterator[Observation]:
    """Whatever has an address in istiod's registry is sent requests, from all clusters.

    A Service in an injected namespace with addresses on this cluster alone would be lost with it.
    Those that other clusters have, too, or that belong to no namespace of the mesh, are told.
    """
    injected = {each.name for each in await namespaces.of(target.api) if each.is_injected}
    skipped = {*namespaces.SYSTEM, target.plane.namespace, "default"}
    here: set[Service] = set()
    elsewhere: set[Service] = set()
    for replica in await istiod.replicas(target):
        known = await registry.endpoints(target, replica)
        for cluster, services in known.clusters.items():
            there = here if cluster == target.cluster.name else elsewhere
            there |= {each for each, addresses in services.items() if addresses}
    here = {each for each in here if each[0] not in skipped or each[0] in injected}
    lost = {each for each in here - elsewhere if each[0] in injected}
    if lost:
        wanted = "addresses on other clusters, or none"
        yield ONLY_THERE.at(target, registry.ENDPOINTS, found=_named(lost), wanted=wanted)
    if here - lost:
        yield ALSO_THERE.at(target, registry.ENDPOINTS, found=_named(here - lost), wanted="none")
    if not here:
        yield healthy(registry.ENDPOINTS, "no address of the cluster")


def _named(found: Collection[Service]) -> str:
    return _some("/".join(each) for each in sorted(found))


def _some(names: Iterable[str]) -> str:
    several = list(names)
    more = f" and {len(several) - _SHOWN} more" if several[_SHOWN:] else ""
    return f"{', '.join(several[:_SHOWN])}{more}"


ROLE: Final = Check(
    "EXTCP-L01",
    "role",
    "Does anybody depend on the cluster's part in the mesh?",
    Scope.REMOTE,
    Severity.CRITICAL,
    (),
    (CONFIG_CLUSTER, ONLY_WAY),
    _role,
)
SIDECARS: Final = Check(
    "EXTCP-L02",
    "sidecars",
    "Do Pods with a sidecar run on the cluster?",
    Scope.REMOTE,
    Severity.ERROR,
    (Permission(Side.REMOTE, "pods"),),
    (PROXIES,),
    _sidecars,
)
CONNECTIONS: Final = Check(
    "EXTCP-L03",
    "connections",
    "Are proxies of the cluster connected to istiod?",
    Scope.REMOTE,
    Severity.ERROR,
    asking_istiod.PERMISSIONS,
    (CONNECTED,),
    _connections,
)
ADDRESSES: Final = Check(
    "EXTCP-L04",
    "addresses",
    "Are requests sent to addresses of the cluster?",
    Scope.REMOTE,
    Severity.ERROR,
    (*asking_istiod.PERMISSIONS, Permission(Side.REMOTE, "namespaces")),
    (ONLY_THERE, ALSO_THERE),
    _addresses,
)
