"""A candidate: a cluster that is not in the inventory and is meant to join the mesh."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.target import Fleet, Target
from extcp_gitops.inventory import names
from extcp_gitops.inventory.model import Cluster, Destination, Role

if TYPE_CHECKING:
    from extcp_bot.access.model import Access
    from extcp_gitops.inventory.author import NewCluster


class NotRegisteredError(CannotLookError):
    """Argo CD has been asked, and does not know the cluster."""


def _nobody_asked() -> CannotLookError:
    return CannotLookError(
        "nobody asked Argo CD how it reaches the cluster",
        "name the context of its API server: --argocd-context, or argocd in bot.yaml",
        "Argo CD's cluster Secrets",
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cluster that is meant to join.

    Attributes:
        cluster: As ``extcp-gitops cluster add`` would add it.
        control_plane: The name of the one that it is to belong to.
        access: How the bot reaches its API server, or why it does not.
        by_hand: Named on the command line, and not found among Argo CD's clusters.
        problem: Why it cannot be a candidate at all, for people, in harmless words; empty where
            nothing keeps it from being looked at.
        origin: Where it was found, for people, such as ``Secret argocd/cluster-a``.
        argocd: How Argo CD reaches its API server; :class:`NotRegisteredError` where it does not,
            another error where the bot does not know.
    """

    cluster: NewCluster
    control_plane: str
    access: Access | CannotLookError
    by_hand: bool
    problem: str = ""
    origin: str = ""
    argocd: Access | CannotLookError = field(default_factory=_nobody_asked)

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.cluster.name

    @property
    def as_cluster(self) -> Cluster:
        """The cluster as the inventory will have it."""
        new = self.cluster
        by_name = new.name.replace("/", names.SLASH)
        destination = Destination(server=new.server) if new.server else Destination(name=by_name)
        return Cluster(
            new.name, Role.REMOTE, destination, self.control_plane, new.network, new.gateways
        )


@dataclass(frozen=True)
class CandidateTarget(Target):
    """What a preflight check is given: the candidate in the mesh as it would be with it.

    Attributes:
        candidate: Which one.
        may_probe: Whether an object of our own may stand in the candidate for some seconds, so that
            its API server tries the way to the control plane.
    """

    candidate: Candidate
    may_probe: bool = True


def of(target: Target) -> Candidate:
    """The candidate that a preflight check runs for.

    Raises:
        TypeError: The check runs for a cluster of the mesh.
    """
    if not isinstance(target, CandidateTarget):
        raise TypeError(f"{target.cluster.name} is no candidate")
    return target.candidate


def may_probe(target: Target) -> bool:
    """Whether an object of our own may stand in the candidate; see :class:`CandidateTarget`."""
    return isinstance(target, CandidateTarget) and target.may_probe


def target(fleet: Fleet, candidate: Candidate, *, probes: bool = True) -> CandidateTarget:
    """The candidate in a fleet of its own, to which it belongs as if it had joined.

    Args:
        fleet: The mesh as it is; nothing of it is changed, and no connection is shared.
        candidate: Without a problem.
        probes: ``may_probe`` of :class:`CandidateTarget`.
    """
    inventory, cluster = fleet.inventory, candidate.as_cluster
    clusters = sorted((*inventory.clusters, cluster), key=lambda each: each.name)
    grown = replace(
        fleet,
        inventory=replace(inventory, clusters=tuple(clusters)),
        access={**fleet.access, cluster.name: candidate.access},
    )
    plane = inventory.control_planes[candidate.control_plane]
    return CandidateTarget(grown, cluster, plane, candidate, probes)
