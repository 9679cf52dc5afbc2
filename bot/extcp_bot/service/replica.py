"""Works while it may: one replica of several does, and each ends in order.

Whoever is told to end finishes the write that is under way, begins no other, and gives the Lease
back, so that another replica goes on at once. Whoever loses the Lease stops there and then.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.service.gate import ClosedError, Gate

if TYPE_CHECKING:
    from extcp_bot.service.lease import Candidacy

Work = Callable[[Gate], Awaitable[None]]
"""Goes on until it is cancelled; each time with a new gate."""

PATIENCE: Final = 20.0
"""Seconds for the last write to come to its end; a Pod is given 30 by default."""

_JITTER: Final = 0.2
_ENDING: Final = "this process is to end"
_LOST: Final = "this replica has lost the lease, so another one may act"


@dataclass
class Standing:
    """What a replica is at the moment.

    Attributes:
        acting: Whether it may write.
        holder: Who holds the Lease; empty where nobody does, or there is none.
        terms: How often it began to act.
        trouble: Why it could not ask for the Lease the last time; empty where it could.
    """

    acting: bool = False
    holder: str = ""
    terms: int = 0
    trouble: str = ""


async def alone(work: Work, standing: Standing, patience: float = PATIENCE) -> None:
    """Work without a Lease, until it is cancelled.

    Args:
        work: To be done.
        standing: Told that this process acts.
        patience: Seconds for the last write.
    """
    standing.acting, standing.terms = True, 1
    gate = Gate()
    task = asyncio.ensure_future(work(gate))
    try:
        await asyncio.wait([task])
    finally:
        standing.acting = False
        await _end(task, gate, _ENDING, patience)
    task.result()


async def elected(
    work: Work,
    candidacy: Candidacy,
    standing: Standing,
    say: Callable[[str], None],
    patience: float = PATIENCE,
) -> None:
    """Work whenever this replica holds the Lease, until it is cancelled.

    Args:
        work: To be done.
        candidacy: For the Lease.
        standing: Told what this replica is.
        say: Told when that changes.
        patience: Seconds for the last write.
    """
    replica = _Replica(candidacy, standing, say)
    try:
        while True:
            await replica.wait_for_lease()
            await replica.act(work, patience)
    finally:
        await candidacy.release()


class _Replica:
    def __init__(
        self, candidacy: Candidacy, standing: Standing, say: Callable[[str], None]
    ) -> None:
        self._candidacy = candidacy
        self._standing = standing
        self._say = say

    async def wait_for_lease(self) -> None:
        while not await self._stand():
            await self._pause()

    async def act(self, work: Work, patience: float) -> None:
        """Work until the Lease is lost."""
        gate = Gate(self._candidacy.holds)
        self._standing.acting = True
        self._standing.terms += 1
        self._say(f"this replica acts: {self._candidacy.place.identity} holds the lease")
        task = asyncio.ensure_future(work(gate))
        why = _ENDING
        try:
            await self._renew(task)
            why, patience = _LOST, 0.0
        finally:
            self._standing.acting = False
            await _end(task, gate, why, patience)
        if not task.cancelled():
            with suppress(ClosedError):
                task.result()  # a bug in the work is one of this process
        self._say(_LOST)

    async def _renew(self, task: asyncio.Future[None]) -> None:
        """Renew the Lease while the work goes on; return once it is lost."""
        while not task.done() and self._candidacy.holds():
            pause = min(self._candidacy.timing.retry, self._candidacy.remaining)
            await asyncio.wait([task], timeout=pause)
            # Whatever the server does, this returns when the Lease has run out.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._candidacy.remaining):
                    await self._stand()

    async def _stand(self) -> bool:
        try:
            won = await self._candidacy.stand()
        except CannotLookError as error:
            if not self._standing.trouble:
                self._say(f"the lease cannot be asked for: {error.why}; {error.remedy}")
            self._standing.trouble = error.why
            return False
        if self._standing.trouble:
            self._say("the lease can be asked for again")
        self._standing.trouble = ""
        if self._candidacy.holder != self._standing.holder and not won:
            self._say(f"this replica stands by: {self._candidacy.holder or 'nobody'} has the lease")
        self._standing.holder = self._candidacy.holder
        return won

    async def _pause(self) -> None:
        # Replicas that began together do not go on asking together.
        share = random.uniform(0, _JITTER)  # noqa: S311 - no secret
        await asyncio.sleep(self._candidacy.timing.retry * (1 + share))


async def _end(task: asyncio.Future[None], gate: Gate, why: str, patience: float) -> None:
    """Let the write that is under way come to its end, then end the work."""
    gate.close(why)
    if not task.done():
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await gate.idle()
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # what comes of being cut off is nobody's trouble
