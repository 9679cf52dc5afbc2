"""Asked before each write of a pass: may this process still act?

A pass that was told to end, or that lost its Lease to another replica, does not begin another
write, and the one that is under way may come to its end::

    with gate.write():
        await forge.open(...)
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class ClosedError(Exception):
    """No write may begin any more; whatever was to come is left to the next pass.

    Attributes:
        why: In words.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Gate:
    """Lets writes begin, one by one, until it is closed.

    Args:
        holds: Whether this process may act, asked before each write; always, for one that shares
            the work with nobody.

    Attributes:
        writes: How many came to their end without an error.
    """

    def __init__(self, holds: Callable[[], bool] = lambda: True) -> None:
        self.writes = 0
        self._holds = holds
        self._closed = ""
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def write(self) -> Iterator[None]:
        """Surrounds one write.

        Raises:
            ClosedError: It may not begin.
        """
        self.require_open()
        self._under_way += 1
        self._idle.clear()
        try:
            yield
            self.writes += 1
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    def require_open(self) -> None:
        """Raise what :meth:`write` does, where no write follows, such as before a long look."""
        if self._closed:
            raise ClosedError(self._closed)
        self.require_held()

    def require_held(self) -> None:
        """Raise where another replica may act, for each request of a write that takes several.

        One that began before this process was told to end may come to its end.

        Raises:
            ClosedError: The lease is lost.
        """
        if not self._holds():
            raise ClosedError("this replica no longer holds the lease, so another one may act")

    def close(self, why: str) -> None:
        """Let no write begin from now on."""
        self._closed = why

    async def idle(self) -> None:
        """Wait until no write is under way."""
        await self._idle.wait()
