"""For programs: everything, under names that stay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.report import summary

if TYPE_CHECKING:
    from extcp_bot.result import Report, Result
    from extcp_gitops.inventory.model import Inventory

SCHEMA_VERSION: Final = 1
"""Rises when a key goes or changes its meaning; new keys may come at any time."""


def render(report: Report, inventory: Inventory, *, indent: int | None = 2) -> str:
    """The report as one JSON document with a newline at its end.

    Args:
        report: What was found.
        inventory: For what each cluster is.
        indent: Spaces; None for a single line.
    """
    document = as_json(report, inventory)
    return json.dumps(document, indent=indent, ensure_ascii=False) + "\n"


def as_json(report: Report, inventory: Inventory) -> dict[str, Any]:
    """The report as JSON values.

    Keys:
        schemaVersion: :data:`SCHEMA_VERSION`.
        mesh: The mesh ID.
        started: RFC 3339.
        seconds: How long the run took.
        complete: False where it was interrupted.
        exitCode: What it means to a script: 0, 1 or 5.
        counts: Results by ``critical``, ``error``, ``warning``, ``unknown`` and ``healthy``.
        clusters: By name: ``role``, ``controlPlane``, ``network``, ``isConfigCluster``, ``state``
            (``healthy``, ``warning``, ``unknown`` or ``unhealthy``) and ``counts`` as above.
        results: Each as :meth:`extcp_bot.result.Result.as_json`, the most severe first.
    """
    return {
        "schemaVersion": SCHEMA_VERSION,
        "mesh": report.mesh_id,
        "started": report.started.isoformat(timespec="seconds"),
        "seconds": round(report.seconds, 3),
        "complete": report.complete,
        "exitCode": int(report.exit_code),
        "counts": _counts(report.results),
        "clusters": {
            name: _cluster(name, results, inventory)
            for name, results in summary.by_cluster(report).items()
        },
        "results": [result.as_json() for result in report.sorted()],
    }


def _cluster(name: str, results: list[Result], inventory: Inventory) -> dict[str, Any]:
    cluster = inventory.by_name[name]
    return {
        "role": cluster.role.value,
        "controlPlane": cluster.control_plane,
        "network": cluster.network,
        "isConfigCluster": inventory.is_config_cluster(cluster),
        "state": summary.mark(results).value,
        "counts": _counts(results),
    }


def _counts(results: list[Result]) -> dict[str, int]:
    counts = summary.words(results)
    return {word: counts[word] for word in (*summary.WORDS, "healthy")}
