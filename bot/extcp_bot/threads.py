"""Work that blocks, done beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from extcp_gitops import process

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


async def run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a thread; when nobody waits for it any more, its child process ends.

    Args:
        function: Runs its child processes with ``process.run``.
        args: For it.
        kwargs: For it.
    """
    over = threading.Event()

    def call() -> T:
        process.is_cancelled.set(over.is_set)  # in the thread's own copy of the context
        return function(*args, **kwargs)

    try:
        return await asyncio.to_thread(call)
    finally:
        over.set()
