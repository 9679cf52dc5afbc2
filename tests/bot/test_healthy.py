from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_bot.checks.model import State

if TYPE_CHECKING:
    from tests.bot.fleets import World


def test_every_check_is_healthy_on_a_healthy_mesh(healthy_mesh: World) -> None:
    report = healthy_mesh.check_all()
    wrong = [each for each in report.results if each.state is not State.HEALTHY]
    assert [f"{e.code} {e.cluster}: {e.looked_at}: {e.problem} {e.found}" for e in wrong] == []
    assert report.results
