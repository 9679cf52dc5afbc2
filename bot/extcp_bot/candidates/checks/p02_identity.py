"""EXTCP-P02: the candidate is one cluster, known to Argo CD, and not yet in the mesh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.access.model import Access
from extcp_bot.candidates import members, model
from extcp_bot.candidates.checks.registry import check
from extcp_bot.candidates.model import NotRegisteredError
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
from extcp_bot.live import cluster_uid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.target import Target

_PLACE: Final = f"UID of Namespace {cluster_uid.NAMESPACE}"

NOT_REGISTERED = Problem(
    "not-registered",
    "Argo CD does not know the cluster, and would deploy nothing to it.",
    "register it with Argo CD under this name, or say with --server by which URL Argo CD knows it",
    "argocd cluster add {context} --name {argocd_name}",
)
OTHER_CLUSTER = Problem(
    "other-cluster",
    "The bot and Argo CD reach two different clusters under the candidate's name.",
    "see which of the two is meant; correct the kubeconfig context of that name, or register the "
    "cluster with Argo CD anew",
    "kubectl --context {context} get namespace kube-system --output jsonpath={{.metadata.uid}}",
)
MEMBER = Problem(
    "member",
    "The candidate is a cluster of the mesh already, under another name.",
    "take the label extcp-gitops.io/mesh from its second registration with Argo CD, or remove the "
    "cluster from the mesh first",
    "extcp-gitops cluster show {member}",
)


@check(
    "EXTCP-P02",
    "identity",
    title="Is the candidate one cluster, known to Argo CD, and not in the mesh yet?",
    scope=Scope.CANDIDATE,
    severity=Severity.ERROR,
    permissions=tuple(
        Permission(side, "namespaces", names=(cluster_uid.NAMESPACE,))
        for side in (Side.CANDIDATE, Side.EXTERNAL, Side.REMOTE)
    ),
    problems=(NOT_REGISTERED, OTHER_CLUSTER, MEMBER),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Names and addresses can be given twice; two control planes in one cluster cannot be undone.

    Looked at are whether Argo CD knows the cluster; and, by the UID of the namespace `kube-system`,
    that Argo CD and the bot mean the same cluster where they reach it in different ways, and that
    no cluster of the mesh is this one.
    """
    async for seen in parts.each(_registered(target), _one(target), _others(target)):
        yield seen


async def _registered(target: Target) -> AsyncIterator[Observation]:
    candidate, place = model.of(target), "Argo CD's cluster Secrets"
    destination = target.cluster.destination
    known_as = destination.server or destination.name or ""
    if isinstance(candidate.argocd, NotRegisteredError):
        name = destination.name or target.cluster.slug
        yield NOT_REGISTERED.at(target, place, found="none", wanted=known_as, argocd_name=name)
        return
    if not isinstance(candidate.argocd, Access):
        raise candidate.argocd
    yield healthy(place, f"{candidate.argocd.origin} for {known_as}")


async def _one(target: Target) -> AsyncIterator[Observation]:
    """Nothing to say where there is but one way to it, or Argo CD's is told to be unknown."""
    ours, theirs = target.api.access, model.of(target).argocd
    if not isinstance(theirs, Access) or ours == theirs:
        return
    own = await cluster_uid.of(target.api)
    async with target.fleet.client(theirs) as api:
        other = await cluster_uid.of(api)
    place = f"{_PLACE}, by {ours.origin} and by {theirs.origin}"
    if own == other:
        yield healthy(place, own)
    else:
        yield OTHER_CLUSTER.at(target, place, found=f"{own} and {other}", wanted="the same")


async def _others(target: Target) -> AsyncIterator[Observation]:
    own, fleet = await cluster_uid.of(target.api), target.fleet
    names = [each.name for each in fleet.inventory.clusters if each is not target.cluster]
    answers = await members.ask(fleet, names, cluster_uid.of)
    same = [name for name, uid in answers.items() if uid == own]
    for name in same:
        wanted = "a cluster that is not in the mesh"
        yield MEMBER.at(target, _PLACE, found=f"{own}, that of {name}", wanted=wanted, member=name)
    if error := members.unasked(answers):
        raise error
    if not same:
        yield healthy(_PLACE, f"{own}, unlike the {len(names)} clusters of the mesh")
