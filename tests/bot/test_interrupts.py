from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from extcp_bot import interrupts

STUBBORN = """
import asyncio, sys
from extcp_bot import interrupts

async def work():
    print("at work", flush=True)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("not yet", flush=True)

interrupts.run(work())
"""


def test_what_the_work_gives_comes_back() -> None:
    async def work() -> int:
        return 7

    before = signal.getsignal(signal.SIGINT)
    assert interrupts.run(work()) == 7
    assert signal.getsignal(signal.SIGINT) is before


def test_the_first_signal_lets_the_work_come_to_an_end_of_its_own() -> None:
    async def work() -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "so far"
        return "all"

    assert interrupts.run(work()) == "so far"


def test_work_that_has_nothing_to_say_is_interrupted() -> None:
    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        interrupts.run(work())


def test_the_second_signal_ends_the_process_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "not yet\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
