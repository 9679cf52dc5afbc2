"""Readers of ``extcp_bot.live`` asked as a check asks them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from extcp_bot.target import Target
    from tests.bot.fleets import World

T = TypeVar("T")


def ask(mesh: World, question: Callable[[Target], Awaitable[T]], cluster: str) -> T:
    """The answer of a reader, for one cluster, with nothing remembered from before."""
    fleet = replace(mesh.fleet)
    target = next(each for each in fleet.targets() if each.cluster.name == cluster)

    async def work() -> T:
        try:
            return await question(target)
        finally:
            await fleet.close()

    return asyncio.run(work())
