from __future__ import annotations

from extcp_bot.report import summary
from extcp_bot.report.summary import Mark
from tests.bot import reports
from tests.bot.reports import CRITICAL, WARNING, bad, mesh, report, unknown

ONE, TWO = "remote-cluster-1", "remote-cluster-2"
DEAD = "external-cluster:6443 does not answer"


def test_a_warning_alone_makes_nothing_unhealthy() -> None:
    inventory = mesh(3)
    marks = summary.marks(
        report(
            inventory,
            bad(inventory, ONE, WARNING),
            bad(inventory, TWO, WARNING),
            bad(inventory, TWO),
        )
    )
    assert marks == {
        "external-cluster": Mark.HEALTHY,
        ONE: Mark.WARNING,
        TWO: Mark.UNHEALTHY,
        "remote-cluster-3": Mark.HEALTHY,
    }


def test_unknown_is_worse_than_a_warning_and_never_healthy() -> None:
    inventory = mesh()
    found = report(inventory, bad(inventory, ONE, WARNING), unknown(inventory, ONE, DEAD))
    assert summary.marks(found)[ONE] is Mark.UNKNOWN


def test_a_cluster_without_results_is_unknown() -> None:
    found = report(mesh(), complete=False)
    found.results.clear()
    assert set(summary.marks(found).values()) == {Mark.UNKNOWN}
    assert summary.headline(found) == ("interrupted; so far 0 of 3 clusters are healthy, 3 unknown")


def test_one_obstacle_is_one_finding() -> None:
    inventory = mesh(5)
    names = [cluster.name for cluster in inventory.remotes]
    blind = [
        unknown(inventory, name, DEAD, code=code)
        for name in names
        for code in ("EXTCP-H05", "EXTCP-H06", "EXTCP-H07", "EXTCP-H08")
    ]
    (finding,) = summary.findings(report(inventory, *blind))
    assert finding.title == "EXTCP-H05, EXTCP-H06 and 2 more checks"
    assert finding.where == "remote-cluster-1, remote-cluster-2 and 3 more clusters"
    assert finding.word == "unknown"


def test_two_of_a_kind_that_are_bad_are_two_findings() -> None:
    inventory = mesh()
    found = report(inventory, bad(inventory, ONE), bad(inventory, TWO, CRITICAL))
    assert [(f.word, f.where, f.title) for f in summary.findings(found)] == [
        ("critical", TWO, "EXTCP-H05 secret-shape"),
        ("error", ONE, "EXTCP-H05 secret-shape"),
    ]


def test_the_headline_counts_what_there_is() -> None:
    assert summary.headline(report(mesh())) == "3 of 3 clusters are healthy"
    assert summary.headline(reports.mixed(mesh(9))) == (
        "7 of 10 clusters are healthy, 1 unhealthy, 1 unknown, 1 with warnings only"
    )
