"""For a person with a browser: one file that needs no network and runs nothing.

Texts are escaped by the template engine, always; a Content-Security-Policy that allows this one
style sheet and nothing else stands behind that.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jinja2

from extcp_bot.checks import all_checks
from extcp_bot.report import summary
from extcp_bot.report.picture import draw
from extcp_bot.report.summary import Mark
from extcp_gitops import __version__

if TYPE_CHECKING:
    from collections import Counter

    from extcp_bot.checks.model import Check
    from extcp_bot.report.summary import Finding
    from extcp_bot.result import Report
    from extcp_gitops.inventory.model import Cluster, Inventory

_TEMPLATES: Final = Path(__file__).with_name("templates")
_MOST: Final = 3_000
"""Findings; browsers take their time with more, and a person reads fewer."""
_FOLDED: Final = 50


@dataclass(frozen=True, slots=True)
class _Row:
    """A cluster in the table."""

    anchor: str
    cluster: Cluster
    is_config: bool
    mark: Mark
    words: str
    findings: tuple[int, ...]


def render(report: Report, inventory: Inventory) -> str:
    """The page.

    Args:
        report: What was found.
        inventory: For the picture, and for what each cluster is.
    """
    found = summary.findings(report)
    rows = _rows(report, inventory, found)
    healthy = [row for row in rows if row.mark is Mark.HEALTHY]
    style = _style()
    return _template().render(
        policy=policy(),
        style=style,
        report=report,
        headline=summary.headline(report),
        verdict=min((row.mark for row in rows), key=lambda mark: mark.rank, default=Mark.UNKNOWN),
        counts=_counts(found),
        findings=found[:_MOST],
        left_out=max(len(found) - _MOST, 0),
        several=len(inventory.mesh.control_planes) > 1,
        rows=rows if len(healthy) <= _FOLDED else [row for row in rows if row not in healthy],
        folded=healthy if len(healthy) > _FOLDED else [],
        anchors={row.cluster.name: row.anchor for row in rows},
        picture=draw(report, inventory),
        checks=_checks(found),
        marks=list(Mark),
        version=__version__,
    )


@cache
def policy() -> str:
    """The Content-Security-Policy of the page."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def _style() -> str:
    return (_TEMPLATES / "report.css").read_text(encoding="utf-8")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["many"] = summary.many
    environment.filters["code_parts"] = _code_parts
    return environment.get_template("report.html.j2")


def _rows(report: Report, inventory: Inventory, found: list[Finding]) -> list[_Row]:
    """All clusters of the mesh, the worst first."""
    by_name = summary.by_cluster(report)
    numbers: dict[str, list[int]] = {}
    for number, finding in enumerate(found[:_MOST]):
        for name in finding.clusters:
            numbers.setdefault(name, []).append(number)
    rows = []
    for number, cluster in enumerate(inventory.clusters):
        results = by_name.get(cluster.name, [])
        counts = summary.words(results)
        del counts["healthy"]
        rows.append(
            _Row(
                f"cluster-{number}",
                cluster,
                inventory.is_config_cluster(cluster),
                summary.mark(results),
                summary.tally(counts) if results else "not looked at",
                tuple(numbers.get(cluster.name, ())),
            )
        )
    return sorted(rows, key=lambda row: row.mark.rank)


def _counts(found: list[Finding]) -> Counter[str]:
    counts = summary.words(())
    counts.update(finding.word for finding in found)
    return counts


def _checks(found: list[Finding]) -> list[Check]:
    """The checks that found something, for the reader who wants to know what they are about."""
    codes = {code for finding in found for code in finding.checks}
    return [check for code, check in all_checks().items() if code in codes]


def _code_parts(text: str) -> list[tuple[bool, str]]:
    """Pieces of a docstring, and whether each is code."""
    return [(bool(number % 2), part) for number, part in enumerate(text.split("`"))]
