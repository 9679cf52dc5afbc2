"""For a pull request or an issue: a table of clusters, a table of findings, and what mends them.

Whatever is not ours stands in a code span or a fenced block: there, forges read neither links nor
HTML, mention nobody and close no issue.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from extcp_bot.report import summary
from extcp_bot.report.summary import Mark
from extcp_gitops.render.markdown import code_span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.report.summary import Finding
    from extcp_bot.result import Report
    from extcp_gitops.inventory.model import Inventory

LIMIT: Final = 65_000
"""Characters; GitHub takes 65,536 in a comment or a description."""

SIGNS: Final = {
    Mark.UNHEALTHY: "❌ unhealthy",
    Mark.UNKNOWN: "❔ unknown",
    Mark.WARNING: "⚠️ warning",
    Mark.HEALTHY: "✅ healthy",
}
"""How a cluster is, in a table."""
_MOST_ROWS: Final = 50
_LONGEST_CELL: Final = 160
_FOR_THE_END: Final = 400
_BACKQUOTES: Final = re.compile("`+")


def render(report: Report, inventory: Inventory, limit: int = LIMIT) -> str:
    """The whole text.

    Args:
        report: What was found.
        inventory: For the network of each cluster.
        limit: Characters that it may have; findings that do not fit are left out, and counted.
    """
    text = f"**Mesh {code_span(report.mesh_id)}: {summary.headline(report)}.**\n\n"
    text += "".join(_clusters(report, inventory))
    found = summary.findings(report)
    if found:
        text += "\n| | check | cluster | looked at | found | wanted |\n"
        text += "| --- | --- | --- | --- | --- | --- |\n"
        text += _fitting(map(_row, found), (limit - len(text)) // 2, "\nNot in this table: {}.\n")
        text += "\n<details><summary>How to mend it</summary>\n"
        text += _fitting(map(_remedy, found), limit - len(text) - _FOR_THE_END, "\nLeft out: {}.\n")
        text += "\n</details>\n"
    started = f"{report.started:%Y-%m-%d %H:%M} UTC"
    return f"{text}\nLooked at on {started}, in {report.seconds:.1f} s.\n"


def _clusters(report: Report, inventory: Inventory) -> Iterator[str]:
    """The rows; healthy clusters beyond the first ones are counted."""
    by_name = summary.by_cluster(report)
    rows = sorted(by_name, key=lambda name: summary.mark(by_name[name]).rank)
    yield "| cluster | network | state | findings |\n| --- | --- | --- | --- |\n"
    for name in rows[:_MOST_ROWS]:
        counts = summary.words(by_name[name])
        del counts["healthy"]
        network = inventory.by_name[name].network
        cells = (
            code_span(name),
            code_span(network) if network else "",
            SIGNS[summary.mark(by_name[name])],
            summary.tally(counts) if by_name[name] else "not looked at",
        )
        yield f"| {' | '.join(cells)} |\n"
    if rest := summary.many(len(rows[_MOST_ROWS:]), "more cluster") if rows[_MOST_ROWS:] else "":
        yield f"\nand {rest}.\n"


def _row(finding: Finding) -> str:
    first = finding.first
    # An obstacle stands in the way of many looks; the first place would only mislead.
    place = first.looked_at if finding.is_single else ""
    values = (finding.title, finding.where, place, first.found, first.wanted)
    return f"| {finding.word} | {' | '.join(map(_cell, values))} |\n"


def _cell(text: str) -> str:
    if len(text) > _LONGEST_CELL:
        text = f"{text[: _LONGEST_CELL - 1]}…"
    return code_span(text) if text else ""


def _remedy(finding: Finding) -> str:
    first = finding.first
    head = (
        f"\n{code_span(finding.title)} on {code_span(finding.where)}: {code_span(first.remedy)}\n"
    )
    return f"{head}\n{_fenced(first.command)}" if first.command else head


def _fenced(command: str) -> str:
    longest = max(map(len, _BACKQUOTES.findall(command)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}sh\n{command}\n{fence}\n"


def _fitting(parts: Iterator[str], room: int, more: str) -> str:
    """As many parts as there is room for, and how many there is not."""
    text, left_out = "", 0
    for part in parts:
        if left_out or len(text) + len(part) > room:
            left_out += 1
        else:
            text += part
    return text + more.format(summary.many(left_out, "finding")) if left_out else text
