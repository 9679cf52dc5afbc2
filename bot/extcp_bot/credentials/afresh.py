"""Looks that remember nothing of those before, for whoever waits for something or is to write."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.target import Target


@contextlib.asynccontextmanager
async def afresh(target: Target) -> AsyncIterator[Target]:
    """The same target over new connections, without what has been read so far."""
    fleet = replace(target.fleet)
    try:
        yield replace(target, fleet=fleet)
    finally:
        await fleet.close()
