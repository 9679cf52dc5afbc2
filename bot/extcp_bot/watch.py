"""What changed between two looks at a mesh, a line for each change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import State
from extcp_bot.report import summary
from extcp_bot.report.summary import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extcp_bot.result import Report, Result

_Key = tuple[str, str, str, str]
_Status = tuple[Mark, frozenset[str]]
_WELL: Final[_Status] = (Mark.HEALTHY, frozenset())


class Watch:
    """Remembers the last look."""

    def __init__(self) -> None:
        self._statuses: Mapping[_Key, _Status] = {}
        self._headline = ""

    def changes(self, report: Report) -> list[str]:
        """Lines about what is not as it was; the first time about all that is not healthy.

        Args:
            report: Of the newest look, complete.
        """
        by_check = _by_check(report)
        statuses = {key: _status(results) for key, results in by_check.items()}
        changed = {
            key: results
            for key, results in by_check.items()
            if statuses[key] != self._statuses.get(key, _WELL)
        }
        self._statuses = statuses
        when = report.started.isoformat(timespec="seconds")
        lines = list(_lines(changed))
        headline = f"{report.mesh_id}: {summary.headline(report)}"
        if headline != self._headline:
            lines.append(headline)
            self._headline = headline
        return [f"{when} {line}" for line in lines]


def _status(results: list[Result]) -> _Status:
    """What makes a difference to a person: how it is, and what is wrong by name."""
    return summary.mark(results), frozenset(each.problem for each in results if each.severity)


def _by_check(report: Report) -> dict[_Key, list[Result]]:
    found: dict[_Key, list[Result]] = {}
    for result in report.sorted():
        key = (result.cluster, result.control_plane, result.code, result.check)
        found.setdefault(key, []).append(result)
    return found


def _lines(changed: Mapping[_Key, list[Result]]) -> Iterator[str]:
    """What got worse, the most severe first; then what one obstacle hides; then what is well."""
    hidden: dict[tuple[str, str], list[str]] = {}
    well: list[str] = []
    for key, results in changed.items():
        cluster, _, code, check = key
        mark = summary.mark(results)
        if mark is Mark.HEALTHY:
            well.append(f"{cluster} {code} {check}: healthy again")
        elif mark is Mark.UNKNOWN:
            first = next(each for each in results if each.state is State.UNKNOWN)
            hidden.setdefault((cluster, first.found), []).append(code)
        else:
            first = results[0]
            wanted = f", wanted {first.wanted}" if first.wanted else ""
            found = f"{first.looked_at}: found {first.found}{wanted}"
            yield f"{cluster} {code} {check}: {first.severity}: {found}"
    for (cluster, why), codes in hidden.items():
        yield f"{cluster} {summary.some(tuple(codes), 'checks')}: unknown: {why}"
    yield from well
