"""Real checks of a simulated mesh, and a real Gitea: from a label to a proven cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.access.model import Access
from extcp_bot.checks import all_checks
from extcp_bot.credentials import registration
from extcp_bot.proposals.case import Standing
from extcp_bot.proposals.clusters import Clusters
from extcp_gitops.inventory.load import load_directory
from tests import gitrepo
from tests.bot.candidates.clusters import NAME, register
from tests.bot.candidates.joining import beside
from tests.bot.fleets import SECOND
from tests.bot.healthy import healthy
from tests.bot.joining.merged import DELIVERED, Merged
from tests.bot.proposals import desk as desks
from tests.bot.proposals.script import candidate
from tests.bot.simulation import generated

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_bot.passes import Plan
    from extcp_bot.proposals.policy import Policy
    from tests.bot.fleets import World
    from tests.bot.proposals.desk import Desk
    from tests.gitea import Gitea, Repository

CLUSTER = f"clusters/{SECOND}/cluster.yaml"


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


@pytest.fixture
def scene(  # noqa: PLR0917 - fixtures
    gitea: Gitea,
    tmp_path: Path,
    istioctl_path: Path,
    kustomize: Path,
    render_cache: Path,
    programs: None,  # noqa: ARG001 - on PATH
) -> Scene:
    return Scene(gitea.repository(), tmp_path, istioctl_path, kustomize, render_cache)


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


def test_a_label_on_a_healthy_cluster_becomes_a_pull_request_with_the_proof_in_it(
    scene: Scene,
) -> None:
    desk = scene.desk()
    with beside(scene.whole) as found:
        labels = {"extcp-gitops.io/mesh": "mesh1", "extcp-gitops.io/network": "network2"}
        labels["extcp-gitops.io/gateways"] = "east-west"
        access = found.candidate.access
        assert isinstance(access, Access)
        register(found.mesh, NAME, access.server, labels=labels)
        argocd_has_seen(found.mesh, gitrepo.git(desk.root, "rev-parse", "HEAD").strip())
        look_at(desk, found.mesh)
        outcome = desk.reconcile()
        assert [(row.name, row.standing, row.why) for row in outcome.rows] == [
            (NAME, Standing.OPEN, "")
        ]
        body = desk.pull()["body"]
        for code in (*all_checks(), "EXTCP-P01", "EXTCP-P07"):
            assert f"`{code} " in body
        assert "❌" not in body
        assert "❔" not in body
        assert len(body) <= 65_536
        assert desk.reconcile().writes == []


def test_what_is_merged_is_given_its_secret_in_its_turn_and_proven(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "GOES", 0.2)
    desk = scene.desk(without=CLUSTER)
    found = candidate(SECOND, "network2")
    wanted = replace(found.cluster.gateways, ingress=True, east_west=True)
    new = replace(found.cluster, gateways=wanted)
    desk.script.candidates = [replace(found, cluster=new)]
    desk.reconcile()
    number = desk.pull()["number"]
    desk.repository.merge(number)
    with healthy(scene.whole) as mesh:
        merged = Merged(mesh)
        look_at(desk, mesh)
        first = desk.reconcile()
        assert [str(write) for write in first.writes][:1] == [
            f"deliver the remote secret of {SECOND}"
        ]
        assert DELIVERED in mesh.external.objects
        desk.reconcile()
        assert desk.labels(number) == {"extcp:proven"}
        (comment,) = desk.comments(number)
        assert "Proven in the mesh" in comment["body"]
        written = list(merged.outside.written)
        for _ in range(3):
            assert desk.reconcile().writes == []
        assert merged.outside.written == written
