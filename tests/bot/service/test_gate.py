"""What may begin, and what may come to its end."""

from __future__ import annotations

import asyncio

import pytest

from extcp_bot.service.gate import ClosedError, Gate


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
