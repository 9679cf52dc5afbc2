from __future__ import annotations

from extcp_bot.watch import Watch
from tests.bot.reports import CRITICAL, WARNING, bad, mesh, report, unknown

ONE, TWO = "remote-cluster-1", "remote-cluster-2"
WHEN = "2026-06-01T12:00:00+00:00"


def test_the_first_look_tells_of_all_that_is_not_healthy() -> None:
    inventory = mesh()
    assert Watch().changes(report(inventory)) == [f"{WHEN} mesh1: 3 of 3 clusters are healthy"]
    assert Watch().changes(report(inventory, bad(inventory, ONE, CRITICAL))) == [
        f"{WHEN} {ONE} EXTCP-H05 secret-shape: critical: the place: found none, wanted true",
        f"{WHEN} mesh1: 2 of 3 clusters are healthy, 1 unhealthy",
    ]


def test_what_stays_as_it_is_is_told_once() -> None:
    inventory = mesh()
    watch = Watch()
    assert watch.changes(report(inventory, bad(inventory, ONE)))
    assert watch.changes(report(inventory, bad(inventory, ONE, found="another value"))) == []


def test_another_problem_is_a_change() -> None:
    inventory = mesh()
    watch = Watch()
    watch.changes(report(inventory, bad(inventory, ONE)))
    assert watch.changes(report(inventory, bad(inventory, ONE, problem="wrong-key"))) == [
        f"{WHEN} {ONE} EXTCP-H05 secret-shape: error: the place: found none, wanted true"
    ]


def test_what_is_healthy_again_is_told() -> None:
    inventory = mesh()
    watch = Watch()
    watch.changes(report(inventory, bad(inventory, ONE, WARNING)))
    assert watch.changes(report(inventory)) == [
        f"{WHEN} {ONE} EXTCP-H05 secret-shape: healthy again",
        f"{WHEN} mesh1: 3 of 3 clusters are healthy",
    ]


def test_one_obstacle_is_told_once_for_each_cluster() -> None:
    inventory = mesh()
    codes = ("EXTCP-H05", "EXTCP-H06", "EXTCP-H07", "EXTCP-H10")
    blind = [unknown(inventory, name, "no answer", code) for name in (ONE, TWO) for code in codes]
    assert Watch().changes(report(inventory, *blind)) == [
        f"{WHEN} {ONE} EXTCP-H05, EXTCP-H06 and 2 more checks: unknown: no answer",
        f"{WHEN} {TWO} EXTCP-H05, EXTCP-H06 and 2 more checks: unknown: no answer",
        f"{WHEN} mesh1: 1 of 3 clusters is healthy, 2 unknown",
    ]
