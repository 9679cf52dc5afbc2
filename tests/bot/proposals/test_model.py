from __future__ import annotations

import pytest

from extcp_bot.checks.model import State
from extcp_bot.proposals.model import Evidence, Part
from extcp_bot.result import Report
from tests.bot import reports
from tests.bot.proposals.cases import NOW
from tests.bot.reports import CRITICAL, ERROR, WARNING

MESH = reports.mesh()
SECOND = "remote-cluster-2"
FINE = reports.report(MESH)
WARNED = reports.report(MESH, reports.bad(MESH, SECOND, WARNING))
BAD = reports.report(MESH, reports.bad(MESH, SECOND, ERROR))
BLIND = reports.report(MESH, reports.unknown(MESH, SECOND, "no route"))
CUT = reports.report(MESH, complete=False)
NOTHING = Report("mesh1", NOW, ())


def evidence(*found: Report, excused: frozenset[str] = frozenset()) -> Evidence:
    return Evidence(NOW, tuple(Part("Part", each, MESH) for each in found), excused)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ((FINE, FINE), State.HEALTHY),
        ((FINE, WARNED), State.HEALTHY),
        ((FINE, BLIND), State.UNKNOWN),
        ((FINE, CUT), State.UNKNOWN),
        ((FINE, NOTHING), State.UNKNOWN),
        ((), State.UNKNOWN),
        ((FINE, BAD), State.UNHEALTHY),
        ((BLIND, BAD), State.UNHEALTHY),
    ],
)
def test_only_what_was_seen_to_be_fine_is_healthy(
    found: tuple[Report, ...], verdict: State
) -> None:
    assert evidence(*found).verdict is verdict


def test_checks_that_are_not_required_stand_in_nobodys_way_and_prove_nothing() -> None:
    other = reports.result(MESH, SECOND, code="EXTCP-H16", name="blast-radius")
    both = reports.report(MESH, reports.bad(MESH, SECOND, CRITICAL), other)
    assert evidence(both, excused=frozenset({"EXTCP-H05"})).verdict is State.UNKNOWN
    for name in (cluster.name for cluster in MESH.clusters):
        both.results.append(reports.result(MESH, name, code="EXTCP-H16", name="blast-radius"))
    assert evidence(both, excused=frozenset({"EXTCP-H05"})).verdict is State.HEALTHY
    assert evidence(BAD, excused=frozenset({"EXTCP-H05"})).verdict is State.UNKNOWN


def test_the_key_is_of_what_is_wrong_and_where() -> None:
    again = reports.report(MESH, reports.bad(MESH, SECOND, found="another value"))
    assert evidence(BAD).key == evidence(again).key
    elsewhere = reports.report(MESH, reports.bad(MESH, "remote-cluster-1"))
    assert evidence(BAD).key != evidence(elsewhere).key != evidence(FINE).key
    assert [each.cluster for each in evidence(BAD, WARNED).in_the_way] == [SECOND]


def test_an_obstacle_is_no_yes() -> None:
    assert Evidence(NOW, (), obstacle="x").verdict is State.UNHEALTHY
    assert Evidence(NOW, (), obstacle="x", is_blind=True).verdict is State.UNKNOWN
    assert Evidence(NOW, (), obstacle="x", decided=State.HEALTHY).verdict is State.UNHEALTHY
