"""The replicas of a control plane's istiod, and what each of them says on its debug interface.

Each has a registry of its own, and they disagree where something is wrong (istio#38440), so that
whoever asks one of them through a Service knows nothing of the others. Without a token the
interface answers its own loopback alone (pilot/pkg/xds/debug.go), where port-forwarding arrives.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.kube import portforward
from extcp_bot.kube.failure import CannotLookError, NonsenseError
from extcp_bot.kube.portforward import Cost, PodPort
from extcp_bot.live import fields, pods, times

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from extcp_bot.kube.answers import Object
    from extcp_bot.target import Target

SELECTOR: Final = "app=istiod"
PORT: Final = 15014
"""Of ``--monitoringAddr``, with /debug and /metrics; ``pilot-discovery request`` asks it."""
METRICS: Final = "/metrics"
COST: Final = Cost(seconds=8.0, bytes=32 << 20)
_OK: Final = 200
_NOT_LOCAL: Final = (401, 403)


@dataclass(frozen=True, slots=True)
class Replica:
    """One Pod of istiod that runs and is not on its way out.

    Attributes:
        name: Of the Pod.
        namespace: Of the Pod.
        is_ready: Whether it takes requests.
    """

    name: str
    namespace: str
    is_ready: bool

    @property
    def place(self) -> str:
        """For people."""
        return f"istiod {self.name}"


async def replicas(target: Target) -> list[Replica]:
    """The Pods of the control plane's istiod, by name.

    Raises:
        CannotLookError: The external cluster does not show them.
    """
    namespace = target.plane.namespace
    running = [
        Replica(fields.string(fields.at(pod, "metadata", "name")), namespace, _is_ready(pod))
        for pod in await _pods(target)
        if fields.at(pod, "status", "phase") == "Running"
        and fields.at(pod, "metadata", "deletionTimestamp") is None
    ]
    return sorted(running, key=lambda each: each.name)


async def names(target: Target) -> set[str]:
    """The names of all Pods of the control plane's istiod, also of those that come or go.

    Raises:
        CannotLookError: The external cluster does not show them.
    """
    return {fields.string(fields.at(pod, "metadata", "name")) for pod in await _pods(target)}


async def youngest(target: Target) -> datetime | None:
    """When the newest of those Pods was made, by the external cluster's clock; raises as above.

    Returns:
        None where there is no Pod, or none that says it.
    """
    created = (fields.at(pod, "metadata", "creationTimestamp") for pod in await _pods(target))
    return max(filter(None, map(times.parse, created)), default=None)


async def age(target: Target) -> float:
    """Seconds since the newest of those Pods was made; infinite where none says it; raises so."""
    newest = await youngest(target)
    if newest is None:
        return float("inf")
    return (target.fleet.now() - newest).total_seconds() + (target.external.clock_skew or 0.0)


async def ready(target: Target) -> list[Replica]:
    """Those of :func:`replicas` that take requests; raises as it does."""
    return [each for each in await replicas(target) if each.is_ready]


async def debug(
    target: Target,
    replica: Replica,
    path: str,
    *,
    shrink: Callable[[Object], Any] | None = None,
    again: bool = False,
) -> Any:  # noqa: ANN401 - JSON
    """What a replica says on its debug interface, asked once for all checks.

    Args:
        target: Of the control plane.
        replica: Whom to ask.
        path: Such as ``/debug/clusterz``.
        shrink: Called with each object, the inner ones first, and gives what stands in its place;
            for answers that hold much more than what is wanted of them.
        again: Ask a second time, a moment later: for what may have been on its way.

    Raises:
        CannotLookError: It cannot be asked, or says nonsense.
    """

    async def ask() -> Any:  # noqa: ANN401 - JSON
        if again:
            await asyncio.sleep(target.fleet.limits.pause)
        body = await _ask(target, replica, path)
        try:
            return json.loads(body, object_hook=shrink)
        except (ValueError, RecursionError):
            where = f"{replica.place}, {path}"
            raise NonsenseError(f"{where}: no JSON", "see its log", where) from None

    return await target.fleet.once((replica, path, shrink, again), ask)


async def metrics(target: Target, replica: Replica) -> str:
    """The metrics of a replica as it exposes them to Prometheus; asked once, raises as above."""

    async def ask() -> str:
        return (await _ask(target, replica, METRICS)).decode("utf-8", "replace")

    return await target.fleet.once((replica, METRICS), ask)


async def _ask(target: Target, replica: Replica, path: str) -> bytes:
    to = PodPort(replica.namespace, replica.name, PORT)
    answer = await portforward.get(target.external, to, path, COST)
    if answer.status == _OK:
        return answer.body
    where = f"{replica.place}, {path}"
    if answer.status in _NOT_LOCAL:
        remedy = "port-forwarding has to arrive at the Pod's loopback, which needs no token"
    else:
        remedy = "see its log, and whether ENABLE_DEBUG_ON_HTTP is off"
    raise CannotLookError(f"{where}: HTTP {answer.status}", remedy, where)


async def _pods(target: Target) -> list[Object]:
    path = f"/api/v1/namespaces/{target.plane.namespace}/pods"
    return await target.external.list(path, labels=SELECTOR, keep=pods.kept)


def _is_ready(pod: Object) -> bool:
    conditions = fields.items(fields.at(pod, "status", "conditions"))
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
