"""Which replica works, and how each ends; on a Lease of a simulated API server."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.service.gate import ClosedError, Gate
from extcp_bot.service.lease import Candidacy, Timing
from extcp_bot.service.replica import Standing, alone, elected
from tests.bot.apiserver import ApiServer
from tests.bot.service.leases import HERE, Lease

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from extcp_bot.service.replica import Work

QUICK = Timing(duration=1, deadline=0.6, retry=0.02)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as made:
        yield made


@pytest.fixture
def lease(server: ApiServer) -> Lease:
    return Lease(server)


class Replica:
    """One replica whose work is to write down that it began, and how it ended."""

    def __init__(self, server: ApiServer, name: str) -> None:
        self.standing = Standing()
        self.said: list[str] = []
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        self.gate = Gate()
        candidacy = Candidacy(replace(HERE, identity=name), lambda: server.access, QUICK)
        work = elected(self.work, candidacy, self.standing, self.said.append)
        self.task = asyncio.ensure_future(work)

    async def work(self, gate: Gate) -> None:
        self.gate = gate
        self.ended.clear()
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.began.clear()
            self.ended.set()

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


def play(scene: Coroutine[None, None, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scene

    asyncio.run(bounded())


async def until(true: Callable[[], object]) -> None:
    while not true():  # noqa: ASYNC110 - what it waits for is no event of this loop
        await asyncio.sleep(0.01)


def test_one_of_two_works_and_the_other_takes_over_when_it_ends(
    server: ApiServer, lease: Lease
) -> None:
    async def scene() -> None:
        first = Replica(server, "first")
        await first.began.wait()
        second = Replica(server, "second")
        await until(lambda: second.standing.holder == "first")
        assert (first.standing.acting, second.standing.acting) == (True, False)
        with first.gate.write():
            pass
        await first.stop()
        assert first.ended.is_set()
        await second.began.wait()
        assert lease.spec["holderIdentity"] == "second"
        with pytest.raises(ClosedError):
            first.gate.require_open()
        await second.stop()
        assert lease.spec["holderIdentity"] == ""
        assert second.said[0] == "this replica stands by: first has the lease"
        assert second.said[-1] == "this replica acts: second holds the lease"

    play(scene())


def test_whoever_loses_the_lease_stops_and_writes_no_more(server: ApiServer, lease: Lease) -> None:
    async def scene() -> None:
        first = Replica(server, "first")
        await first.began.wait()
        old = first.gate
        lease.write(holderIdentity="thief", leaseDurationSeconds=60)
        await first.ended.wait()
        await until(lambda: not first.standing.acting)
        with pytest.raises(ClosedError), old.write():
            pytest.fail("it began")
        await until(lambda: first.standing.holder == "thief")
        lease.write(holderIdentity="")
        await first.began.wait()  # and begins anew with a gate of its own
        with first.gate.write():
            pass
        with pytest.raises(ClosedError):
            old.require_open()
        assert first.standing.terms == 2
        await first.stop()

    play(scene())


def test_whoever_cannot_renew_stops(server: ApiServer, lease: Lease) -> None:
    async def scene() -> None:
        first = Replica(server, "first")
        await first.began.wait()
        lease.broken = True
        await first.ended.wait()
        with pytest.raises(ClosedError):
            first.gate.require_open()
        assert "HTTP 500" in first.standing.trouble
        assert sum("cannot be asked for" in line for line in first.said) == 1
        lease.broken = False
        await first.began.wait()
        assert first.standing.trouble == ""
        await first.stop()

    play(scene())


def test_a_server_that_never_answers_keeps_nobody_at_work(server: ApiServer, lease: Lease) -> None:
    async def scene() -> None:
        first = Replica(server, "first")
        await first.began.wait()

        async def hang(_: object) -> object:
            await asyncio.sleep(3_600)
            raise AssertionError

        assert lease.object is not None
        server.handlers[HERE.path] = hang  # type: ignore[assignment]
        await first.ended.wait()
        with pytest.raises(ClosedError):
            first.gate.require_open()
        await first.stop()

    play(scene())


def test_a_bug_in_the_work_ends_the_process_and_frees_the_lease(
    server: ApiServer, lease: Lease
) -> None:
    async def broken(_: Gate) -> None:
        raise ZeroDivisionError

    candidacy = Candidacy(replace(HERE, identity="first"), lambda: server.access, QUICK)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(elected(broken, candidacy, Standing(), lambda _: None))
    assert lease.spec["holderIdentity"] == ""
    with pytest.raises(ZeroDivisionError):
        asyncio.run(alone(broken, Standing()))


def _runners(server: ApiServer) -> list[Callable[[Work], Coroutine[None, None, None]]]:
    candidacy = Candidacy(replace(HERE, identity="first"), lambda: server.access)
    return [
        lambda work: alone(work, Standing(), 30),
        lambda work: elected(work, candidacy, Standing(), lambda _: None, 30),
    ]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.usefixtures("lease")
def test_the_write_under_way_comes_to_its_end_and_none_follows(
    server: ApiServer, number: int
) -> None:
    seen: list[str] = []

    async def scene() -> None:
        writing, go = asyncio.Event(), asyncio.Event()

        async def work(gate: Gate) -> None:
            with gate.write():
                writing.set()
                await go.wait()
                seen.append("first write")
            with gate.write():
                seen.append("second write")

        task = asyncio.ensure_future(_runners(server)[number](work))
        await writing.wait()
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        go.set()
        await asyncio.wait([task])

    play(scene())
    assert seen == ["first write"]


def test_a_write_that_does_not_end_is_waited_for_no_longer_than_agreed() -> None:
    async def scene() -> None:
        writing = asyncio.Event()

        async def work(gate: Gate) -> None:
            with gate.write():
                writing.set()
                await asyncio.Event().wait()

        standing = Standing()
        task = asyncio.ensure_future(alone(work, standing, patience=0.01))
        await writing.wait()
        assert standing.acting
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert not standing.acting

    play(scene())
