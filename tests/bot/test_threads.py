from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING

import pytest

from extcp_bot import threads
from extcp_gitops import process
from extcp_gitops.errors import ExtcpError
from tests.gitrepo import wait_for_the_end_of

if TYPE_CHECKING:
    from pathlib import Path

SLEEPER = """
import os, sys, time
with open(sys.argv[1], "w") as pipe:
    pipe.write(str(os.getpid()))
time.sleep(60)
"""


def test_the_result_comes_back() -> None:
    assert asyncio.run(threads.run(divmod, 7, 2)) == (3, 1)


def test_an_error_comes_back() -> None:
    with pytest.raises(ExtcpError, match="EXTCP-T001"):
        asyncio.run(threads.run(process.run, ["extcp-no-such-program"], timeout=1))


def test_a_child_ends_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)

    async def give_up() -> str:
        command = [sys.executable, "-I", "-c", SLEEPER, str(pipe)]
        task = asyncio.ensure_future(threads.run(process.run, command, timeout=60))
        pid = await asyncio.to_thread(pipe.read_text)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return pid

    wait_for_the_end_of(asyncio.run(give_up()))
    assert not process.is_cancelled.get()()
