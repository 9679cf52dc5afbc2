"""EXTCP-P06: the candidate's network is what it says, and its addresses are its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.candidates import members
from extcp_bot.candidates.checks.registry import check
from extcp_bot.checks import parts
from extcp_bot.checks.model import (
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    healthy,
)
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import addresses, namespaces
from extcp_gitops.inventory.model import INGRESS_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from extcp_bot.target import Target
    from extcp_gitops.inventory.model import Cluster

_EDIT: Final = "ask for it with --east-west, or the label extcp-gitops.io/gateways: east-west"

OTHER_NETWORK = Problem(
    "other-network",
    "Something in the candidate says that it is in another network than it is to join with.",
    "propose the cluster with the network that its Pods are really in, or take the label away",
    "kubectl --context {context} get namespaces,services --all-namespaces "
    f"--selector {namespaces.NETWORK}",
)
OVERLAP = Problem(
    "overlap",
    "Pods of the candidate and of another cluster of its network have the same addresses, so that "
    "requests would end up with whichever Pod is nearer.",
    "propose the cluster with a network of its own, and east-west gateways between the two",
)
NO_GATEWAY = Problem(
    "no-gateway",
    "There are other networks, and the candidate's network will have no east-west gateway by which "
    "they reach it.",
    _EDIT,
    severity=Severity.WARNING,
)
NO_GATEWAY_THERE = Problem(
    "no-gateway-there",
    "Another network of the control plane has no east-west gateway by which the candidate would "
    "reach it.",
    "set gateways.eastWest: true in {of_other}/cluster.yaml, run 'extcp-gitops generate', merge",
    severity=Severity.WARNING,
)


@check(
    "EXTCP-P06",
    "network",
    title="Is the candidate in the network that it says, with addresses of its own?",
    scope=Scope.CANDIDATE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.CANDIDATE, "namespaces"),
        Permission(Side.CANDIDATE, "services"),
        *(
            Permission(side, resource)
            for side in (Side.CANDIDATE, Side.REMOTE)
            for resource in ("nodes", "pods")
        ),
    ),
    problems=(OTHER_NETWORK, OVERLAP, NO_GATEWAY, NO_GATEWAY_THERE),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Clusters of one network reach each other's Pods directly, and all others by gateways.

    Looked at are the label `topology.istio.io/network` where it is in the candidate already, which
    istiod would believe; the addresses of Pods, by the nodes' `podCIDRs` where Pods are in them and
    by the Pods themselves, beside those of each cluster of the same network; and, between networks,
    whether both ends have an east-west gateway. Whether there is a route between Pods of one
    network, nobody can see from outside. User reports: istio#39712, #28381, #39930.
    """
    async for seen in parts.each(_labels(target), _ranges(target), _gateways(target)):
        yield seen


async def _labels(target: Target) -> AsyncIterator[Observation]:
    wanted, place = target.cluster.network or "", f"labels {namespaces.NETWORK}"
    found = {
        f"Namespace {each.name}": each.labels[namespaces.NETWORK]
        for each in await namespaces.of(target.api)
        # That of the control plane's own namespace is EXTCP-P04's.
        if each.name == INGRESS_NAMESPACE and namespaces.NETWORK in each.labels
    }
    labelled = await target.api.list(
        "/api/v1/services", labels=namespaces.NETWORK, metadata_only=True
    )
    for each in (item["metadata"] for item in labelled):
        found[f"Service {each.get('namespace')}/{each['name']}"] = each["labels"][
            namespaces.NETWORK
        ]
    strange = {where: network for where, network in found.items() if network != wanted}
    for where, network in strange.items():
        label = f"{where}, label {namespaces.NETWORK}"
        yield OTHER_NETWORK.at(target, label, found=network, wanted=wanted)
    if not strange:
        yield healthy(place, f"{len(found)} say {wanted}" if found else "none")


async def _ranges(target: Target) -> AsyncIterator[Observation]:
    place = "addresses of Pods"
    neighbours = [each.name for each in _others(target) if each.network == target.cluster.network]
    own = await addresses.of(target.api)
    answers = await members.ask(target.fleet, neighbours, addresses.of)
    is_fine = True
    for name, its in answers.items():
        if not isinstance(its, CannotLookError) and (both := addresses.shared(own, its)):
            is_fine = False
            found = f"{both} is in {name}, too"
            yield OVERLAP.at(target, place, found=found, wanted="none of another cluster's")
    if error := members.unasked(answers):
        raise error
    if is_fine:
        which = f"unlike those of {len(neighbours)}" if neighbours else "the first"
        yield healthy(place, f"{own.words}; {which} in the network {target.cluster.network}")


async def _gateways(target: Target) -> AsyncIterator[Observation]:
    network, seen = target.cluster.network or "", list(_without_gateway(target))
    for each in seen:
        yield each
    if not seen:
        others = sorted({each.network or "" for each in _others(target)} - {network})
        how = f"gateways lead from and to {', '.join(others)}" if others else "there is no other"
        yield healthy(f"network {network}", how)


def _without_gateway(target: Target) -> Iterator[Observation]:
    """The ends of ways between networks at which a gateway is missing."""
    own, others = target.cluster, list(_others(target))
    networks = {each.network for each in (own, *others)}
    reached = {each.network for each in (own, *others) if each.gateways.east_west}
    if len(networks) > 1 and own.network not in reached:
        place = f"gateways of the network {own.network}"
        yield NO_GATEWAY.at(target, place, found="none", wanted="one at least")
    for network in sorted(filter(None, networks - reached - {own.network})):
        one = next(each for each in others if each.network == network)
        place = f"gateways of the network {network}"
        yield NO_GATEWAY_THERE.at(
            target, place, found="none", wanted="one at least", of_other=one.directory
        )


def _others(target: Target) -> Iterator[Cluster]:
    """The remote clusters of the same control plane."""
    for each in target.fleet.inventory.remotes:
        if each is not target.cluster and each.control_plane == target.plane.name:
            yield each
