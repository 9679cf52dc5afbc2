"""Run checks on clusters: all at once, each with its own time limit, none in another's way."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import Scope, State, unknown
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.result import Report, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from extcp_bot.checks.model import Check, Observation
    from extcp_bot.target import Fleet, Target

WORKERS: Final = 64
_SLOW: Final = "raise --timeout, or find out what makes the cluster slow"


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run shares the machine and the time.

    Attributes:
        workers: Clusters at once.
        check: Seconds for one check on one cluster.
    """

    workers: int = WORKERS
    check: float = 20.0


@dataclass(frozen=True, slots=True)
class Job:
    """One check on one target."""

    check: Check
    target: Target


def jobs(fleet: Fleet, checks: Iterable[Check], clusters: Collection[str] = ()) -> list[Job]:
    """What has to be run: each check on every target that it is for.

    Args:
        fleet: The mesh.
        checks: The chosen ones.
        clusters: Names; none for all.
    """
    chosen = list(checks)
    seen: set[tuple[str, str]] = set()
    result = []
    for target in fleet.targets():
        if clusters and target.cluster.name not in clusters:
            continue
        for check in chosen:
            # The external cluster has a target for each control plane, and is one cluster.
            once = (check.code, target.cluster.name)
            if _applies(check.scope, target) and not (
                check.scope is Scope.CLUSTER and once in seen
            ):
                seen.add(once)
                result.append(Job(check, target))
    return result


def _applies(scope: Scope, target: Target) -> bool:
    match scope:
        case Scope.CONTROL_PLANE:
            return target.is_external
        case Scope.CONFIG:
            return target.is_config
        case Scope.REMOTE:
            return not target.is_external
        case Scope.CLUSTER:
            return True


async def run(
    fleet: Fleet,
    work: Sequence[Job],
    pace: Pace | None = None,
    done: Callable[[Report], None] | None = None,
    report: Report | None = None,
) -> Report:
    """Run jobs, cluster by cluster with several clusters at once.

    Args:
        fleet: The mesh; its connections are closed at the end.
        work: From :func:`jobs`.
        pace: How many at once, how long.
        done: Told of the report so far, each time a cluster is done.
        report: To be filled as results come, so that an interrupted run has something to show.

    Returns:
        The report.
    """
    pace = pace or Pace()
    began = time.monotonic()
    if report is None:
        report = new_report(fleet, work)
    by_cluster: dict[str, list[Job]] = {}
    for job in work:
        by_cluster.setdefault(job.target.cluster.name, []).append(job)
    slots = asyncio.Semaphore(pace.workers)

    async def one_cluster(name: str, its: list[Job]) -> None:
        async with slots:
            async with asyncio.TaskGroup() as group:
                for job in its:
                    group.create_task(_run(job, pace.check, report.results))
            await _release(fleet, name)
        report.seconds = time.monotonic() - began
        if done is not None:
            done(report)

    report.complete = False
    try:
        async with asyncio.TaskGroup() as group:
            for name, its in by_cluster.items():
                group.create_task(one_cluster(name, its))
        report.complete = True
    finally:
        report.seconds = time.monotonic() - began
        await fleet.close()
    return report


def new_report(fleet: Fleet, work: Iterable[Job]) -> Report:
    """A report with nothing in it yet."""
    clusters = tuple(dict.fromkeys(job.target.cluster.name for job in work))
    return Report(fleet.inventory.mesh.mesh_id, fleet.now(), clusters)


async def _release(fleet: Fleet, name: str) -> None:
    """A thousand clusters would hold more connections than a process may have."""
    access = fleet.access.get(name)
    if access is not None and not isinstance(access, CannotLookError):
        await fleet.api(name).close()


async def _run(job: Job, seconds: float, results: list[Result]) -> None:
    """One check on one target; whatever it said before it failed is kept."""
    began = time.monotonic()

    def say(seen: Observation) -> None:
        results.append(Result.of(job.check, job.target, seen, time.monotonic() - began))

    said = 0
    try:
        async with asyncio.timeout(seconds):
            async for seen in job.check.look(job.target):
                said += 1
                say(seen)
    except CannotLookError as error:
        say(unknown(error.looked_at or job.check.title, error.why, error.remedy))
    except TimeoutError:
        say(unknown(job.check.title, f"the check took longer than {seconds:g} s", _SLOW))
    except Exception as error:  # noqa: BLE001 - one check's bug costs its own result only
        why = f"a bug in the check ({type(error).__name__})"
        say(unknown(job.check.title, why, "please report it, with the support bundle"))
    else:
        if not said:
            raise AssertionError(f"{job.check.code} said nothing about {job.target.cluster.name}")


def is_healthy(results: Iterable[Result]) -> bool:
    """Whether there are results and all of them are healthy."""
    states = {result.state for result in results}
    return states == {State.HEALTHY}
