"""Pass after pass: what is counted, what is said, and what ends them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from extcp_bot.forge.model import ForgeError
from extcp_bot.kube.failure import NoRouteError
from extcp_bot.service import passes
from extcp_bot.service.gate import Gate
from extcp_bot.service.passes import Done
from extcp_bot.service.replica import Standing
from extcp_bot.service.status import Status
from extcp_gitops.errors import ExtcpError
from tests.bot.reports import bad, mesh, report
from tests.bot.service.clock import Clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class Played:
    """Passes that come to what the test says, one after the other; then the gate is closed."""

    def __init__(self, *steps: Done | Exception | Callable[[Gate], Done]) -> None:
        self.status = Status(interval=0)
        self.said: list[str] = []
        self._steps = iter(steps)
        asyncio.run(passes.repeat(self._one, self.status, self.said.append, Gate()))

    async def _one(self, gate: Gate) -> Done:
        step = next(self._steps, None)
        if step is None:
            gate.close("the play is over")
            gate.require_open()
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, Done) else step(gate)  # type: ignore[misc]


def test_a_pass_leaves_what_it_came_to() -> None:
    inventory = mesh()
    found = (report(inventory, bad(inventory, "remote-cluster-1")), inventory)
    played = Played(Done(found, {"add-cluster": 1}, candidates=2), Done(found))
    own = played.status.passes
    assert (own.complete, own.failed, own.failure) == (2, 0, "")
    assert (own.open, own.candidates) == ({}, 0)
    assert own.ended > 0
    assert played.status.latest.found == found
    assert sum(": error: " in line for line in played.said) == 1  # it has not changed since


def test_writes_are_counted_whatever_becomes_of_the_pass() -> None:
    def two(gate: Gate) -> Done:
        with gate.write():
            pass
        with gate.write():
            pass
        return Done()

    def one_and_broken(gate: Gate) -> Done:
        with gate.write():
            pass
        raise ForgeError("it is away", "wait")

    def one_and_closed(gate: Gate) -> Done:
        with gate.write():
            pass
        gate.close("enough")
        gate.require_open()
        raise AssertionError

    assert Played(two, one_and_broken, one_and_closed).status.passes.writes == 4


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ExtcpError.of("EXTCP-B999", "it is wrong", "mend it"), "EXTCP-B999 it is wrong; mend it."),
        (ForgeError("the forge is\x1b[31m away", "wait"), r"the forge is\u001b[31m away; wait"),
        (NoRouteError("no route to it", "open one"), "no route to it; open one"),
        (TimeoutError(), "the pass was not complete after 1800 s; the next one goes on"),
    ],
)
def test_a_pass_that_fails_is_said_once_and_made_up_for(error: Exception, words: str) -> None:
    played = Played(error, error, Done())
    assert played.said == [words, "passes are complete again"]
    assert (played.status.passes.complete, played.status.passes.failed) == (1, 2)
    assert played.status.passes.failure == ""
    assert Played(error).status.passes.failure == words


def test_a_pass_that_fails_leaves_what_the_last_complete_one_knew() -> None:
    own = Played(Done(open={"addition": 1}), ForgeError("it is away", "wait")).status.passes
    assert (own.open, own.failure, own.failed) == ({"addition": 1}, "it is away; wait", 1)


@asynccontextmanager
async def pausing(status: Status, end: Done | ForgeError) -> AsyncIterator[None]:
    """After a pass that came to ``end``, and before the next one."""

    async def one(gate: Gate) -> Done:
        gate.require_open()
        if isinstance(end, ForgeError):
            raise end
        return end

    task = asyncio.ensure_future(passes.repeat(one, status, lambda _: None, Gate()))
    await asyncio.sleep(0)  # a pass that waits for nothing is over then
    assert status.passes.complete + status.passes.failed == 1
    yield
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize(
    "end",
    [Done(wait=2_700), ForgeError("asked too much", "wait", 403, retry_after=2_700)],
    ids=["a complete pass", "a failed one"],
)
def test_to_leave_the_forge_alone_for_long_is_no_hang(
    monkeypatch: pytest.MonkeyPatch, end: Done | ForgeError
) -> None:
    clock = Clock(monkeypatch)
    status = Status(300, Standing(acting=True))

    async def scene() -> None:
        async with pausing(status, end):
            assert "leaving the forge alone until" in status.words()
            clock.now += 2_600
            assert status.is_well
            clock.now += 600  # the wait is over, and no pass has begun
            assert not status.is_well

    asyncio.run(scene())
    assert "leaving the forge alone" not in status.words()


def test_a_wait_that_is_over_before_the_next_pass_is_not_spoken_of() -> None:
    status = Status(300, Standing(acting=True))

    async def scene() -> None:
        async with pausing(status, Done(wait=60)):
            assert "leaving the forge alone" not in status.words()

    asyncio.run(scene())


def test_what_a_pass_could_not_do_is_said_while_it_is_new() -> None:
    played = Played(Done(troubles=("a", "b")), Done(troubles=("b", "c")), Done())
    assert played.said == ["a", "b", "c"]
    own = played.status.passes
    assert (own.complete, own.failed, own.troubles) == (3, 0, ())


def test_a_bug_is_no_trouble_of_the_mesh() -> None:
    with pytest.raises(ZeroDivisionError):
        Played(ZeroDivisionError())
