"""Looking at a mesh once, or again and again, each time anew: inventory, credentials, clusters."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extcp_bot import run
from extcp_bot.access import resolve
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from extcp_bot.access.resolve import Choice
    from extcp_bot.checks.model import Check
    from extcp_bot.result import Report
    from extcp_bot.target import Fleet
    from extcp_gitops.inventory.model import Inventory


@dataclass(frozen=True, slots=True)
class Plan:
    """What to look at, and how.

    Attributes:
        root: The repository, or a directory in it.
        choice: How to reach clusters.
        checks: To be run.
        clusters: Names; none for all.
        connect_to: Where addresses of control planes lead in place of what DNS says.
        pace: How many at once, how long.
        keeps_reads: Whether what was read of each cluster stays, as a support bundle wants it.
    """

    root: Path
    choice: Choice
    checks: tuple[Check, ...]
    clusters: tuple[str, ...] = ()
    connect_to: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    pace: run.Pace = field(default_factory=run.Pace)
    keeps_reads: bool = False


@dataclass(frozen=True, slots=True)
class Pass:
    """One look at a mesh.

    Attributes:
        plan: What for.
        fleet: The way to the clusters.
        work: The checks to be run, each on each of its clusters.
        report: Filled as results come.
    """

    plan: Plan
    fleet: Fleet
    work: tuple[run.Job, ...] = field(repr=False)
    report: Report = field(repr=False)

    @classmethod
    async def begin(cls, plan: Plan) -> Pass:
        """Read the inventory and find the way to each cluster.

        Raises:
            ExtcpError: The repository is not in order.
        """
        fleet = await resolve.fleet(plan.root, plan.choice)
        fleet.connect_to = {**fleet.connect_to, **plan.connect_to}
        fleet.keeps_reads = plan.keeps_reads
        work = tuple(run.jobs(fleet, plan.checks, plan.clusters))
        return cls(plan, fleet, work, run.new_report(fleet, work))

    @property
    def inventory(self) -> Inventory:
        """What should be."""
        return self.fleet.inventory

    async def carry_out(self, done: Callable[[Report], None] | None = None) -> None:
        """Run the checks.

        Args:
            done: Told of the report so far, each time a cluster is done.
        """
        with _uncollected():
            await run.run(self.fleet, self.work, self.plan.pace, done, self.report)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: a tenth of a pass, in which it finds next to nothing.

    With 1,000 clusters, alive or dead, memory is the same without it (benchmarks/bench_check.py).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


async def repeat(
    plan: Plan,
    interval: float,
    seen: Callable[[Pass], None],
    failed: Callable[[ExtcpError], None],
    done: Callable[[Report], None] | None = None,
) -> None:
    """Look again and again, until it is cancelled.

    Args:
        plan: What to look at.
        interval: Seconds from the beginning of one pass to that of the next one; a pass that takes
            longer is followed by the next one at once.
        seen: Told of each pass that is complete.
        failed: Told why a pass could not begin, such as an inventory that somebody is editing.
        done: As for :meth:`Pass.carry_out`.
    """
    while True:
        began = time.monotonic()
        try:
            one = await Pass.begin(plan)
        except ExtcpError as error:
            failed(error)
        else:
            await one.carry_out(done)
            seen(one)
        await asyncio.sleep(max(interval - (time.monotonic() - began), 0))
