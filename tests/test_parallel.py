from __future__ import annotations

import signal
import threading
import time

import pytest

from extcp_gitops import parallel, process
from extcp_gitops.errors import ExtcpError


def test_results_come_in_the_order_of_the_items() -> None:
    def sleep(seconds: float) -> float:
        process.run(["sleep", str(seconds)], timeout=10)
        return seconds

    assert list(parallel.each(sleep, [0.3, 0.0, 0.1], 3)) == [0.3, 0.0, 0.1]


def test_an_error_ends_the_children_that_still_run() -> None:
    begun = time.monotonic()
    with pytest.raises(ExtcpError, match="EXTCP-T005"):
        list(
            parallel.each(
                lambda argv: process.run(argv, timeout=60), [["false"], ["sleep", "50"]], 2
            )
        )
    assert time.monotonic() - begun < 40


def test_ctrl_c_ends_the_children_that_still_run() -> None:
    begun = time.monotonic()
    main = threading.main_thread().ident
    assert main is not None
    threading.Timer(0.5, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        list(parallel.each(lambda argv: process.run(argv, timeout=60), [["sleep", "50"]] * 3, 2))
    assert time.monotonic() - begun < 40
