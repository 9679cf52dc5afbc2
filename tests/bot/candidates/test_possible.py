from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_bot.candidates.model import Candidate
from extcp_bot.candidates.possible import Rules
from extcp_bot.kube.failure import CannotLookError
from extcp_gitops.inventory.author import NewCluster
from tests.bot.candidates.clusters import mesh
from tests.bot.fleets import PLANE, SECOND

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = CannotLookError("nobody said how", "say how")


def codes(root: Path, new: NewCluster) -> list[str]:
    candidate = Candidate(new, PLANE, NOBODY, by_hand=True)
    return [each.code for each in Rules(root).findings(candidate)]


def test_the_inventory_says_what_it_takes(tmp_path: Path) -> None:
    with mesh(tmp_path):
        assert codes(tmp_path, NewCluster("payments-eu")) == []
        assert codes(tmp_path, NewCluster(SECOND)) == ["EXTCP-I013"]
        assert codes(tmp_path, NewCluster("a", "b c")) == ["EXTCP-I004"]


def test_a_destination_that_is_taken_is_named(tmp_path: Path) -> None:
    with mesh(tmp_path) as its:
        path = tmp_path / f"clusters/{SECOND}/cluster.yaml"
        path.write_text(path.read_text().replace(f"name: {SECOND}", "name: payments-eu"))
        assert codes(its.fleet.root, NewCluster("payments-eu")) == ["EXTCP-I028"]


def test_what_is_a_warning_elsewhere_keeps_a_cluster_out_that_can_have_no_secret(
    tmp_path: Path,
) -> None:
    with mesh(tmp_path):
        assert codes(tmp_path, NewCluster("eu/payments")) == ["EXTCP-I043"]


def test_other_warnings_keep_nobody_out(tmp_path: Path) -> None:
    with mesh(tmp_path):  # another network, without an east-west gateway
        assert codes(tmp_path, NewCluster("payments-eu", "network2")) == []
