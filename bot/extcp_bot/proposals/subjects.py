"""Finds what a pass has to settle: candidates, what is open already, and what a person asks for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import State
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.proposals import kinds
from extcp_bot.proposals.clusters import blind
from extcp_bot.proposals.model import Evidence, Kind, branch_of
from extcp_bot.proposals.settle import Subject
from extcp_bot.result import clean
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory import author, pem
from extcp_gitops.inventory.model import CAType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable

    from extcp_bot.candidates.model import Candidate
    from extcp_bot.forge.model import PullRequest
    from extcp_bot.proposals.asked import Asked
    from extcp_bot.proposals.clusters import Clusters
    from extcp_bot.proposals.marker import Marker
    from extcp_bot.proposals.model import Proposal

    Gather = Callable[[], Awaitable[Evidence]]

_GONE: Final = "Nothing to do: the cluster is not in the mesh any more."
_THERE: Final = "Nothing to add: the cluster is in the mesh already."
_UNLABELLED: Final = (
    "The cluster is no longer a candidate: Argo CD does not know it any more, or its cluster "
    "Secret has lost the label of this mesh."
)
_PROVEN: Final = "Nothing to take out: the cluster is proven in the mesh by now."
_WRITTEN: Final = "Nothing to add: the repository has the credential already."
_PINNED: Final = "Nothing to pin: a root of this control plane is pinned already."
_NO_PLANE: Final = "Nothing to pin: the control plane is not in the mesh any more."


@dataclass(frozen=True, slots=True)
class Opened:
    """A pull request of the bot's that is open."""

    pull: PullRequest
    marker: Marker


@dataclass
class Found:
    """What there is to settle.

    Attributes:
        subjects: By branch.
        to_withdraw: Pull requests that have nothing to propose any more, and why.
        warnings: What a person has to know first; harmless.
        troubles: What could not be looked at; harmless.
        candidates: How many clusters could join.
    """

    subjects: dict[str, Subject] = field(default_factory=dict)
    to_withdraw: list[tuple[Opened, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    candidates: int = 0

    def add(self, proposal: Proposal, gather: Gather) -> None:
        """Have a proposal settled."""
        self.subjects[proposal.branch] = Subject(proposal, gather)


async def of_pass(
    clusters: Clusters,
    opened: Iterable[Opened],
    given: Iterable[tuple[Proposal, Evidence]],
    following: Collection[str],
) -> Found:
    """All that is to be settled in a pass.

    Args:
        clusters: Of the mesh.
        opened: The bot's open pull requests.
        given: Reverts and credentials, from what has been followed.
        following: Branches of additions that are not seen to the end.

    Raises:
        ExtcpError: The inventory is not in order.
    """
    found = Found()
    for proposal, evidence in given:
        found.add(proposal, _given(evidence))
    await _roots(clusters, found)
    known = await _candidates(clusters, found)
    for each in opened:
        if each.marker.kind is Kind.ADD_CLUSTER:
            await _of_addition(clusters, each, known, found)
        elif each.marker.kind is Kind.PIN_ROOT:
            await _of_root(clusters, each, found)
        elif why := _of_other(clusters, each, found, following):
            found.to_withdraw.append((each, why))
    return found


async def _of_addition(
    clusters: Clusters, each: Opened, known: frozenset[str] | None, found: Found
) -> None:
    """An open addition: prove it again, or withdraw it."""
    name = each.marker.name
    if name in clusters.inventory.by_name:
        found.to_withdraw.append((each, _THERE))
    elif each.marker.by_hand or known is None:
        await _again(clusters, each, found, is_blind=not each.marker.by_hand)
    elif name not in known:
        found.to_withdraw.append((each, _UNLABELLED))


async def _of_root(clusters: Clusters, each: Opened, found: Found) -> None:
    """An open pin: withdraw it where that is done, and settle again what a person asked for."""
    marker = each.marker
    plane = clusters.inventory.control_planes.get(marker.name)
    if plane is None:
        found.to_withdraw.append((each, _NO_PLANE))
        return
    known = plane.ca.root_certificate
    if known is not None and not (marker.by_hand and kinds.pins_another(marker, known)):
        found.to_withdraw.append((each, _PINNED))
    elif marker.by_hand:
        await _root_again(clusters, marker, found)


async def _root_again(clusters: Clusters, marker: Marker, found: Found) -> None:
    """A pin that a person asked for: of the root that they saw, and of no other one since."""
    name = marker.name
    try:
        root = await clusters.root(name)
    except CannotLookError as error:
        found.add(kinds.same_pin(marker), _given(blind(clusters, error)))
        return
    if not root or _unfit(clusters, root) or kinds.pins_another(marker, root):
        why = (
            f"{name} does not publish the root any more that is to be pinned here; find out why, "
            f"and close this, or have the new one pinned: extcp-bot propose --pin-root {name}"
        )
        changed = Evidence(clusters.fleet.now(), (), obstacle=why)
        found.add(kinds.same_pin(marker), _given(changed))
        return
    found.add(kinds.pin_root(name, root, by_hand=True), _same_root(clusters, name, root))


def _of_other(clusters: Clusters, each: Opened, found: Found, following: Collection[str]) -> str:
    """Why another open proposal is to be withdrawn; empty where it is not."""
    kind, name = each.marker.kind, each.marker.name
    member = clusters.inventory.by_name.get(name)
    if member is None:
        return _GONE
    match kind:
        case Kind.REMOVE_CLUSTER:
            _remove(clusters, name, found)
        case Kind.REVERT if branch_of(Kind.ADD_CLUSTER, name) not in following:
            return _PROVEN
        case Kind.CREDENTIAL if member.credential:
            return _WRITTEN
        case _:
            pass
    return ""


async def by_hand(clusters: Clusters, asked: Asked, passes: int) -> Found:
    """What a person asks for, each looked at as often as it takes.

    Raises:
        ExtcpError: The inventory does not take it.
        CannotLookError: A root cannot be read.
    """
    found = Found()
    for new in asked.add:
        candidate = await clusters.named(new)
        proposal = kinds.add_cluster(candidate.cluster, candidate.control_plane, by_hand=True)
        found.add(proposal, _addition(clusters, candidate))
    for name in asked.remove:
        author.remove_cluster(clusters.inventory, name)  # says what is wrong with the name
        _remove(clusters, name, found)
    for name in asked.pin:
        plane = author.known_control_plane(clusters.inventory, name)
        root = await clusters.root(plane)
        if problem := _unfit(clusters, root):
            raise ExtcpError.of(*problem)
        proposal = kinds.pin_root(plane, root, by_hand=True)
        found.add(proposal, _same_root(clusters, plane, root))
    for branch, subject in found.subjects.items():
        gather = _repeated(clusters, subject.gather, passes, asked.pause)
        found.subjects[branch] = replace(subject, gather=gather, looks=passes, offer_again=True)
    return found


async def _candidates(clusters: Clusters, found: Found) -> frozenset[str] | None:
    """The names of all candidates; None where Argo CD cannot be asked."""
    try:
        candidates = await clusters.candidates()
    except CannotLookError as error:
        said = f"candidates: {error.looked_at}: {error.why}; {error.remedy}"
        found.troubles.append(clean(said))
        return None
    found.candidates = len(candidates)
    for candidate in candidates:
        proposal = kinds.add_cluster(candidate.cluster, candidate.control_plane)
        found.add(proposal, _addition(clusters, candidate))
    return frozenset(candidate.name for candidate in candidates)


async def _again(clusters: Clusters, opened: Opened, found: Found, *, is_blind: bool) -> None:
    """An open addition that no candidate stands behind: what it was made from says all of it."""
    try:
        new, plane = kinds.new_cluster(opened.marker)
    except TypeError:  # a person has edited it; the pull request stays as it is
        number = opened.pull.number
        found.troubles.append(f"pull request {number} does not say any more what it was made from")
        return
    proposal = kinds.add_cluster(new, plane, by_hand=opened.marker.by_hand)
    if is_blind:
        nobody = CannotLookError("nobody could ask Argo CD for candidates", "", "")
        found.add(proposal, _given(blind(clusters, nobody)))
        return
    try:
        candidate = await clusters.named(kinds.member_of(opened.marker))
    except CannotLookError as error:
        found.add(proposal, _given(blind(clusters, error)))
    except ExtcpError as error:
        refused = Evidence(clusters.fleet.now(), (), obstacle=clean(str(error)))
        found.add(proposal, _given(refused))
    else:
        found.add(proposal, _addition(clusters, candidate))


async def _roots(clusters: Clusters, found: Found) -> None:
    """Proposes to pin the roots of self-signed control planes that have none pinned."""
    for plane in clusters.inventory.mesh.control_planes:
        known = plane.ca.root_certificate
        if plane.ca.type is not CAType.SELF_SIGNED or plane.ca.insecure_skip_verify:
            continue
        try:
            root = await clusters.root(plane.name)
        except CannotLookError as error:
            if known is None:
                said = f"root of {plane.name}: {error.why}; {error.remedy}"
                found.troubles.append(clean(said))
            continue
        if not root:
            continue
        if problem := _unfit(clusters, root):
            found.troubles.append(clean(f"root of {plane.name}: {problem[1]}; {problem[2]}"))
        elif known is None:
            found.add(kinds.pin_root(plane.name, root), _same_root(clusters, plane.name, root))
        elif pem.normalise(known) not in pem.normalise(root):
            found.warnings.append(
                f"The root that {plane.name} publishes is not the one that is pinned. Find out "
                f"why; nothing follows until a person runs: extcp-bot propose --pin-root "
                f"{plane.name}"
            )


def _unfit(clusters: Clusters, root: str) -> tuple[str, str, str] | None:
    """Why a root is none to pin, as ``extcp-gitops control-plane pin-root`` would say it."""
    return pem.problem(root) or pem.root_problem(root, clusters.fleet.now())


def _addition(clusters: Clusters, candidate: Candidate) -> Gather:
    return lambda: clusters.addition(candidate)


def _remove(clusters: Clusters, name: str, found: Found) -> None:
    inventory = clusters.inventory
    plane = inventory.control_plane_of(inventory.by_name[name])
    found.add(kinds.remove_cluster(name, plane.name), lambda: clusters.removal(name))


def _given(evidence: Evidence) -> Gather:
    async def gather() -> Evidence:
        return evidence

    return gather


def _same_root(clusters: Clusters, plane: str, root: str) -> Gather:
    async def gather() -> Evidence:
        now = clusters.fleet.now()
        if await clusters.root(plane) != root:
            return Evidence(now, (), obstacle=f"the root that {plane} publishes has changed")
        return Evidence(now, (), decided=State.HEALTHY)

    return gather


def _repeated(clusters: Clusters, gather: Gather, times: int, pause: float) -> Gather:
    """Look several times in a row, and stop at the first look that does not say yes."""

    async def again() -> Evidence:
        evidence = await gather()
        for _ in range(times - 1):
            if evidence.verdict is not State.HEALTHY:
                break
            await asyncio.sleep(pause)
            clusters.look_again()
            evidence = await gather()
        return evidence

    return again
