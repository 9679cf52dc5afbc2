from __future__ import annotations

import pytest

from extcp_bot.candidates import model
from extcp_bot.candidates.model import Candidate
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.target import Target
from extcp_gitops.inventory.author import NewCluster
from extcp_gitops.inventory.model import Destination
from tests.bot import checking
from tests.bot.fleets import PLANE, SECOND

NOBODY = CannotLookError("nobody said how", "say how")


def candidate(name: str = "payments-eu", server: str | None = None) -> Candidate:
    return Candidate(NewCluster(name, "network2", server), PLANE, NOBODY, by_hand=True)


def test_the_cluster_is_as_the_generator_writes_it() -> None:
    assert candidate().as_cluster.destination == Destination(name="payments-eu")
    by_server = candidate(server="https://payments-eu.test").as_cluster
    assert by_server.destination == Destination(server="https://payments-eu.test")
    assert (by_server.network, by_server.control_plane) == ("network2", PLANE)


def test_the_fleet_grows_and_the_old_one_stays_as_it_is() -> None:
    fleet = checking.fleet()
    target = model.target(fleet, candidate("a"))
    assert next(c.name for c in target.fleet.inventory.clusters) == "a"
    assert target.fleet.access["a"] is NOBODY
    assert "a" not in fleet.inventory.by_name
    assert target.fleet.once is not fleet.once
    assert not target.is_external
    assert model.of(target).name == "a"


def test_a_member_is_no_candidate() -> None:
    fleet = checking.fleet()
    inventory = fleet.inventory
    target = Target(fleet, inventory.by_name[SECOND], inventory.control_planes[PLANE])
    with pytest.raises(TypeError):
        model.of(target)
