from __future__ import annotations

import asyncio
import stat
import threading
from typing import TYPE_CHECKING

from extcp_bot import scratch, threads

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_private_and_gone_with_the_work() -> None:
    async def work() -> Path:
        async with scratch.directory() as top:
            assert stat.S_IMODE(top.stat().st_mode) == 0o700
            (top / "file").write_text("x")
        return top

    assert not asyncio.run(work()).exists()


def test_what_a_cancelled_thread_still_writes_is_gone_too() -> None:
    """As Git does that is told to end, and makes a file or two before it does."""
    began, go_on = threading.Event(), threading.Event()
    made: list[Path] = []

    def write(top: Path) -> None:
        made.append(top)
        began.set()
        for number in range(200):
            try:
                (top / "deep").mkdir(exist_ok=True)
                (top / "deep" / str(number)).touch()
            except OSError:  # it was just being removed
                continue
        go_on.set()

    async def work() -> None:
        async with scratch.directory() as top:
            await threads.run(write, top)

    async def play() -> None:
        task = asyncio.ensure_future(work())
        await asyncio.to_thread(began.wait)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await asyncio.to_thread(go_on.wait)

    asyncio.run(play())
    (top,) = made
    assert not top.exists()
