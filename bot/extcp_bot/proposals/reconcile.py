"""One pass over a mesh: what is to be proposed, proven, followed and told."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from extcp_bot import scratch, threads
from extcp_bot.access import settings
from extcp_bot.forge.open import open_forge
from extcp_bot.proposals import clusters as live_clusters
from extcp_bot.proposals.limits import Meter
from extcp_bot.proposals.onepass import OnePass
from extcp_bot.proposals.workspace import Workspace
from extcp_bot.service.gate import Gate
from extcp_gitops.errors import ExtcpError
from extcp_gitops.generate import Options
from extcp_gitops.gitremote import Remote
from extcp_gitops.inventory.load import find_root, load_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from extcp_bot.forge.model import Forge
    from extcp_bot.passes import Plan
    from extcp_bot.proposals.asked import Asked
    from extcp_bot.proposals.clusters import OpenClusters
    from extcp_bot.proposals.outcome import Outcome
    from extcp_bot.proposals.policy import Policy
    from extcp_gitops.inventory.model import Inventory

_OVER_HTTP: Final = ("https://", "http://")


@dataclass(frozen=True)
class Ways:
    """How a pass reaches what it needs; tests choose others.

    Attributes:
        forge: Opens the forge of an inventory.
        clusters: Opens the clusters of a repository.
        options: For the generator.
    """

    forge: Callable[[Inventory, Policy, Path], Forge]
    clusters: OpenClusters = live_clusters.live
    options: Options = field(default_factory=Options)


def ways(environment: Mapping[str, str]) -> Ways:
    """The usual ways: the forge of the inventory, with a token from the environment."""

    def forge(inventory: Inventory, policy: Policy, root: Path) -> Forge:
        repository = inventory.mesh.repository
        return open_forge(
            repository.forge,
            repository.url,
            environment,
            api_url=policy.api_url,
            roots=roots(policy, root),
        )

    return Ways(forge)


def roots(policy: Policy, root: Path) -> Path | None:
    """The PEM file with the roots of the forge's private CA; None for those of the machine."""
    return None if policy.roots_file is None else root / policy.roots_file


async def reconcile(
    plan: Plan,
    *,
    gate: Gate | None = None,
    dry_run: bool = False,
    asked: Asked | None = None,
    say: Callable[[str], None] = lambda _: None,
    through: Ways | None = None,
    meter: Meter | None = None,
) -> Outcome:
    """One pass.

    What it looks at is the base branch as the forge has it, in a clone of its own; of the
    repository in ``plan.root`` it takes only where that is, and ``bot.yaml``'s way to it.

    Args:
        plan: Where the repository is, how to reach clusters, and the checks of the fleet.
        gate: Asked before each write.
        dry_run: Write nothing; the outcome holds what would be written.
        asked: What a person proposes by hand; everything that is to be done, by default.
        say: Told each write before it is made.
        through: How to reach the forge and the clusters; the usual ways by default.
        meter: Counts the writes of this process, where it makes several passes.

    Raises:
        ExtcpError: The inventory or ``bot.yaml`` is wrong; EXTCP-B041 to EXTCP-B043 where the
            repository on the forge is not what it has to be; those of ``open_forge`` and of Git.
        ForgeError: The forge cannot be asked at all.
        ClosedError: This process may not act any more.
    """
    through, gate = through or ways(os.environ), gate or Gate()
    root = find_root(plan.root)
    inventory = load_directory(root).inventory
    policy = settings.read(root, inventory).policy
    forge = through.forge(inventory, policy, root)
    try:
        await _require_writable(forge, inventory)
        remote = await _remote(forge, inventory.mesh.repository.url, roots(policy, root))
        branch = inventory.mesh.repository.branch
        async with scratch.directory() as top:
            arguments = (remote, branch, top, policy, through.options)
            workspace = await threads.run(Workspace.clone, *arguments)
            clusters = await through.clusters(workspace.root, plan, policy, may_probe=not dry_run)
            clusters.fleet.before_write = gate.require_held
            how = (gate, dry_run, asked, say, meter or Meter())
            try:
                return await OnePass(forge, workspace, clusters, policy, *how).carry_out()
            finally:
                await clusters.close()
    finally:
        await forge.close()


async def _remote(forge: Forge, url: str, pem: Path | None) -> Remote:
    """Where Git goes; the credential is for HTTP alone, and with SSH Git uses its own keys."""
    if not url.startswith(_OVER_HTTP):
        return Remote(url)
    return Remote(url, await forge.git_credential(), pem)


async def _require_writable(forge: Forge, inventory: Inventory) -> None:
    repository, wanted = await forge.repository(), inventory.mesh.repository
    if repository.archived:
        raise ExtcpError.of(
            "EXTCP-B041",
            f"{wanted.url} is archived, so nothing can be written there",
            "take it out of the archive, or name the new one in mesh.yaml",
        )
    if not repository.can_push:
        raise ExtcpError.of(
            "EXTCP-B042",
            f"the bot's account may not push branches to {wanted.url}",
            "give it write access to the repository",
        )
    if await forge.branch(wanted.branch) is None:
        raise ExtcpError.of(
            "EXTCP-B043",
            f"there is no branch {wanted.branch} in {wanted.url}; its default branch is "
            f"{repository.default_branch}",
            "set repository.branch in mesh.yaml to the branch that Argo CD reads",
        )
