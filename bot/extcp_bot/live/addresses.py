"""The addresses of a cluster's Pods: their own, and what its nodes say, where that is true."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot import listed
from extcp_bot.live import fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extcp_bot.kube.answers import Object
    from extcp_bot.kube.client import Client

    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NODES: Final = "/api/v1/nodes"
PODS: Final = "/api/v1/pods"
_MOST: Final = 250
_ALIVE: Final = "status.phase!=Succeeded,status.phase!=Failed"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a cluster's Pods are.

    Attributes:
        ranges: Of the nodes (``spec.podCIDRs``); none where nodes have none, or where Pods have
            addresses of another choice.
        pods: The addresses of Pods that are not their node's; of a large cluster the first ones.
    """

    ranges: tuple[Network, ...]
    pods: tuple[Network, ...]

    @property
    def words(self) -> str:
        """For people."""
        if self.ranges:
            return listed.first(self.ranges)
        return f"{len(self.pods)} addresses of Pods" if self.pods else "none yet"


async def of(api: Client) -> Addresses:
    """The addresses of the Pods of one cluster.

    Raises:
        CannotLookError: The cluster does not show its nodes or its Pods.
    """
    nodes = await api.list(NODES, keep=_of_node)
    pods = await api.list(PODS, fields=_ALIVE, at_most=_MOST, keep=_of_pod)
    ranges, single = tuple(_networks(nodes)), tuple(_networks(pods))
    # Network plugins such as Calico may have ranges of their own, and leave the nodes' unused.
    if not all(any(_is_in(pod, each) for each in ranges) for pod in single):
        ranges = ()
    return Addresses(ranges, single)


def shared(one: Addresses, other: Addresses) -> str:
    """An address or a range that both clusters have, for people; empty where there is none."""
    intervals = [
        (each.version, int(each.network_address), int(each.broadcast_address), side, str(each))
        for side, its in enumerate((one, other))
        for each in (*its.ranges, *its.pods)
    ]
    ends = {(version, side): -1 for version, *_ in intervals for side in (0, 1)}
    for version, first, last, side, text in sorted(intervals):
        if ends[version, 1 - side] >= first:
            return text
        ends[version, side] = max(ends[version, side], last)
    return ""


def _of_node(item: Object) -> Object:
    return {"addresses": list(fields.strings(fields.at(item, "spec", "podCIDRs")))}


def _of_pod(item: Object) -> Object:
    """None of a Pod that has its node's addresses."""
    if fields.at(item, "spec", "hostNetwork"):
        return {}
    found = fields.items(fields.at(item, "status", "podIPs"))
    return {"addresses": [fields.string(each.get("ip")) for each in found]}


def _networks(items: Iterable[Object]) -> Iterator[Network]:
    """The addresses in order, each once, and those that make up a larger range as that one."""
    found: dict[int, set[Network]] = {4: set(), 6: set()}
    for item in items:
        for text in fields.strings(item.get("addresses")):
            try:
                network = ipaddress.ip_network(text, strict=False)
            except ValueError:
                continue
            found[network.version].add(network)
    for networks in found.values():
        yield from ipaddress.collapse_addresses(networks)  # type: ignore[type-var]


def _is_in(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and (
        outer.network_address <= inner.network_address  # type: ignore[operator]
        and inner.broadcast_address <= outer.broadcast_address  # type: ignore[operator]
    )
