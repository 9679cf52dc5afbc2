"""Work that several checks want, done once for all of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from extcp_bot.kube.failure import CannotLookError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable, Iterator

T = TypeVar("T")


@dataclass(slots=True)
class _Work:
    """Work that is under way, and how many wait for it; then what it gave.

    A task would hold on to the way that its error came, and to all that was at hand there, such as
    connections: a thousand dead clusters filled a gigabyte.
    """

    task: asyncio.Task[Any] | None
    waiting: int = 0
    result: Any = None
    error: BaseException | None = None

    @property
    def is_under_way(self) -> bool:
        return self.task is not None and not self.task.done()

    def finish(self, task: asyncio.Task[Any]) -> None:
        """Keep what work gave; by this an error is seen, also where nobody waits any more."""
        if task.cancelled():
            return
        self.error = task.exception()
        if self.error is None:
            self.result = task.result()
        elif isinstance(self.error, CannotLookError):
            self.error.__traceback__ = self.error.__context__ = None
        self.task = None

    async def given(self) -> Any:  # noqa: ANN401 - by the work
        """What it gives, or its error."""
        if self.task is not None:
            return await asyncio.shield(self.task)
        if self.error is not None:
            raise self.error
        return self.result


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
        if its is None:
            task = asyncio.ensure_future(work())
            its = self._works[key] = _Work(task)
            task.add_done_callback(its.finish)
        its.waiting += 1
        try:
            return cast("T", await its.given())
        except CannotLookError as error:
            error.__traceback__ = None
            own = error.again()  # the one that is kept would gather the ways of all that ask
        finally:
            its.waiting -= 1
            if not its.waiting and its.task is not None and not its.task.done():
                its.task.cancel()
                self._works.pop(key, None)
        raise own

    def done(self) -> Iterator[tuple[Hashable, Any]]:
        """Each key whose work is done, with what that gave, or the exception that it raised."""
        for key, its in self._works.items():
            if its.task is None:
                yield key, its.error or its.result

    def forget(self) -> None:
        """Keep nothing of what is done; what is under way goes on."""
        self._works = {key: its for key, its in self._works.items() if its.is_under_way}

    async def close(self) -> None:
        """End what is under way; what is done stays."""
        unfinished = {
            key: its.task for key, its in self._works.items() if its.task and not its.task.done()
        }
        for key, task in unfinished.items():
            task.cancel()
            del self._works[key]
        await asyncio.gather(*unfinished.values(), return_exceptions=True)
