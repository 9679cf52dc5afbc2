"""What a pass asks of live clusters: the fleet once, for all proposals, and each one for itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from extcp_bot import run
from extcp_bot.access import resolve
from extcp_bot.candidates import found, model, preflight
from extcp_bot.joining import leaving
from extcp_bot.joining.follow import follow
from extcp_bot.live import mesh_root
from extcp_bot.once import Once
from extcp_bot.proposals import kinds, sealing
from extcp_bot.proposals.model import Evidence, Part
from extcp_bot.result import Report, clean
from extcp_bot.target import Target

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from extcp_bot.candidates.model import Candidate
    from extcp_bot.credentials.model import Delivery
    from extcp_bot.joining.model import Progress
    from extcp_bot.kube.failure import CannotLookError
    from extcp_bot.passes import Plan
    from extcp_bot.proposals.asked import NewMember
    from extcp_bot.proposals.model import Proposal
    from extcp_bot.proposals.policy import Documents, Policy
    from extcp_bot.target import Fleet
    from extcp_gitops.inventory.model import Inventory

FLEET: Final = "The mesh as it is"
CANDIDATE: Final = "The cluster that would join"
LEAVING: Final = "The cluster that would leave"
JOINING: Final = "Its way into the mesh"
_PROBE: Final = "EXTCP-P07"


class Clusters:
    """The clusters of a mesh, in one pass.

    Args:
        fleet: The way to them; the inventory is that of the base.
        plan: With the checks and the pace.
        policy: With the checks that need not be healthy.
        may_probe: Whether an object of ours may stand in a candidate for a moment (EXTCP-P07).
    """

    def __init__(self, fleet: Fleet, plan: Plan, policy: Policy, *, may_probe: bool = True) -> None:
        self.fleet = fleet
        self._plan = plan
        self._policy = policy
        self._may_probe = may_probe
        self._once = Once()

    @property
    def inventory(self) -> Inventory:
        """What should be."""
        return self.fleet.inventory

    async def report(self) -> Report:
        """All checks on all clusters, run once in a pass."""
        return await self._once("report", self._report)

    def look_again(self) -> None:
        """Forget what was seen of the fleet, for a second look in the same pass."""
        self._once = Once()

    async def _report(self) -> Report:
        fleet = replace(self.fleet)
        return await run.run(fleet, run.jobs(fleet, self._plan.checks), self._plan.pace)

    async def candidates(self) -> tuple[Candidate, ...]:
        """The clusters that are labelled for the mesh and not in it.

        Raises:
            CannotLookError: Argo CD cannot be asked.
        """
        fleet = replace(self.fleet)
        try:
            return await found.find(fleet)
        finally:
            await fleet.close()

    async def named(self, new: NewMember) -> Candidate:
        """A cluster that a person named.

        Raises:
            ExtcpError: The inventory does not take it.
        """
        fleet = replace(self.fleet)
        try:
            return await found.named(
                fleet,
                new.name,
                network=new.network,
                control_plane=new.control_plane,
                gateways=new.gateways,
                server=new.server,
                context=new.context,
            )
        finally:
            await fleet.close()

    async def addition(self, candidate: Candidate) -> Evidence:
        """What speaks for adding a candidate: preflight of it, and health of the fleet."""
        time = self.fleet.now()
        if candidate.problem:
            return Evidence(time, (), obstacle=candidate.problem)
        looked = await preflight.preflight(
            replace(self.fleet), candidate, self._plan.pace, may_probe=self._may_probe
        )
        whole = await self.report()
        grown = model.target(self.fleet, candidate).fleet.inventory
        parts = (Part(CANDIDATE, looked, grown), Part(FLEET, whole, self.inventory))
        # A dry run leaves nothing in a cluster, not even for a moment, and says what would be.
        excused = self._policy.excused | (frozenset() if self._may_probe else {_PROBE})
        return Evidence(time, parts, excused, unproven=preflight.unproven(candidate))

    async def removal(self, name: str) -> Evidence:
        """What speaks for removing a cluster: nothing goes there any more."""
        time = self.fleet.now()
        report = await leaving.evidence(replace(self.fleet), name, self._plan.pace)
        parts = (Part(LEAVING, report, self.inventory),)
        return Evidence(time, parts, self._policy.excused, unproven=leaving.NOT_LOOKED_AT)

    async def leave(self, name: str, control_plane: str, *, dry_run: bool) -> Delivery:
        """Take the remote secret of a cluster away that is out of the mesh, in its turn.

        Raises:
            CannotLookError: Nobody knows whether it is its turn.
        """
        return await leaving.remove_secret(
            replace(self.fleet), name, control_plane, dry_run=dry_run
        )

    async def progress(self, name: str, *, act: bool) -> Progress:
        """How far a cluster has come; with ``act`` its credential is delivered in its turn."""
        return await follow(replace(self.fleet), name, act=act, pace=self._plan.pace)

    def wants_document(self, name: str) -> bool:
        """Whether the remote secret of a cluster is to go into Git, and is not there."""
        return self._policy.documents is not None and not self.inventory.by_name[name].credential

    def document_path(self, name: str) -> str:
        """Where the document of a cluster is, relative to the repository."""
        return sealing.path_of(self._member(self.fleet, name), self._documents)

    async def credential(self, name: str, before: bytes | None) -> Proposal:
        """The pull request with the remote secret of a cluster as a document.

        Args:
            name: Of the cluster.
            before: The document that was proposed already; None where there is none.

        Raises:
            HeldError: It is not its turn, or a person has to decide.
            CannotLookError: The cluster cannot be asked.
            ExtcpError: As ``sealing.files``.
        """
        fleet = replace(self.fleet)
        try:
            target = self._member(fleet, name)
            made = await sealing.files(target, self._documents, fleet.root, before)
        finally:
            await fleet.close()
        return kinds.credential(name, target.plane.name, self._documents, made)

    @property
    def _documents(self) -> Documents:
        found = self._policy.documents
        if found is None:
            raise ValueError("remote secrets are delivered straight")
        return found

    def _member(self, fleet: Fleet, name: str) -> Target:
        cluster = fleet.inventory.by_name[name]
        return Target(fleet, cluster, fleet.inventory.control_plane_of(cluster))

    async def root(self, control_plane: str) -> str:
        """The root that a control plane publishes; PEM, empty where there is none yet.

        Raises:
            CannotLookError: The config cluster does not show it.
        """
        fleet = replace(self.fleet)
        plane = fleet.inventory.control_planes[control_plane]
        config = fleet.inventory.config_cluster_of(plane)
        try:
            return await mesh_root.published(Target(fleet, config, plane))
        finally:
            await fleet.close()

    async def close(self) -> None:
        """Give all connections back."""
        await self._once.close()
        await self.fleet.close()


class OpenClusters(Protocol):
    """Finds the way to the clusters of a repository."""

    def __call__(
        self, root: Path, plan: Plan, policy: Policy, *, may_probe: bool
    ) -> Awaitable[Clusters]:
        """The clusters of the repository in a directory; see :class:`Clusters`."""


async def live(root: Path, plan: Plan, policy: Policy, *, may_probe: bool) -> Clusters:
    """The clusters that flags, ``bot.yaml`` and kubeconfigs lead to.

    Raises:
        ExtcpError: The repository is not in order.
    """
    fleet = await resolve.fleet(root, plan.choice)
    fleet.connect_to = {**fleet.connect_to, **plan.connect_to}
    return Clusters(fleet, plan, policy, may_probe=may_probe)


def blind(clusters: Clusters, error: CannotLookError) -> Evidence:
    """The evidence where nobody could look."""
    why = clean(f"{error.looked_at}: {error.why}" if error.looked_at else error.why)
    return Evidence(clusters.fleet.now(), (), obstacle=why, is_blind=True)
