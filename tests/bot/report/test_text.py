from __future__ import annotations

from extcp_bot.report import text
from extcp_bot.report.text import Style
from tests.bot import reports
from tests.bot.reports import HOSTILE, WARNING, bad, mesh, mixed, report, unknown

PLAIN = """\
mesh1: 1 of 3 clusters is healthy, 1 unhealthy, 1 unknown

  external-cluster  healthy
  remote-cluster-1  unhealthy  1 error
  remote-cluster-2  unknown    2 unknown

error  EXTCP-H05 secret-shape  remote-cluster-1
    looked at  the place
    found      none
    wanted     true
    remedy     label it
    command    kubectl label 'remote-cluster-1' a=b
    see        extcp-bot check --explain EXTCP-H05

unknown  EXTCP-H05, EXTCP-H06  remote-cluster-2
    because    no answer
    needed     check the route
    see        extcp-bot check --explain EXTCP-H05

looked at 3 clusters in 2.5 s: 1 error, 2 unknown, 1 healthy
"""


def test_clusters_first_then_findings_then_how_much_of_it() -> None:
    inventory = mesh()
    found = report(
        inventory,
        bad(inventory, "remote-cluster-1"),
        unknown(inventory, "remote-cluster-2", "no answer"),
        unknown(inventory, "remote-cluster-2", "no answer", code="EXTCP-H06"),
    )
    assert text.render(found, inventory) == PLAIN


def test_many_healthy_clusters_are_counted_and_shown_on_request() -> None:
    few = mesh(60)
    assert "clusters healthy" not in text.render(mixed(few), few).replace("clusters are", "")
    inventory = mesh(100)
    found = mixed(inventory)
    folded = text.render(found, inventory)
    assert "\n  68 clusters healthy\n" in folded
    assert "remote-cluster-1 " not in folded
    assert "\n  remote-cluster-3 " in folded
    assert "\n  remote-cluster-1 " in text.render(found, inventory, Style(verbose=True))


def test_colour_only_where_it_is_wanted() -> None:
    inventory = mesh(9)
    found = mixed(inventory)
    assert "\x1b" not in text.render(found, inventory)
    coloured = text.render(found, inventory, Style(colour=True))
    assert "\x1b[1;31mcritical\x1b[0m" in coloured
    assert "\x1b[35munknown  \x1b[0m" in coloured


def test_long_lines_are_broken_but_for_commands() -> None:
    inventory = mesh()
    long = "a word " * 60
    finding = bad(inventory, "remote-cluster-1", remedy=long, command=long)
    lines = text.render(report(inventory, finding), inventory, Style(width=60)).splitlines()
    too_long = [line for line in lines if len(line) > 60]
    assert [line.split()[0] for line in too_long] == ["command"]


def test_a_finding_names_its_control_plane_where_there_are_several() -> None:
    inventory = mesh(second_plane=True)
    found = report(inventory, bad(inventory, "external-cluster", plane="istiod-b"))
    assert "  external-cluster  (istiod-b)\n" in text.render(found, inventory)


def test_what_was_not_looked_at_says_so() -> None:
    inventory = mesh()
    found = report(inventory, complete=False)
    found.results = [each for each in found.results if each.cluster == "external-cluster"]
    said = text.render(found, inventory)
    assert said.startswith("mesh1: interrupted; so far 1 of 3 clusters is healthy, 2 unknown\n")
    assert "  remote-cluster-1  unknown    not looked at\n" in said


def test_no_word_of_a_cluster_reaches_the_terminal_as_a_command() -> None:
    inventory = mesh()
    finding = bad(inventory, "remote-cluster-1", WARNING, found=HOSTILE, command=HOSTILE)
    said = text.render(report(inventory, finding), inventory)
    assert all(character == "\n" or character.isprintable() for character in said)
    assert "\\u001b[31mred" in said


def test_nothing_to_find() -> None:
    inventory = mesh()
    said = text.render(reports.report(inventory), inventory)
    assert said.endswith("healthy\n\nlooked at 3 clusters in 2.5 s: 3 healthy\n")
