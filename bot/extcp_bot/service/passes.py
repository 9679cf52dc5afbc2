"""Passes on an interval; one that fails is one that the next one makes up for."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from extcp_bot.forge.model import ForgeError
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.result import clean
from extcp_bot.service.gate import ClosedError
from extcp_bot.service.status import PASS_LIMIT
from extcp_bot.watch import Watch
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from extcp_bot.result import Report
    from extcp_bot.service.gate import Gate
    from extcp_bot.service.status import Passes, Status
    from extcp_gitops.inventory.model import Inventory


@dataclass(frozen=True, slots=True)
class Done:
    """What a pass came to.

    Attributes:
        found: The report on the mesh, and the inventory that it is about; None where it did not
            look.
        open: Open proposals by their kind.
        candidates: Clusters that could join.
        troubles: What it could not do, each as one harmless line; the rest is done.
        wait: Seconds that a forge wants to be left alone.
    """

    found: tuple[Report, Inventory] | None = None
    open: Mapping[str, int] = field(default_factory=dict)
    candidates: int = 0
    troubles: tuple[str, ...] = ()
    wait: float = 0.0


class OnePass(Protocol):
    """Looks, decides, and writes what is otherwise than it should be."""

    async def __call__(self, gate: Gate) -> Done:
        """One pass.

        Args:
            gate: To be asked before each write.

        Raises:
            ClosedError: It may not write any more.
            ExtcpError: The repository or the settings are not in order.
            ForgeError: The forge cannot be asked.
            CannotLookError: A cluster that all depends on cannot be asked.
        """


async def repeat(one: OnePass, status: Status, say: Callable[[str], None], gate: Gate) -> None:
    """Pass after pass, until the gate is closed or this is cancelled.

    Args:
        one: A pass.
        status: Told how each went; holds the interval.
        say: Told what changes.
        gate: For the writes of all of them.
    """
    changes = Watch()
    while True:
        began = time.monotonic()
        status.moved(PASS_LIMIT)
        before, wait = gate.writes, 0.0
        try:
            async with asyncio.timeout(PASS_LIMIT):
                done = await one(gate)
        except ClosedError:
            return
        except (ExtcpError, ForgeError, CannotLookError, TimeoutError) as error:
            _note_failure(status.passes, _words(error), say)
            wait = _wait(error)
        else:
            _note(status, done, time.monotonic() - began, say)
            wait = done.wait
            for line in changes.changes(done.found[0]) if done.found else ():
                say(line)
        finally:
            status.passes.writes += gate.writes - before
        left = max(status.interval - (time.monotonic() - began), 0.0)
        await _pause(status, left, wait)


async def _pause(status: Status, left: float, wait: float) -> None:
    """Wait for what is left of the interval, or for as long as a forge wants to be left alone."""
    seconds = max(left, wait)
    status.moved(seconds)
    if wait > left:
        status.passes.waits_until = time.time() + wait
    try:
        await asyncio.sleep(seconds)
    finally:
        status.passes.waits_until = 0.0


def _note(status: Status, done: Done, seconds: float, say: Callable[[str], None]) -> None:
    passes = status.passes
    if passes.failure:
        say("passes are complete again")
    for line in done.troubles:
        if line not in passes.troubles:
            say(line)
    passes.complete += 1
    passes.failure, passes.troubles = "", done.troubles
    passes.ended, passes.seconds = time.time(), seconds
    passes.open, passes.candidates = done.open, done.candidates
    if done.found is not None:
        status.latest.take(*done.found)


def _note_failure(passes: Passes, why: str, say: Callable[[str], None]) -> None:
    passes.failed += 1
    if why != passes.failure:
        say(why)
    passes.failure = why


def _words(error: Exception) -> str:
    match error:
        case ExtcpError():
            words = " ".join(f"{finding}; {finding.remedy}." for finding in error.findings)
        case ForgeError() | CannotLookError():
            words = f"{error.why}; {error.remedy}"
        case _:
            words = f"the pass was not complete after {PASS_LIMIT:.0f} s; the next one goes on"
    return clean(words)


def _wait(error: Exception) -> float:
    return error.retry_after or 0.0 if isinstance(error, ForgeError) else 0.0
