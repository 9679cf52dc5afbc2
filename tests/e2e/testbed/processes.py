"""Child processes: each with a log, a process group and a limit on the time it has to be ready."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

from .errors import TestbedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

STOP_SECONDS = 8.0
POLL_SECONDS = 0.1


def tail(log: Path, lines: int = 10) -> str:
    """The last lines of a log, for people."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"(no log: {error.strerror})"


_started: list[Process] = []


def stop_all() -> None:
    """End everything that this process has started, at once."""
    for process in _started:
        process.signal(signal.SIGKILL)
    for process in _started:
        process.stop()
    _started.clear()


class Process:
    """One running program. It is stopped by its own id and group, never by name."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        _started.append(self)

    @property
    def pid(self) -> int:
        """The id of the process, which is also that of its group."""
        return self._child.pid

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._child.poll()

    def signal(self, number: int) -> None:
        """Send a signal to the whole group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, number)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to end, then make it end; ports are free when this returns."""
        self.signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(seconds)
        self.signal(signal.SIGKILL)
        self._child.wait(STOP_SECONDS)  # also where there was no time of grace

    def wait_ready(self, probe: Callable[[], bool], seconds: float) -> None:
        """Wait until ``probe`` says yes.

        Raises:
            TestbedError: The program ended or the time is over; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not attempt(probe):
            if self.poll() is not None:
                raise TestbedError(f"{self.name} ended with {self.poll()}\n{tail(self.log)}")
            if time.monotonic() > deadline:
                raise TestbedError(
                    f"{self.name} is not ready after {seconds:.0f} s\n{tail(self.log)}"
                )
            time.sleep(POLL_SECONDS)


def attempt(probe: Callable[[], bool]) -> bool:
    """What ``probe`` says; no while there is nobody to answer."""
    try:
        return probe()
    except (OSError, TestbedError):
        return False


def wait_for(what: str, probe: Callable[[], Any], seconds: float, every: float = 0.5) -> Any:  # noqa: ANN401 - whatever the probe found
    """Wait until ``probe`` gives something true and give it back.

    Raises:
        TestbedError: Not within ``seconds``; names ``what`` and the last thing seen.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen: Any = None
        try:
            if found := probe():
                return found
            seen = found
        except (OSError, TestbedError) as error:
            seen = error
        if time.monotonic() > deadline:
            raise TestbedError(f"not within {seconds:.0f} s: {what} (last seen: {seen!r:.600})")
        time.sleep(every)


def run(
    argv: Sequence[str | Path],
    *,
    seconds: float = 60,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    ok: Sequence[int] = (0,),
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end.

    Raises:
        TestbedError: It failed or ran out of time; with the end of what it said.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            env=None if env is None else dict(env),
            cwd=cwd,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TestbedError(f"{' '.join(words[:6])} did not end within {seconds:.0f} s") from None
    if done.returncode not in ok:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise TestbedError(f"{' '.join(words[:6])} ended with {done.returncode}: {said}")
    return done
