"""Waits until every replica of istiod has taken a changed remote secret up.

``synced`` alone says nothing (facts F1), so the addresses that each replica has are compared with
the cluster's, as EXTCP-H08 does; and where a replica counts the changes of remote secrets that it
has seen, it must have seen one more than before.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from extcp_bot import run
from extcp_bot.checks import all_checks
from extcp_bot.checks.model import State
from extcp_bot.credentials.afresh import afresh
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import istiod, metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.target import Target

SETTLE: Final = 10.0
"""Seconds from the swap to the first look that counts."""
INTERVAL: Final = 2.0
"""Seconds from one look to the next."""
_EVENTS: Final = "remote_cluster_secret_events_total"
_REGISTRY: Final = "EXTCP-H08"
_CREDENTIAL: Final = "EXTCP-H06"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a rotation waits, in seconds.

    Attributes:
        token: For the cluster to fill a Secret with a token.
        settle: From the swap to the first look that counts.
        synced: For every replica of istiod to have taken the swap up.
        interval: From one look to the next.
    """

    token: float = 60.0
    settle: float = field(default_factory=lambda: SETTLE)
    synced: float = 180.0
    interval: float = field(default_factory=lambda: INTERVAL)


async def seen(target: Target) -> Mapping[str, float]:
    """How many changes of remote secrets each replica has seen, by its name.

    Replicas that do not count them, as before Istio 1.29, are left out.

    Raises:
        CannotLookError: The external cluster does not show istiod's Pods.
    """
    async with afresh(target) as now:
        found: dict[str, float] = {}
        for replica in await istiod.ready(now):
            try:
                text = await istiod.metrics(now, replica)
            except CannotLookError:
                continue
            changes = [
                each.value
                for each in metrics.samples(text, _EVENTS)
                if each.labels.get("event") == "update"
            ]
            if changes:
                found[replica.name] = sum(changes)
        return found


async def taken_up(target: Target, before: Mapping[str, float], patience: Patience) -> str:
    """Wait until every replica has taken the swap up.

    Args:
        target: The remote cluster.
        before: From :func:`seen`, before the swap; empty where that is not known any more.
        patience: How long.

    Returns:
        What still stands in the way when the time is over; empty where nothing does.
    """
    deadline = asyncio.get_running_loop().time() + patience.synced
    await asyncio.sleep(patience.settle)
    while True:
        why = await _obstacle(target, before)
        if not why or asyncio.get_running_loop().time() >= deadline:
            return why
        await asyncio.sleep(patience.interval)


async def _obstacle(target: Target, before: Mapping[str, float]) -> str:
    try:
        after = await seen(target) if before else {}
    except CannotLookError as error:
        return error.why
    for name, count in after.items():
        # A replica that has begun since counts from 0, and has read the Secret as it is now.
        if before.get(name, -1.0) == count:
            return f"istiod {name} has not seen the change"
    fleet = replace(target.fleet)
    known = all_checks()
    checks = [known[_REGISTRY], known[_CREDENTIAL]]
    report = await run.run(fleet, run.jobs(fleet, checks, [target.cluster.name]))
    for result in report.sorted():
        # An address that is for the external cluster alone was no obstacle before, either.
        is_route = result.code == _CREDENTIAL and result.state is State.UNKNOWN
        if result.state is not State.HEALTHY and not is_route:
            return f"{result.code}: {result.looked_at}: {result.found}"
    return "" if report.results else "nothing was looked at"
