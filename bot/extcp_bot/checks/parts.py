"""Checks that look at several things, of which one may be out of sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_bot.checks.model import unknown
from extcp_bot.kube.failure import CannotLookError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.checks.model import Observation


async def each(*parts: AsyncIterator[Observation]) -> AsyncIterator[Observation]:
    """What the parts of a check see, one part after the other.

    What a part cannot look at is unknown, and the next part goes on; what stands in the way of
    several is said once.
    """
    said: set[str] = set()
    for part in parts:
        try:
            async for seen in part:
                yield seen
        except CannotLookError as error:
            if error.why not in said:
                said.add(error.why)
                yield unknown(error.looked_at, error.why, error.remedy)
