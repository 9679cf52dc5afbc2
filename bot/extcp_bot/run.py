"""Run checks on clusters: all at once, each with its own time limit, none in another's way."""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from extcp_bot.checks.model import Scope, State, unknown
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.result import Report, Result

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Callable,
        Collection,
        Iterable,
        Iterator,
        Sequence,
    )

    from extcp_bot.checks.model import Check, Observation
    from extcp_bot.target import Fleet, Target

WORKERS: Final = 64
_COLLECT: Final = 20_000
_COLLECT_AFTER: Final = 600  # unknown results
_MOST: Final = (
    200  # things that one check says of one cluster, which may hold any number of objects
)
_BY_HAND: Final = "mend what it names, and check again"
_REPORT: Final = "please report it, with the support bundle"
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
        case Scope.CLUSTER | Scope.MEMBER:
            return True
        case Scope.CANDIDATE:
            return False


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
    slots, unknown_since = asyncio.Semaphore(pace.workers), 0

    async def one_cluster(name: str, its: list[Job]) -> None:
        nonlocal unknown_since
        async with slots:
            async with asyncio.TaskGroup() as group:
                looks = [group.create_task(_run(job, pace.check, report.results)) for job in its]
            await _release(fleet, name)
        unknown_since += sum(look.result() for look in looks)
        if unknown_since > _COLLECT_AFTER:  # what failed leaves cycles, with connections in them
            unknown_since = 0
            gc.collect()
        report.seconds = time.monotonic() - began
        if done is not None:
            done(report)

    report.complete = False
    try:
        with _seldom_collecting():
            async with asyncio.TaskGroup() as group:
                for name, its in by_cluster.items():
                    group.create_task(one_cluster(name, its))
        report.complete = True
    finally:
        report.seconds = time.monotonic() - began
        await fleet.close()
    return report


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Make more objects between two searches for unreachable cycles.

    A run makes very many and hardly a cycle; the searches took a sixth of its time.
    """
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def new_report(fleet: Fleet, work: Iterable[Job]) -> Report:
    """A report with nothing in it yet."""
    clusters = tuple(dict.fromkeys(job.target.cluster.name for job in work))
    return Report(fleet.inventory.mesh.mesh_id, fleet.now(), clusters)


async def _release(fleet: Fleet, name: str) -> None:
    """A thousand clusters would hold more connections and memory than a process may have.

    Those whose objects speak of other clusters, too, are read until the end.
    """
    access = fleet.access.get(name)
    if access is None or isinstance(access, CannotLookError) or name in fleet.hubs:
        return
    api = fleet.api(name)
    await api.release()
    if not fleet.keeps_reads:
        api.forget()


async def _run(job: Job, seconds: float, results: list[Result]) -> int:
    """One check on one target; whatever it said before it failed is kept.

    Returns:
        How much of it is unknown.
    """
    began, unknowns = time.monotonic(), 0

    def say(seen: Observation) -> None:
        nonlocal unknowns
        unknowns += seen.state is State.UNKNOWN
        results.append(Result.of(job.check, job.target, seen, time.monotonic() - began))

    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            await _look(job, say)
    except CannotLookError as error:
        say(unknown(error.looked_at or job.check.title, error.why, error.remedy))
    except Exception as error:  # noqa: BLE001 - one check's bug costs its own result only
        if limit.expired():
            why, remedy = f"the check took longer than {seconds:g} s", _SLOW
        else:
            why, remedy = f"a bug in the check ({type(error).__name__})", _REPORT
        say(unknown(job.check.title, why, remedy))
    return unknowns


async def _look(job: Job, say: Callable[[Observation], None]) -> None:
    said = 0
    looking = cast("AsyncGenerator[Observation, None]", job.check.look(job.target))
    async with aclosing(looking):
        async for seen in looking:
            said += 1
            if said > _MOST:
                say(unknown(job.check.title, f"more than {_MOST} things to say", _BY_HAND))
                return
            say(seen)
    if not said:
        raise AssertionError(f"{job.check.code} said nothing about {job.target.cluster.name}")


def is_healthy(results: Iterable[Result]) -> bool:
    """Whether there are results and all of them are healthy."""
    states = {result.state for result in results}
    return states == {State.HEALTHY}
