"""Work that several checks want, done once for all of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable, Iterator

T = TypeVar("T")


@dataclass(slots=True)
class _Work:
    """Work that is under way or done, and how many wait for it."""

    task: asyncio.Task[Any]
    waiting: int = 0


class Once:
    """Remembers what work gave, or how it failed, by a key."""

    def __init__(self) -> None:
        self._works: dict[Hashable, _Work] = {}

    async def __call__(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the first such work, shared by all that ask.

        A check that runs out of time gives up waiting, and the work goes on for the others; with
        the last of them it ends, for a server may go on for ever, and is forgotten.

        Args:
            key: Says what work it is.
            work: Begins it.
        """
        its = self._works.get(key)
        if its is not None and its.task.done() and not its.task.cancelled():
            done: T = its.task.result()
            return done
        if its is None:
            its = self._works[key] = _Work(asyncio.ensure_future(work()))
            its.task.add_done_callback(_see_error)
        its.waiting += 1
        try:
            result: T = await asyncio.shield(its.task)
            return result
        finally:
            its.waiting -= 1
            if not its.waiting and not its.task.done():
                its.task.cancel()
                self._works.pop(key, None)

    def done(self) -> Iterator[tuple[Hashable, Any]]:
        """Each key whose work is done, with what that gave, or the exception that it raised."""
        for key, its in self._works.items():
            if its.task.done() and not its.task.cancelled():
                yield key, its.task.exception() or its.task.result()

    def forget(self) -> None:
        """Keep nothing of what is done; what is under way goes on."""
        for key in [key for key, its in self._works.items() if its.task.done()]:
            del self._works[key]

    async def close(self) -> None:
        """End what is under way; what is done stays."""
        unfinished = {key: its.task for key, its in self._works.items() if not its.task.done()}
        for key, task in unfinished.items():
            task.cancel()
            del self._works[key]
        await asyncio.gather(*unfinished.values(), return_exceptions=True)


def _see_error(task: asyncio.Task[Any]) -> None:
    """Mark an error as seen, for work that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
