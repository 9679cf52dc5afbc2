"""Ctrl-C and SIGTERM: the first ends the work in order, the second ends the process."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any, Final, TypeVar

from extcp_gitops.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own.

    The first signal cancels it; it may catch ``asyncio.CancelledError``, show what it has so far,
    and return. The second ends the process at once, whatever still waits for whom.

    Args:
        work: To be run, from the main thread.

    Raises:
        KeyboardInterrupt: It was cancelled and did not catch that.
    """
    task: asyncio.Task[T] | None = None
    came = 0

    async def noted() -> T:
        nonlocal task
        task = asyncio.current_task()
        if came:
            raise asyncio.CancelledError
        return await work

    def on_signal(*_: object) -> None:
        nonlocal came
        came += 1
        if came > 1:
            os._exit(ExitCode.INTERRUPTED)
        if task is not None:
            task.get_loop().call_soon_threadsafe(task.cancel)

    before = {number: signal.signal(number, on_signal) for number in _SIGNALS}
    try:
        return asyncio.run(noted())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        work.close()
        for number, handler in before.items():
            signal.signal(number, handler)
