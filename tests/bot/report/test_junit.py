from __future__ import annotations

from xml.etree import ElementTree as ET

from extcp_bot.report import render
from tests.bot.reports import (
    HOSTILE,
    WARNING,
    bad,
    hostile_mesh,
    mesh,
    report,
    result,
    unknown,
)

# The parts of JUnit's XML that the schemas of Ant, Surefire and Jenkins have in common.
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "error", "system-out"},
}
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "testcase": {"classname", "name", "time"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "system-out": set(),
}


def parsed(text: str) -> ET.Element:
    top = ET.fromstring(text)  # noqa: S314 - written by us
    for element in top.iter():
        assert set(element.attrib) == ATTRIBUTES[element.tag]
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
    for case in top.iter("testcase"):
        assert len(case) <= 1
    return top


def test_a_suite_for_each_cluster_and_a_case_for_each_check() -> None:
    inventory = mesh()
    found = report(
        inventory,
        result(inventory, "external-cluster"),
        bad(inventory, "remote-cluster-1"),
        unknown(inventory, "remote-cluster-1", "no answer"),
        bad(inventory, "remote-cluster-1", WARNING, code="EXTCP-H02", name="certificate"),
        unknown(inventory, "remote-cluster-2", "no answer"),
    )
    top = parsed(render("junit", found, inventory))
    counts = {key: top.get(key) for key in ("tests", "failures", "errors")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1"}
    assert [suite.get("name") for suite in top] == [
        "external-cluster",
        "remote-cluster-1",
        "remote-cluster-2",
    ]
    warning, failure = top[1]
    assert warning.get("name") == "EXTCP-H02 certificate (external-istiod)"
    assert "warning\nlooked at: the place\nfound: none" in (warning.findtext("system-out") or "")
    seen = failure.find("failure")
    assert seen is not None
    assert seen.attrib == {"type": "not-labelled", "message": "the place: none"}
    assert "command: kubectl label" in (seen.text or "")
    assert "unknown\nlooked at: the place\nfound: no answer" in (seen.text or "")
    error = top[2].find("testcase/error")
    assert error is not None
    assert error.get("message") == "the place: no answer"


def test_what_was_not_looked_at_is_an_error() -> None:
    inventory = mesh()
    found = report(inventory, complete=False)
    found.results.clear()
    top = parsed(render("junit", found, inventory))
    assert (top.get("tests"), top.get("errors")) == ("3", "3")


def test_no_text_makes_it_ill_formed() -> None:
    inventory = hostile_mesh()
    found = report(inventory, bad(inventory, HOSTILE, found=HOSTILE, remedy=HOSTILE))
    top = parsed(render("junit", found, inventory))
    assert [suite.get("name", "").count("<script>") for suite in top] == [0, 0, 1]
