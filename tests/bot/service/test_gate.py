"""What may begin, and what may come to its end."""

from __future__ import annotations

import asyncio

import pytest

from extcp_bot.kube import writes
from extcp_bot.kube.writes import Writer
from extcp_bot.service.gate import ClosedError, Gate
from tests.bot.apiserver import ApiServer
from tests.bot.fleets import EXTERNAL, world

PATH = "/api/v1/namespaces/a/secrets"
SECRET = {"metadata": {"name": "b", "uid": "1", "resourceVersion": "1"}}


def test_an_open_gate_counts_what_came_to_its_end() -> None:
    gate = Gate()
    with gate.write():
        pass
    with pytest.raises(KeyError), gate.write():
        raise KeyError
    assert gate.writes == 1


def test_a_closed_gate_lets_nothing_begin_and_says_why() -> None:
    gate = Gate()
    gate.close("this process is to end")
    with pytest.raises(ClosedError, match="this process is to end"), gate.write():
        pytest.fail("it began")
    assert gate.writes == 0


def test_who_may_act_is_asked_before_each_write() -> None:
    answers = iter([True, False])
    gate = Gate(lambda: next(answers))
    with gate.write():
        pass
    with pytest.raises(ClosedError, match="another one may act"), gate.write():
        pytest.fail("it began")


def test_a_write_that_is_under_way_is_waited_for() -> None:
    seen: list[str] = []

    async def play() -> None:
        gate, go = Gate(), asyncio.Event()

        async def write() -> None:
            with gate.write():
                await go.wait()
                seen.append("written")

        writing = asyncio.ensure_future(write())
        await asyncio.sleep(0)
        gate.close("enough")
        waiting = asyncio.ensure_future(gate.idle())
        await asyncio.sleep(0)
        assert not waiting.done()
        go.set()
        await waiting
        seen.append("idle")
        await writing

    asyncio.run(play())
    assert seen == ["written", "idle"]


def test_where_nothing_is_under_way_nobody_waits() -> None:
    asyncio.run(asyncio.wait_for(Gate().idle(), 5))


# The requests of one write


def lost() -> Gate:
    return Gate(lambda: False)


def test_what_began_before_the_end_may_come_to_its_own() -> None:
    gate = Gate()
    with gate.write():
        gate.close("this process is to end")
        gate.require_held()


def test_without_the_lease_no_request_changes_anything() -> None:
    async def play(server: ApiServer) -> None:
        async with Writer(server.access, before=lost().require_held) as api:
            for request in (
                api.create(PATH, SECRET),
                api.replace(f"{PATH}/b", SECRET),
                api.apply(f"{PATH}/b", SECRET),
                api.merge(f"{PATH}/b", SECRET),
                api.delete(f"{PATH}/b", SECRET),
            ):
                with pytest.raises(ClosedError):
                    await request
            assert await api.read(f"{PATH}/b") is None

    with ApiServer() as server:
        asyncio.run(play(server))
        assert server.requests == [f"GET {PATH}/b"]


def test_the_writers_of_a_fleet_ask_its_gate() -> None:
    async def play() -> None:
        async with writes.of(mesh.fleet, EXTERNAL) as api:
            with pytest.raises(ClosedError):
                await api.create(PATH, SECRET)

    with world() as mesh:
        mesh.fleet.before_write = lost().require_held
        asyncio.run(play())
        assert mesh.external.requests == []
