"""Real checks of a simulated mesh, and a real Gitea: from a label to a proven cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from extcp_bot.checks import all_checks
from extcp_bot.credentials import registration
from extcp_bot.proposals.case import Standing
from tests.bot.candidates.clusters import NAME
from tests.bot.candidates.joining import beside
from tests.bot.fleets import SECOND
from tests.bot.healthy import healthy
from tests.bot.joining.merged import DELIVERED, Merged
from tests.bot.proposals.scene import look_at, offer
from tests.bot.proposals.script import candidate

if TYPE_CHECKING:
    import pytest

    from tests.bot.proposals.scene import Scene

CLUSTER = f"clusters/{SECOND}/cluster.yaml"


def test_a_label_on_a_healthy_cluster_becomes_a_pull_request_with_the_proof_in_it(
    scene: Scene,
) -> None:
    desk = scene.desk()
    with beside(scene.whole) as found:
        offer(desk, found)
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
