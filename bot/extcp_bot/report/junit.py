"""For continuous integration: JUnit's XML, a suite for each cluster, a case for each check.

Unhealthy is a failure, unknown an error, a warning a case that passes and says what it saw. The
form is the part that the schemas of Ant, Surefire and Jenkins share: at most one failure or error
in a case, and no element or attribute that one of them lacks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from extcp_bot.report import summary
from extcp_bot.report.summary import Mark

if TYPE_CHECKING:
    from extcp_bot.result import Report, Result
    from extcp_gitops.inventory.model import Inventory

_ILLEGAL: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def render(report: Report, inventory: Inventory) -> str:  # noqa: ARG001 - as all forms
    """The report as one XML document."""
    top = ET.Element("testsuites", name=_legal(f"mesh {report.mesh_id}"))
    for name, results in summary.by_cluster(report).items():
        _suite(top, report, name, results)
    for key in ("tests", "failures", "errors"):
        top.set(key, str(sum(int(suite.get(key, "0")) for suite in top)))
    top.set("time", f"{report.seconds:.3f}")
    ET.indent(top)
    return ET.tostring(top, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="UTF-8"?>\n', "\n")
    )


def _suite(top: ET.Element, report: Report, name: str, results: list[Result]) -> None:
    suite = ET.SubElement(top, "testsuite", name=_legal(name))
    cases: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        cases.setdefault((result.code, result.check, result.control_plane), []).append(result)
    for (code, check, plane), its in sorted(cases.items()):
        _case(suite, f"{report.mesh_id}.{name}", f"{code} {check} ({plane})", its)
    if not results:
        case = ET.SubElement(
            suite, "testcase", classname=_legal(f"{report.mesh_id}.{name}"), name="not looked at"
        )
        case.set("time", "0.000")
        ET.SubElement(case, "error", type="unknown", message="the run was interrupted")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("skipped", "0")
    suite.set("time", f"{max((result.seconds for result in results), default=0.0):.3f}")
    suite.set("timestamp", report.started.strftime("%Y-%m-%dT%H:%M:%S"))


def _case(suite: ET.Element, classname: str, name: str, results: list[Result]) -> None:
    case = ET.SubElement(suite, "testcase", classname=_legal(classname), name=_legal(name))
    case.set("time", f"{max(result.seconds for result in results):.3f}")
    worst = min(results, key=lambda result: result.sort_key)
    seen = [result for result in results if summary.mark([result]) is not Mark.HEALTHY]
    text = _legal("\n\n".join(map(_words, seen)))
    match summary.mark(results):
        case Mark.UNHEALTHY:
            failure = ET.SubElement(case, "failure", type=worst.problem, message=_message(worst))
            failure.text = text
        case Mark.UNKNOWN:
            worst = next(each for each in results if summary.mark([each]) is Mark.UNKNOWN)
            error = ET.SubElement(case, "error", type="unknown", message=_message(worst))
            error.text = text
        case Mark.WARNING:
            ET.SubElement(case, "system-out").text = text
        case Mark.HEALTHY:
            pass


def _message(result: Result) -> str:
    return _legal(f"{result.looked_at}: {result.found}")


def _words(result: Result) -> str:
    word = result.severity.value if result.severity else result.state.value
    lines = {
        "looked at": result.looked_at,
        "found": result.found,
        "wanted": result.wanted,
        "remedy": result.remedy,
        "command": result.command,
        "see": result.explanation,
    }
    return "\n".join([word, *(f"{name}: {line}" for name, line in lines.items() if line)])


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
