"""A cluster on its way out: the evidence that nobody needs it, and its remote secret at the end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from extcp_bot import run
from extcp_bot.credentials import held, registration, releases, remote_secret
from extcp_bot.credentials.model import Delivery, HeldError, Outcome, refused, waiting
from extcp_bot.joining import behind, drained
from extcp_bot.kube import writes
from extcp_bot.live import argocd
from extcp_bot.result import clean
from extcp_bot.target import Target
from extcp_gitops.inventory.author import unknown_cluster
from extcp_gitops.inventory.model import Cluster, Destination, Role
from extcp_gitops.render.argocd import (
    application_name,
    crds_application_name,
    credential_name,
)

if TYPE_CHECKING:
    from extcp_bot.checks.model import Check, Permission
    from extcp_bot.result import Report
    from extcp_bot.target import Fleet
    from extcp_gitops.inventory.model import ControlPlane

CHECKS: Final[tuple[Check, ...]] = (
    drained.ROLE,
    drained.SIDECARS,
    drained.CONNECTIONS,
    drained.ADDRESSES,
    behind.LEFT,
)
NOT_LOOKED_AT: Final = (
    "requests that are under way: the proxies' own statistics are not asked for",
    "callers outside of the mesh, such as DNS names and load balancers that lead to the cluster",
    "ServiceEntry, WorkloadEntry and DestinationRule objects that name its addresses",
)
"""What :func:`evidence` says nothing of, as lines for people."""


async def evidence(fleet: Fleet, cluster: str, pace: run.Pace | None = None) -> Report:
    """Whether anything still comes to a cluster or depends on it, and what stays behind.

    Args:
        fleet: With the cluster in its inventory; its connections are closed at the end.
        cluster: Its name.
        pace: Time limits of the checks.

    Returns:
        Results EXTCP-L01 to EXTCP-L05, shown as those of other checks.

    Raises:
        ExtcpError: There is no such remote cluster (EXTCP-I015).
    """
    item = fleet.inventory.by_name.get(cluster)
    if item is None or item.role is not Role.REMOTE:
        raise unknown_cluster(fleet.inventory, cluster)
    target = Target(fleet, item, fleet.inventory.control_plane_of(item))
    return await run.run(fleet, [run.Job(check, target) for check in CHECKS], pace)


async def remove_secret(
    fleet: Fleet, cluster: str, control_plane: str, *, dry_run: bool = False
) -> Delivery:
    """Take the remote secret of a cluster that has left away: the last step, once it is its turn.

    Its turn is when the main branch does not have the cluster any more, and Argo CD has no
    Application of it, which is when it has deleted what it deployed there.

    Args:
        fleet: Whose inventory is that of the main branch, without the cluster.
        cluster: Its name.
        control_plane: The name of the one that it belonged to.
        dry_run: Say what would be done, and write nothing.

    Raises:
        CannotLookError: Argo CD or the external cluster could not be asked.
        KeyError: There is no such control plane.
    """
    now = replace(fleet)
    plane = now.inventory.control_planes[control_plane]
    gone = Cluster(cluster, Role.REMOTE, Destination(name=cluster), control_plane)
    removal = _Removal(Target(now, gone, plane), plane, dry_run=dry_run)
    try:
        return await removal.outcome()
    finally:
        await now.close()


class _Removal:
    """One removal of one remote secret."""

    def __init__(self, target: Target, plane: ControlPlane, *, dry_run: bool) -> None:
        self._target = target
        self._plane = plane
        self._dry_run = dry_run

    async def outcome(self) -> Delivery:
        try:
            return await self._remove(remote_secret.name_of(self._target))
        except HeldError as error:
            return self._said(error.outcome, error.why, error.remedy)

    async def _remove(self, name: str) -> Delivery:
        target = self._target
        await self._require_gone()
        path = f"/api/v1/namespaces/{self._plane.namespace}/secrets/{name}"
        async with writes.of(target.fleet, target.fleet.inventory.external.name) as external:
            found = await external.read(path)
            if found is None:
                # Whoever has deleted it may not have come to say what istiod needs after that.
                return self._said(Outcome.UNCHANGED, "it is not there", await self._restart())
            held.require_ours(target, found, overwrite=False)
            if not self._dry_run:
                await external.delete(path, found)
        words = "no other cluster finds a Pod there any more"
        return self._said(Outcome.REMOVED, words, await self._restart())

    async def _restart(self) -> str:
        """What is to be done with istiod after the Secret has gone; empty for nothing."""
        known = releases.faults(await registration.versions(self._target))
        harm = next((each for each in known if not each.spares_renewal), None)
        return f"restart istiod: {harm}" if harm else ""

    async def _require_gone(self) -> None:
        """Raise where the cluster is in the mesh still, or Argo CD has not ended with it."""
        fleet, cluster = self._target.fleet, self._target.cluster
        inventory = fleet.inventory
        if cluster.name in inventory.by_name:
            raise refused(
                f"the repository has {cluster.name}", "take it out of the repository first"
            )
        there = await argocd.applications(fleet)
        names = (
            application_name(inventory, cluster),
            crds_application_name(inventory, cluster),
            credential_name(inventory, cluster),
        )
        left = [name for name in names if name in there]
        if left:
            raise waiting(
                f"Argo CD has Application {' and '.join(left)} still",
                "it goes when the root has seen the merge; with the finalizer that README.md "
                "names, only once Argo CD has deleted what it deployed",
            )

    def _said(self, outcome: Outcome, words: str, remedy: str = "") -> Delivery:
        name = self._target.cluster.name
        secret = f"{self._plane.namespace}/{remote_secret.PREFIX}{name}"
        return Delivery(name, secret, outcome, clean(words), clean(remedy), self._dry_run)


def permissions() -> tuple[tuple[str, Permission], ...]:
    """What it takes to look, each with the code of who wants it."""
    return tuple((check.code, each) for check in CHECKS for each in check.permissions)
