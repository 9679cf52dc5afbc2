"""For a terminal: a line for each cluster, then what was found, the most severe first."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.report import summary
from extcp_bot.report.summary import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.report.summary import Finding
    from extcp_bot.result import Report, Result
    from extcp_gitops.inventory.model import Inventory

_FOLDED: Final = 50
_WIDEST_NAME: Final = 48
_INDENT: Final = " " * 4
_LABEL: Final = 11
_RESET: Final = "\x1b[0m"
_COLOURS: Final = {
    "critical": "\x1b[1;31m",
    "error": "\x1b[31m",
    "unhealthy": "\x1b[31m",
    "warning": "\x1b[33m",
    "unknown": "\x1b[35m",
    "healthy": "\x1b[32m",
}


@dataclass(frozen=True, slots=True)
class Style:
    """How the text is to look.

    Attributes:
        colour: With ANSI colours.
        width: Columns at which long lines are broken; 0 for never. Commands never are.
        verbose: With a line for each healthy cluster, however many there are.
    """

    colour: bool = False
    width: int = 0
    verbose: bool = False


def render(report: Report, inventory: Inventory, style: Style | None = None) -> str:
    """The whole text.

    Args:
        report: What was found.
        inventory: Where it has several control planes, each finding names its own.
        style: Plain by default.
    """
    writer = _Writer(style or Style(), several=len(inventory.mesh.control_planes) > 1)
    return "\n".join(writer.lines(report)) + "\n"


class _Writer:
    def __init__(self, style: Style, *, several: bool) -> None:
        self._style = style
        self._several = several

    def lines(self, report: Report) -> Iterator[str]:
        yield f"{report.mesh_id}: {summary.headline(report)}"
        yield ""
        yield from self._clusters(report)
        for finding in summary.findings(report):
            yield ""
            yield from self._finding(finding)
        yield ""
        yield _last_line(report)

    def _clusters(self, report: Report) -> Iterator[str]:
        by_name = summary.by_cluster(report)
        marks = {name: summary.mark(results) for name, results in by_name.items()}
        healthy = sum(mark is Mark.HEALTHY for mark in marks.values())
        folded = healthy > _FOLDED and not self._style.verbose
        shown = [name for name, mark in marks.items() if not (folded and mark is Mark.HEALTHY)]
        width = min(max(map(len, shown), default=0), _WIDEST_NAME)
        for name in shown:
            word = self._coloured(f"{marks[name]:<9}", marks[name])
            yield f"  {name:<{width}}  {word}  {_of_cluster(by_name[name])}".rstrip()
        if folded:
            yield f"  {summary.many(healthy, 'cluster')} {self._coloured('healthy', 'healthy')}"

    def _finding(self, finding: Finding) -> Iterator[str]:
        first = finding.first
        word = self._coloured(finding.word, finding.word)
        plane = f"  ({first.control_plane})" if self._several and finding.is_single else ""
        yield f"{word}  {finding.title}  {finding.where}{plane}"
        if finding.is_single:  # an obstacle stands in the way of many looks
            yield from self._line("looked at", first.looked_at)
        if finding.word == summary.UNKNOWN:
            yield from self._line("because", first.found)
            yield from self._line("needed", first.remedy)
        else:
            yield from self._line("found", first.found)
            yield from self._line("wanted", first.wanted)
            yield from self._line("remedy", first.remedy)
        if first.command:
            yield f"{_INDENT}{'command':<{_LABEL}}{first.command}"
        yield f"{_INDENT}{'see':<{_LABEL}}{first.explanation}"

    def _line(self, label: str, text: str) -> Iterator[str]:
        if not text:
            return
        start = f"{_INDENT}{label:<{_LABEL}}"
        if not self._style.width:
            yield start + text
            return
        yield from textwrap.wrap(
            text,
            max(self._style.width, 2 * len(start)),
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _coloured(self, text: str, word: str) -> str:
        return f"{_COLOURS[word]}{text}{_RESET}" if self._style.colour else text


def _of_cluster(results: list[Result]) -> str:
    if not results:
        return "not looked at"
    counts = summary.words(results)
    del counts["healthy"]
    return summary.tally(counts)


def _last_line(report: Report) -> str:
    looked = summary.many(len({result.cluster for result in report.results}), "cluster")
    said = summary.tally(summary.words(report.results)) or "no result"
    return f"looked at {looked} in {report.seconds:.1f} s: {said}"
