"""Work that several checks want, done once for all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

T = TypeVar("T")


class Once:
    """Remembers what work gave, or how it failed, by a key."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[Any]] = {}

    async def __call__(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the first such work, shared by all that ask.

        A check that runs out of time gives up waiting; the work goes on for the others.

        Args:
            key: Says what work it is.
            work: Begins it; needs a time limit of its own.
        """
        task: asyncio.Task[T] | None = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.ensure_future(work())
            task.add_done_callback(_see_error)
        return await asyncio.shield(task)


def _see_error(task: asyncio.Task[Any]) -> None:
    """Mark an error as seen, for work that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
