"""What all forms of a report say first: how each cluster is, what was found, how much of it."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import Severity, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extcp_bot.result import Report, Result

UNKNOWN: Final = "unknown"
WORDS: Final = (*(severity.value for severity in Severity), UNKNOWN)
"""What a finding can be, the worst first."""
_NAMED: Final = 3


class Mark(enum.StrEnum):
    """How a cluster is, the worst first; a warning alone makes nothing unhealthy."""

    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
    WARNING = "warning"
    HEALTHY = "healthy"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(type(self)).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """Results that say one thing: one that is unhealthy, or all that one obstacle made unknown.

    A server that does not answer leaves every check on every cluster that needs it unknown; that
    is one thing to mend, and is told once.

    Attributes:
        results: At least one; the first speaks for all.
    """

    results: tuple[Result, ...]

    @property
    def first(self) -> Result:
        """The result that speaks for all."""
        return self.results[0]

    @property
    def word(self) -> str:
        """One of :data:`WORDS`."""
        return self.first.severity.value if self.first.severity else UNKNOWN

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters that it is about."""
        return tuple(dict.fromkeys(result.cluster for result in self.results))

    @property
    def checks(self) -> tuple[str, ...]:
        """The codes of the checks that it is about."""
        return tuple(sorted({result.code for result in self.results}))

    @property
    def title(self) -> str:
        """The check, or what could not be looked at: ``EXTCP-H05 secret-shape``."""
        if len(self.checks) == 1:
            return f"{self.first.code} {self.first.check}"
        return some(self.checks, "checks")

    @property
    def is_single(self) -> bool:
        """Whether it is one result."""
        return len(self.results) == 1

    @property
    def where(self) -> str:
        """The clusters, for people."""
        return some(self.clusters, "clusters")


def some(names: tuple[str, ...], noun: str) -> str:
    """Names for people: all of a few, the first ones of many."""
    if len(names) <= _NAMED:
        return ", ".join(names)
    shown = names[: _NAMED - 1]
    return f"{', '.join(shown)} and {len(names) - len(shown):,} more {noun}"


def findings(report: Report) -> list[Finding]:
    """All that is not healthy, the most severe first."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for number, result in enumerate(report.sorted()):
        if result.state is State.UNKNOWN:
            groups.setdefault((result.found, result.remedy), []).append(result)
        elif result.state is State.UNHEALTHY:
            groups[str(number),] = [result]
    return [Finding(tuple(results)) for results in groups.values()]


def marks(report: Report) -> dict[str, Mark]:
    """How each cluster is; one without any result is unknown."""
    return {name: mark(results) for name, results in by_cluster(report).items()}


def by_cluster(report: Report) -> dict[str, list[Result]]:
    """The results of each cluster that was to be looked at, the most severe first."""
    found: dict[str, list[Result]] = {name: [] for name in report.clusters}
    for result in report.sorted():
        found.setdefault(result.cluster, []).append(result)
    return found


def mark(results: Iterable[Result]) -> Mark:
    """The worst of some results; unknown where there is none."""
    return min(map(_mark, results), key=lambda each: each.rank, default=Mark.UNKNOWN)


def _mark(result: Result) -> Mark:
    if result.severity is Severity.WARNING:
        return Mark.WARNING
    return Mark(result.state.value)


def words(results: Iterable[Result]) -> Counter[str]:
    """How many results there are of each of :data:`WORDS`, and of ``healthy``."""
    return Counter(each.severity.value if each.severity else each.state.value for each in results)


def headline(report: Report) -> str:
    """How the mesh is, in one line: ``2 of 3 clusters are healthy, 1 is unhealthy``."""
    counts = Counter(marks(report).values())
    total = sum(counts.values())
    first = (
        f"{counts[Mark.HEALTHY]:,} of {many(total, 'cluster')} {_are(counts[Mark.HEALTHY])} healthy"
    )
    rest = {
        Mark.UNHEALTHY: f"{counts[Mark.UNHEALTHY]:,} unhealthy",
        Mark.UNKNOWN: f"{counts[Mark.UNKNOWN]:,} unknown",
        Mark.WARNING: f"{counts[Mark.WARNING]:,} with warnings only",
    }
    text = ", ".join([first, *(words for each, words in rest.items() if counts[each])])
    return text if report.complete else f"interrupted; so far {text}"


def tally(counts: Mapping[str, int]) -> str:
    """Counts of :func:`words` that are not zero, the worst first: ``1 critical, 2 unknown``."""
    return ", ".join(f"{counts[word]:,} {word}" for word in (*WORDS, "healthy") if counts[word])


def many(number: int, noun: str) -> str:
    """A number and its noun: ``1 cluster``, ``1,000 clusters``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
