"""A generated repository on Gitea, and the simulated mesh that it is of, for real checks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from extcp_bot.access.model import Access
from extcp_bot.checks import all_checks
from extcp_bot.proposals.clusters import Clusters
from extcp_gitops.inventory.load import load_directory
from tests import gitrepo
from tests.bot.candidates.clusters import NAME, register
from tests.bot.proposals import desk as desks
from tests.bot.simulation import generated

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_bot.passes import Plan
    from extcp_bot.proposals.policy import Policy
    from tests.bot.candidates.joining import Preflight
    from tests.bot.fleets import World
    from tests.bot.proposals.desk import Desk
    from tests.gitea import Repository


class Scene:
    """A repository on Gitea, and the mesh that it is of."""

    def __init__(
        self, repository: Repository, directory: Path, istioctl: Path, kustomize: Path, cache: Path
    ) -> None:
        files = generated.files()
        files["mesh.yaml"] = desks.moved(files["mesh.yaml"].decode(), repository).encode()
        self.files = files
        self.repository = repository
        self._directory, self._istioctl, self._cache = directory, istioctl, cache
        root = directory / "whole"
        self.whole = generated.generate(root, istioctl, kustomize, cache, files)

    def desk(self, *, without: str = "") -> Desk:
        """The repository pushed, with or without one of its files."""
        files = {path: raw for path, raw in self.files.items() if path != without}
        root = self._directory / "mesh"
        return desks.begin_with(root, self.repository, self._istioctl, self._cache, files)


def look_at(desk: Desk, mesh: World) -> None:
    """Have real checks look at a simulated mesh."""

    async def live(root: Path, plan: Plan, policy: Policy, *, may_probe: bool) -> Clusters:
        fleet = replace(mesh.fleet, inventory=load_directory(root).inventory, root=root)
        return Clusters(fleet, plan, policy, may_probe=may_probe)

    desk.live = live
    desk.checks = tuple(all_checks().values())


def argocd_has_seen(mesh: World, commit: str) -> None:
    """Let Argo CD's Applications be synced to a commit."""
    for path, item in mesh.external.objects.items():
        if "/applications/" in path:
            item["status"]["sync"]["revision"] = commit


def offer(desk: Desk, found: Preflight) -> None:
    """Label the cluster beside a mesh for it, and have real checks look at both."""
    labels = {"extcp-gitops.io/mesh": "mesh1", "extcp-gitops.io/network": "network2"}
    labels["extcp-gitops.io/gateways"] = "east-west"
    access = found.candidate.access
    assert isinstance(access, Access)
    register(found.mesh, NAME, access.server, labels=labels)
    argocd_has_seen(found.mesh, gitrepo.git(desk.root, "rev-parse", "HEAD").strip())
    look_at(desk, found.mesh)
