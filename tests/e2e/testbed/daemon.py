"""The testbed left running for people: start it in the background, say what is where, stop it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from . import network, sandbox
from .errors import TestbedError
from .parts import cache_directory
from .processes import run, tail

if TYPE_CHECKING:
    from pathlib import Path

UP_SECONDS = 900
STOP_SECONDS = 20.0
OUTER_LINK = "extcp-testbed"
INNER_LINK = "outside"


def base_directory() -> Path:
    """Where the run for people keeps its files."""
    return cache_directory() / "testbed" / "up"


def _state_file() -> Path:
    return base_directory().with_suffix(".json")


def _started(pid: int) -> str | None:
    """When a process was started, in ticks since boot, or None where it is not there."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - no path of ours
            return file.read().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


def running() -> int | None:
    """The first process of the run for people, if it is still the one that was started."""
    try:
        state = json.loads(_state_file().read_text())
    except (OSError, ValueError):
        return None
    pid = int(state["pid"])
    return pid if _started(pid) == state["started"] else None


def up() -> None:
    """Start a testbed in the background and wait until its mesh serves."""
    sandbox.require_root()
    if running():
        raise TestbedError("a testbed is up already; `make testbed-down` stops it")
    base = base_directory()
    base.parent.mkdir(parents=True, exist_ok=True)
    log = base.with_suffix(".log")
    ready = base / "info.txt"
    ready.unlink(missing_ok=True)  # of an earlier run
    argv = [sys.executable, "-u", "-m", "tests.e2e.testbed", "serve"]
    with log.open("wb") as output:
        child = subprocess.Popen(
            sandbox.command(argv),
            env=sandbox.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _state_file().write_text(json.dumps({"pid": child.pid, "started": _started(child.pid)}))
    try:
        _follow(child, log, ready)
        _connect(child.pid)
    except BaseException:
        down()
        raise
    sys.stdout.write(ready.read_text())


def _follow(child: subprocess.Popen[bytes], log: Path, ready: Path) -> None:
    deadline = time.monotonic() + UP_SECONDS
    shown = 0
    while True:
        finished = ready.exists()
        text = log.read_text(errors="replace")
        sys.stderr.write(text[shown:])
        shown = len(text)
        if finished:
            return
        if child.poll() is not None:
            raise TestbedError(f"the testbed ended with {child.poll()}\n{tail(log)}")
        if time.monotonic() > deadline:
            raise TestbedError(f"the testbed is not up after {UP_SECONDS} s\n{tail(log)}")
        time.sleep(0.5)


def _connect(pid: int) -> None:
    """A link from this machine to the fabric; it is gone when the testbed is."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123 - no path of ours
        first = file.read().split()[0]
    inside = ["nsenter", f"--net=/proc/{first}/ns/net", "ip", "link"]
    network.ip(
        *["link", "add", OUTER_LINK, "type", "veth", "peer", "name", INNER_LINK, "netns", first]
    )
    run([*inside, "set", INNER_LINK, "master", network.BRIDGE, "up"], seconds=10)
    network.ip("address", "add", f"{network.OUTSIDE}/{network.PREFIX}", "dev", OUTER_LINK)
    network.ip("link", "set", OUTER_LINK, "up")


def down() -> None:
    """Stop the run that :func:`up` started; its namespaces take all the rest along."""
    pid = running()
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + STOP_SECONDS
        while running() and not _is_zombie(pid):
            if time.monotonic() > deadline:
                raise TestbedError(f"process {pid} does not end")
            time.sleep(0.1)
    # The kernel takes the link away with the namespace, but in its own time.
    run(["ip", "link", "delete", OUTER_LINK], seconds=10, ok=(0, 1))
    _state_file().unlink(missing_ok=True)


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - no path of ours
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
