"""For Prometheus: its text format, for a textfile collector or for ``--serve``.

https://prometheus.io/docs/instrumenting/exposition_formats/. Labels are names of the inventory and
of the checks, never what a cluster said, so that no cluster can make series without end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.report import summary
from extcp_bot.report.summary import Mark
from extcp_gitops import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extcp_bot.result import Report, Result
    from extcp_gitops.inventory.model import Inventory

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_VALUES: Final = {Mark.HEALTHY: 1, Mark.WARNING: 1, Mark.UNHEALTHY: 0, Mark.UNKNOWN: -1}
_MEANING: Final = "1 healthy, 0 unhealthy, -1 unknown; a warning alone is healthy"
_ESCAPED: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

_Key = tuple[str, str, str, str]
Sample = tuple["Mapping[str, str]", float]


def render(report: Report, inventory: Inventory) -> str:  # noqa: ARG001 - as all forms
    """The report as metrics; see the HELP lines for what each is."""
    mesh = {"mesh": report.mesh_id}
    by_cluster = summary.by_cluster(report)
    by_check = _by_check(report)
    families = (
        family("extcp_bot_info", "The version that looked.", [({"version": __version__}, 1)]),
        family(
            "extcp_run_timestamp_seconds",
            "When the run began, in seconds since 1970.",
            [(mesh, report.started.timestamp())],
        ),
        family("extcp_run_seconds", "How long the run took.", [(mesh, report.seconds)]),
        family(
            "extcp_run_complete",
            "1, or 0 where the run was interrupted.",
            [(mesh, float(report.complete))],
        ),
        family(
            "extcp_cluster_state",
            f"The worst of a cluster's checks: {_MEANING}.",
            [
                ({**mesh, "cluster": name}, _VALUES[summary.mark(results)])
                for name, results in by_cluster.items()
            ],
        ),
        family(
            "extcp_check_state",
            f"A check on a cluster: {_MEANING}.",
            [
                ({**mesh, **_labels(key)}, _VALUES[summary.mark(results)])
                for key, results in by_check.items()
            ],
        ),
        family(
            "extcp_check_seconds",
            "How long a check on a cluster took.",
            [
                ({**mesh, **_labels(key)}, max(result.seconds for result in results))
                for key, results in by_check.items()
            ],
        ),
        family("extcp_problems", "Problems found, by name and severity.", _problems(mesh, report)),
    )
    return "".join(line + "\n" for family in families for line in family)


def _by_check(report: Report) -> dict[_Key, list[Result]]:
    found: dict[_Key, list[Result]] = {}
    for result in report.results:
        found.setdefault(_key(result), []).append(result)
    return dict(sorted(found.items()))


def _key(result: Result) -> _Key:
    return result.cluster, result.control_plane, result.code, result.check


def _labels(key: _Key) -> dict[str, str]:
    return dict(zip(("cluster", "control_plane", "code", "check"), key, strict=True))


def _problems(mesh: Mapping[str, str], report: Report) -> list[Sample]:
    counts: dict[tuple[_Key, str, str], int] = {}
    for result in report.results:
        if result.severity is not None:
            which = (_key(result), result.problem, result.severity.value)
            counts[which] = counts.get(which, 0) + 1
    return [
        ({**mesh, **_labels(key), "problem": problem, "severity": severity}, number)
        for (key, problem, severity), number in sorted(counts.items())
    ]


def family(name: str, text: str, samples: list[Sample], kind: str = "gauge") -> Iterator[str]:
    """The lines of one metric.

    Args:
        name: Of the metric.
        text: What it is, on one line.
        samples: Labels and value of each.
        kind: ``gauge`` or ``counter``.
    """
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        written = ",".join(f'{key}="{text.translate(_ESCAPED)}"' for key, text in labels.items())
        yield f"{name}{{{written}}} {value:.17g}" if written else f"{name} {value:.17g}"
