"""What one remote cluster of the healthy simulated mesh answers, recorded while the bot looks.

So the many clusters of a benchmark answer whatever the checks ask for today, and cost next to
nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from extcp_bot.checks.model import State
from tests.bot.fleets import SECOND
from tests.bot.healthy import healthy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from tests.bot.simulation.generated import Generated

Object = dict[str, Any]

TEMPLATE = SECOND
"""The cluster that is recorded; in what it answers, its name is to be replaced."""


NOW = "<now>"
"""Stands in what is recorded for the time at which it is said again."""
_LEADER = "control-plane.alpha.kubernetes.io/leader"


@dataclass(frozen=True)
class Recording:
    """One look at one cluster.

    Attributes:
        answers: Status and JSON, by method and path with query.
        bodies: What was sent with each POST.
        objects: All that is in the cluster, by path.
    """

    answers: Mapping[str, tuple[int, str]]
    bodies: Mapping[str, str]
    objects: Mapping[str, Object]


def time() -> str:
    """Now, as istiod writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def renewed(said: Object, when: str) -> Object:
    """An answer whose lock, where it is one, was renewed at some time, as istiod goes on to do."""
    metadata = said.get("metadata") or {}
    record = (metadata.get("annotations") or {}).get(_LEADER)
    if record is None:
        return said
    annotations = {_LEADER: json.dumps({**json.loads(record), "renewTime": when})}
    return {**said, "metadata": {**metadata, "annotations": annotations}}


def record(repository: Generated) -> Recording:
    """Run all checks on a mesh of three clusters.

    Args:
        repository: That of the three clusters.

    Raises:
        RuntimeError: Something is not healthy in it.
    """
    answers: dict[str, tuple[int, str]] = {}
    bodies: dict[str, str] = {}

    def note(request: web.Request, said: Any) -> Any:  # noqa: ANN401 - JSON
        asked = f"{request.method} {request.raw_path}"
        is_status = said.get("kind") == "Status"
        code = said["code"] if is_status else 201 if request.method == "POST" else 200
        answers[asked] = (code, json.dumps(renewed(said, NOW)))
        if request.method == "POST":
            bodies[asked] = (request._read_bytes or b"").decode()  # noqa: SLF001 - read before
        return said

    with healthy(repository) as mesh:
        mesh.second.twist = note
        report = mesh.check_all()
        wrong = [each for each in report.results if each.state is not State.HEALTHY]
        if wrong:
            raise RuntimeError(f"the simulated mesh is not healthy: {wrong[0]}")
        return Recording(answers, bodies, dict(mesh.second.objects))
