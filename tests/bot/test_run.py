from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from extcp_bot import run
from extcp_bot.checks.model import Scope, State, healthy, unknown
from extcp_bot.kube.failure import NoRouteError
from extcp_gitops.errors import ExitCode
from tests import meshes
from tests.bot.apiserver import dead_server, never, text
from tests.bot.checking import PROBLEM, broken, check, fine, fleet
from tests.bot.fleets import CONFIG, EXTERNAL, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from extcp_bot.checks.model import Check, Observation
    from extcp_bot.result import Report
    from extcp_bot.target import Fleet, Target

SHORT = run.Pace(check=0.05)
TWO_PLANES = {
    "mesh.yaml": meshes.replaced(
        meshes.MESH,
        "      secretName: istiod-tls\n",
        "      secretName: istiod-tls\n"
        "  - name: second-istiod\n"
        "    address: second.example.com\n"
        "    configCluster: remote-cluster-2\n"
        "    tls:\n"
        "      secretName: second-tls\n",
    ),
    "clusters/remote-cluster-2/cluster.yaml": meshes.replaced(
        meshes.REMOTE.format(name=SECOND), "external-istiod", "second-istiod"
    ),
}


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is left behind: no session, no connection, no task."""
    yield
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def report_of(
    *checks: Check,
    clusters: tuple[str, ...] = (),
    pace: run.Pace = SHORT,
    mesh: Fleet | None = None,
) -> Report:
    mesh = mesh or fleet()
    return asyncio.run(run.run(mesh, run.jobs(mesh, checks, clusters), pace))


def named(found: list[run.Job]) -> list[tuple[str, str]]:
    return [(job.target.cluster.name, job.target.plane.name) for job in found]


class TestJobs:
    @pytest.mark.parametrize(
        ("scope", "expected"),
        [
            (Scope.CONTROL_PLANE, [EXTERNAL]),
            (Scope.CONFIG, [CONFIG]),
            (Scope.REMOTE, [CONFIG, SECOND]),
            (Scope.CLUSTER, [EXTERNAL, CONFIG, SECOND]),
            (Scope.MEMBER, [EXTERNAL, CONFIG, SECOND]),
        ],
    )
    def test_a_check_is_run_on_what_it_is_for(self, scope: Scope, expected: list[str]) -> None:
        found = run.jobs(fleet(), [check(fine(), scope=scope)])
        assert [cluster for cluster, _ in named(found)] == expected

    @pytest.mark.parametrize(
        ("scope", "expected"),
        [
            (Scope.CONTROL_PLANE, [(EXTERNAL, 0), (EXTERNAL, 1)]),
            (Scope.CONFIG, [(CONFIG, 0), (SECOND, 1)]),
            (Scope.REMOTE, [(CONFIG, 0), (SECOND, 1)]),
            (Scope.CLUSTER, [(EXTERNAL, 0), (CONFIG, 0), (SECOND, 1)]),
            (Scope.MEMBER, [(EXTERNAL, 0), (EXTERNAL, 1), (CONFIG, 0), (SECOND, 1)]),
        ],
    )
    def test_two_control_planes_share_the_external_cluster(
        self, scope: Scope, expected: list[tuple[str, int]]
    ) -> None:
        planes = ("external-istiod", "second-istiod")
        found = run.jobs(fleet(TWO_PLANES), [check(fine(), scope=scope)])
        assert named(found) == [(cluster, planes[number]) for cluster, number in expected]

    def test_clusters_may_be_chosen(self) -> None:
        checks = [check(fine(), scope=scope, code=scope) for scope in Scope]
        found = run.jobs(fleet(), checks, [SECOND])
        assert {cluster for cluster, _ in named(found)} == {SECOND}
        assert len(found) == 3

    def test_nothing_chosen_is_nothing_to_do(self) -> None:
        assert run.jobs(fleet(), []) == []
        assert report_of().exit_code is ExitCode.COULD_NOT_TELL


def test_all_that_is_said_is_in_the_report() -> None:
    report = report_of(check(fine()), check(broken(), code="EXTCP-H98"))
    assert report.complete
    assert report.clusters == (CONFIG, SECOND)
    assert {(each.cluster, each.code, each.state) for each in report.results} == {
        (cluster, code, state)
        for cluster in (CONFIG, SECOND)
        for code, state in (("EXTCP-H99", State.HEALTHY), ("EXTCP-H98", State.UNHEALTHY))
    }
    assert report.exit_code is ExitCode.FINDINGS
    assert report.seconds >= 0


async def _says_one_thing_and_waits(_: Target) -> AsyncIterator[Observation]:
    yield healthy("a place", "fine")
    await asyncio.Event().wait()
    yield healthy("another place", "fine")


def test_a_check_that_takes_too_long_keeps_what_it_said() -> None:
    report = report_of(check(_says_one_thing_and_waits), check(fine(), code="EXTCP-H98"))
    (first, second) = [each for each in report.of(CONFIG) if each.code == "EXTCP-H99"]
    assert (first.state, second.state) == (State.UNKNOWN, State.HEALTHY)
    assert first.found == "the check took longer than 0.05 s"
    assert "--timeout" in first.remedy
    assert [each.state for each in report.results if each.code == "EXTCP-H98"] == [
        State.HEALTHY,
        State.HEALTHY,
    ]


def test_a_check_that_cannot_look_is_unknown_and_says_why() -> None:
    async def look(_: Target) -> AsyncIterator[Observation]:
        yield healthy("a place", "fine")
        raise NoRouteError("no route", "make one", "/api")

    report = report_of(check(look), clusters=(SECOND,))
    (found, before) = report.sorted()
    assert (found.state, found.found, found.remedy) == (State.UNKNOWN, "no route", "make one")
    assert found.looked_at == "/api"
    assert before.state is State.HEALTHY
    assert report.exit_code is ExitCode.COULD_NOT_TELL


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("no"), RecursionError(), OSError()])
def test_a_bug_in_a_check_costs_its_own_result_only(error: Exception) -> None:
    async def look(target: Target) -> AsyncIterator[Observation]:
        if target.cluster.name == SECOND:
            raise error
        yield healthy("a place", "fine")

    report = report_of(check(look), check(fine(), code="EXTCP-H98"))
    (wrong,) = [each for each in report.results if each.state is not State.HEALTHY]
    assert (wrong.cluster, wrong.state) == (SECOND, State.UNKNOWN)
    assert wrong.found == f"a bug in the check ({type(error).__name__})"
    assert len(report.results) == 4


def test_a_timeout_within_a_check_is_not_that_of_the_check() -> None:
    async def look(_: Target) -> AsyncIterator[Observation]:
        async with asyncio.timeout(0):
            await asyncio.sleep(1)
        yield healthy("a place", "fine")

    (found,) = report_of(check(look), clusters=(SECOND,)).results
    assert found.found == "a bug in the check (TimeoutError)"


def test_a_check_that_says_nothing_is_a_bug() -> None:
    async def look(target: Target) -> AsyncIterator[Observation]:
        for _ in target.fleet.contexts:
            yield healthy("a place", "fine")

    (found,) = report_of(check(look), clusters=(SECOND,)).results
    assert (found.state, found.found) == (State.UNKNOWN, "a bug in the check (AssertionError)")


def test_an_observation_that_is_none_is_a_bug() -> None:
    async def look(_: Target) -> AsyncIterator[Observation]:
        yield healthy("a place", None)  # type: ignore[arg-type] # as a cluster may have it

    (found,) = report_of(check(look), clusters=(SECOND,)).results
    assert "a bug in the check" in found.found


def test_a_cluster_that_is_full_of_faults_does_not_fill_the_report() -> None:
    async def look(target: Target) -> AsyncIterator[Observation]:
        for number in range(100_000):
            yield PROBLEM.at(target, f"place {number}", found="x", wanted="y")

    results = report_of(check(look), clusters=(SECOND,)).results
    assert len(results) == 201
    assert (results[-1].state, results[-1].found) == (State.UNKNOWN, "more than 200 things to say")


def test_no_more_clusters_at_once_than_there_are_workers() -> None:
    now, most = set[str](), 0

    async def look(target: Target) -> AsyncIterator[Observation]:
        nonlocal most
        now.add(target.cluster.name)
        most = max(most, len(now))
        await asyncio.sleep(0)
        now.discard(target.cluster.name)
        yield healthy("a place", "fine")

    checks = [check(look, scope=Scope.CLUSTER, code=f"EXTCP-H{number}") for number in range(5)]
    report_of(*checks, pace=run.Pace(workers=1))
    assert most == 1
    report_of(*checks, pace=run.Pace(workers=9))
    assert most == 3


def test_who_waits_is_told_after_each_cluster() -> None:
    told: list[int] = []
    mesh = fleet()
    work = run.jobs(mesh, [check(fine(), scope=Scope.CLUSTER)])
    asyncio.run(
        run.run(mesh, work, run.Pace(1), done=lambda report: told.append(len(report.results)))
    )
    assert told == [1, 2, 3]


def test_an_interrupted_run_keeps_what_is_known() -> None:
    mesh = fleet()
    work = run.jobs(mesh, [check(_says_one_thing_and_waits), check(fine(), code="EXTCP-H98")])
    report = run.new_report(mesh, work)
    report.complete = True  # the run itself says otherwise

    async def main() -> None:
        task = asyncio.ensure_future(run.run(mesh, work, run.Pace(), report=report))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    gc.collect()  # what was not closed says so now
    assert not report.complete
    assert [each.state for each in report.results] == [State.HEALTHY] * 4
    assert report.exit_code is ExitCode.COULD_NOT_TELL
    assert report.seconds > 0


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        for server in made.servers.values():
            server.put("/api/v1/namespaces", {"metadata": {"name": "default"}})
        yield made


async def _namespaces(target: Target) -> AsyncIterator[Observation]:
    found = await target.api.list("/api/v1/namespaces")
    yield healthy("namespaces", str(len(found)))


def live(mesh: World, *checks: Check, pace: run.Pace | None = None) -> Report:
    return asyncio.run(run.run(mesh.fleet, run.jobs(mesh.fleet, checks), pace))


@pytest.mark.parametrize("handler", [text("<html>"), never(), text("", code=500)])
def test_a_cluster_that_is_none_touches_no_other(mesh: World, handler: object) -> None:
    mesh.second.everything = handler  # type: ignore[assignment] # of many kinds
    checks = [check(_namespaces, scope=Scope.CLUSTER, code=f"EXTCP-H{n}") for n in range(9)]
    report = live(mesh, *checks, pace=run.Pace(check=0.1))
    assert report.states() == {
        EXTERNAL: State.HEALTHY,
        CONFIG: State.HEALTHY,
        SECOND: State.UNKNOWN,
    }
    assert not any("a bug" in each.found for each in report.results)


def test_a_dead_cluster_touches_no_other(mesh: World) -> None:
    with dead_server() as access:
        mesh.reach(SECOND, access)
        report = live(mesh, check(_namespaces, scope=Scope.CLUSTER))
    assert report.states()[SECOND] is State.UNKNOWN
    assert report.states()[CONFIG] is State.HEALTHY
    (found,) = report.of(SECOND)
    assert "Connection refused" in found.found


def test_a_cluster_that_nobody_can_reach_says_what_would_help() -> None:
    (found,) = report_of(check(_namespaces), clusters=(SECOND,)).results
    assert (found.found, found.remedy) == ("nobody said how", "say how")


def test_a_cluster_that_is_done_does_not_close_what_others_read(mesh: World) -> None:
    """Checks of one cluster read another's, which may be done long before."""
    is_done = asyncio.Event()

    async def quick(target: Target) -> AsyncIterator[Observation]:
        await target.api.find("/api/v1/namespaces/default")
        yield healthy("a place", "fine")

    async def slow(target: Target) -> AsyncIterator[Observation]:
        other = target.fleet.api(SECOND)
        reads = [other.find(f"/api/v1/namespaces/n{number}") for number in range(20)]
        reading = asyncio.gather(*reads)
        await is_done.wait()
        yield healthy("a place", str(len(await reading)))

    def done(report: Report) -> None:
        if report.of(SECOND):
            is_done.set()

    work = [
        *run.jobs(mesh.fleet, [check(quick)], [SECOND]),
        *run.jobs(mesh.fleet, [check(slow)], [CONFIG]),
    ]
    report = asyncio.run(run.run(mesh.fleet, work, done=done))
    assert [(each.state, each.found) for each in report.results] == [
        (State.HEALTHY, "fine"),
        (State.HEALTHY, "20"),
    ]


def test_only_results_that_are_all_healthy_are() -> None:
    assert run.is_healthy(report_of(check(fine())).results)
    assert not run.is_healthy(report_of(check(fine()), check(broken())).results)
    assert not run.is_healthy([])


def test_what_is_said_is_clean() -> None:
    async def look(_: Target) -> AsyncIterator[Observation]:
        yield unknown("a\nplace", "\x1b[31mred", "words " * 10_000)

    (found,) = report_of(check(look), clusters=(SECOND,)).results
    assert (found.looked_at, found.found) == ("a place", "\\u001b[31mred")
    assert len(found.remedy) == 600


@pytest.mark.parametrize("keeps", [True, False])
def test_what_was_read_of_a_cluster_is_kept_where_somebody_wants_it(*, keeps: bool) -> None:
    async def look(target: Target) -> AsyncIterator[Observation]:
        await target.api.list("/api/v1/namespaces")
        yield healthy("namespaces", "read")

    with world() as mesh:
        mesh.fleet.keeps_reads = keeps
        report_of(check(look), mesh=mesh.fleet, pace=run.Pace(check=5.0))
        left = {name: len(mesh.fleet.api(name).seen()) for name in (CONFIG, SECOND)}
    assert left == {CONFIG: 1, SECOND: int(keeps)}  # the config cluster is read for others, too
