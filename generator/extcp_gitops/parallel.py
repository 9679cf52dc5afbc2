"""Several child processes at once, none of which outlives the run that wanted it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from extcp_gitops import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Call a function that runs a child process for each item, several at a time.

    Ctrl-C reaches the main thread alone, which would wait for the others; so an error, an
    interrupt, or a caller that wants no more ends the children that still run.

    Args:
        function: Runs its child with ``process.run``.
        items: What to call it with.
        workers: How many at a time.

    Yields:
        The results, in the order of the items.

    Raises:
        BaseException: Whatever the function raises, at the place of its item.
    """
    is_over = threading.Event()

    def call(item: Item) -> Result:
        process.is_cancelled.set(is_over.is_set)
        return function(item)

    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(call, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        finally:
            is_over.set()
            for future in futures:
                future.cancel()
