"""The same question to many clusters of a mesh, for the sake of one that is to join."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from extcp_bot import listed
from extcp_bot.kube.failure import CannotLookError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from extcp_bot.kube.client import Client
    from extcp_bot.target import Fleet

T = TypeVar("T")

_AT_ONCE: Final = 64


async def ask(
    fleet: Fleet, clusters: Iterable[str], question: Callable[[Client], Awaitable[T]]
) -> dict[str, T | CannotLookError]:
    """What each cluster answers, or why it could not be asked.

    Args:
        fleet: Leads to them; of those that nobody else reads, no connection is kept.
        clusters: Their names.
        question: Asked of each API server.
    """
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> T | CannotLookError:
        async with slots:
            try:
                api = fleet.api(name)
                answer = await question(api)
                if name not in fleet.hubs:
                    await api.release()
            except CannotLookError as error:
                return error
            return answer

    names = tuple(clusters)
    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))


def unasked(answers: Mapping[str, object]) -> CannotLookError | None:
    """That some clusters could not be asked, as one reason for all; None where all have answered.

    Args:
        answers: From :func:`ask`.
    """
    failures = {name: each for name, each in answers.items() if isinstance(each, CannotLookError)}
    if not failures:
        return None
    first = next(iter(failures.values()))
    names = listed.first(list(failures))
    return CannotLookError(f"{names} could not be asked: {first.why}", first.remedy, names)
