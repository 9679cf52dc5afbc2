"""Run other programs: bounded in time and output, and ended with all that they started."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import selectors
import shutil
import signal
import subprocess
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from extcp_gitops.errors import ExtcpError
from extcp_gitops.pipes import Streams
from extcp_gitops.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

MAX_OUTPUT = 64 << 20
"""Bytes that a program may print, unless the caller says otherwise."""

# What a child needs to find programs, the network and its trust. Not among them: KUBECONFIG and
# GIT_*, which would make its work depend on where it was started.
_PASSED_ON = (
    *("HOME", "TMPDIR", "SSH_AUTH_SOCK"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
)

_TICK_SECONDS = 0.05
_KILL_SECONDS = 5.0

_TAIL_BYTES = 1 << 15
_TAIL_LINES = 10
_LINE_LENGTH = 300

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended, and all that it printed."""

    returncode: int
    stdout: bytes
    stderr: bytes


def environment(**extra: str) -> dict[str, str]:
    """A small environment for a child, the same wherever the tool was started from.

    Args:
        extra: Added to it, or in place of what it has.
    """
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"PATH": _path(), **passed_on, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"} | extra


is_cancelled: ContextVar[Callable[[], bool]] = ContextVar("is_cancelled", default=lambda: False)
"""Asked several times a second by a run in this context; the child is ended when it says so."""


def which(name: str) -> Path | None:
    """Where on ``PATH`` a program is; None where it is nowhere."""
    found = shutil.which(name, path=_path())
    return None if found is None else Path(found)


def clean(raw: bytes) -> str:
    """What a program printed, fit for a message: no control characters and no credentials."""
    text = _ESCAPES.sub("", raw.decode("utf-8", "replace"))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    visible = "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)
    return redact(visible).strip()


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    ok: Collection[int] = (0,),
    max_output: int = MAX_OUTPUT,
) -> Completed:
    """Run a program to its end, without a shell and without a terminal to ask questions on.

    Args:
        argv: The program, looked for on ``PATH`` where it has no ``/``, and its arguments.
        timeout: Seconds, after which it is killed with all that it started.
        cwd: Where it runs; the current directory by default.
        env: All of its environment; ``environment()`` by default.
        stdin: What it can read; nothing by default.
        ok: Exit codes that are no failure.
        max_output: Bytes on stdout and stderr together, after which it is killed.

    Returns:
        Its exit code and output.

    Raises:
        ExtcpError: EXTCP-T001 there is no such program, EXTCP-T002 it cannot be started,
            EXTCP-T003 its time is up, EXTCP-T004 it prints too much, EXTCP-T005 its exit code is
            not ``ok``, EXTCP-T006 a signal ended it, EXTCP-T007 ``is_cancelled``.
    """
    command = [os.fspath(argument) for argument in argv]
    name = clean(os.fsencode(Path(command[0]).name))
    env = environment() if env is None else env
    done = attend(
        name,
        lambda: _start(name, command, cwd, env),
        timeout=timeout,
        stdin=stdin,
        max_output=max_output,
    )
    if done.returncode not in ok:
        raise _failure(name, done.returncode, done.stderr)
    return done


def attend(
    name: str,
    start: Callable[[], subprocess.Popen[bytes]],
    *,
    timeout: float,
    stdin: bytes | None = None,
    max_output: int = MAX_OUTPUT,
    grace: float = 0,
) -> Completed:
    """See a program to its end that somebody else starts, whatever its exit code.

    Args:
        name: Of the program, for messages.
        start: Starts it, in a session of its own and with pipes for all three streams.
        timeout: As for ``run``.
        stdin: As for ``run``.
        max_output: As for ``run``.
        grace: Seconds that it has to tidy up, once it was asked to end, before it is killed.

    Returns:
        Its exit code and output.

    Raises:
        ExtcpError: EXTCP-T003, EXTCP-T004 and EXTCP-T007, as ``run``, and what ``start`` raises.
    """
    with _HeldInterrupts() as interrupts, start() as child:
        try:
            interrupts.release()
            stdout, stderr = _exchange(name, child, stdin or b"", timeout, max_output)
        except BaseException:
            _end(child, grace)
            raise
    return Completed(child.returncode, stdout, stderr)


def _path() -> str:
    """``PATH`` without entries that depend on the current directory, where anything may lie."""
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    absolute = [entry for entry in entries if Path(entry).is_absolute()]
    return os.pathsep.join(absolute) or os.defpath


def _start(
    name: str, command: list[str], cwd: Path | None, env: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    directory = None if cwd is None else os.fspath(cwd)
    try:
        return subprocess.Popen(  # noqa: S603 - no shell, and the callers check what they pass
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=env,
            start_new_session=True,
        )
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if directory is not None and error.filename == directory:
            reason = f"{reason}: {directory}"
        elif error.errno == errno.ENOENT:
            raise ExtcpError.of(
                "EXTCP-T001",
                f"there is no program '{name}'",
                f"install {name}, or put the directory that it is in on PATH",
            ) from error
    except ValueError:  # NUL bytes, or characters that the file system's encoding lacks
        reason = "an argument holds a character that none can"
    raise ExtcpError.of(
        "EXTCP-T002",
        f"'{name}' cannot be started: {reason}",
        "check that it is a program for this machine that you may run, in a directory that exists",
    )


class _HeldInterrupts:
    """Ctrl-C while a child starts, before anybody could end it, counts once it has started."""

    def __init__(self) -> None:
        self._is_holding = False
        self._has_come = False

    def __enter__(self) -> Self:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._is_holding = True
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Let Ctrl-C through again, also the one that came meanwhile."""
        if self._is_holding:
            self._is_holding = False
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if self._has_come:
                raise KeyboardInterrupt

    def _note(self, *_: object) -> None:
        self._has_come = True


def _exchange(
    name: str, child: subprocess.Popen[bytes], stdin: bytes, timeout: float, max_output: int
) -> tuple[bytes, bytes]:
    """Feed the child and collect what it prints until it has ended."""
    deadline = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        streams = Streams(child, selector, stdin)
        while selector.get_map():
            # Asked before the reading: all that an ended child printed is in the pipes by then.
            has_ended = child.poll() is not None
            wait = 0 if has_ended else min(_TICK_SECONDS, max(0, deadline - time.monotonic()))
            ready = selector.select(wait)
            for key, _ in ready:
                streams.move(key.fd)
            if has_ended and not ready:
                break  # what it left in the background still holds the pipes
            if streams.size > max_output:
                raise _too_much(name, max_output)
            if time.monotonic() > deadline:
                raise _too_late(name, timeout)
            if is_cancelled.get()():
                raise _cancelled(name)
    try:
        child.wait(max(0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise _too_late(name, timeout) from None
    return streams.outputs


def _end(child: subprocess.Popen[bytes], grace: float) -> None:
    """End the child and whatever it started that has not left its process group."""
    if child.returncode is not None:
        return  # its number may be another's by now
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if grace:
            os.killpg(child.pid, signal.SIGTERM)
            _wait_uncollected(child.pid, grace)
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_KILL_SECONDS)


def _wait_uncollected(pid: int, seconds: float) -> None:
    """Until the child has ended; its number, and so that of its group, stays its own."""
    deadline = time.monotonic() + seconds
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while os.waitid(os.P_PID, pid, flags) is None and time.monotonic() < deadline:
        time.sleep(_TICK_SECONDS)


def _cancelled(name: str) -> ExtcpError:
    return ExtcpError.of("EXTCP-T007", f"'{name}' was ended with the run", "run again")


def _too_late(name: str, timeout: float) -> ExtcpError:
    return ExtcpError.of(
        "EXTCP-T003",
        f"'{name}' was not done after {timeout:g} seconds and was ended",
        "run it by hand to see what it waits for; the machine may be overloaded or the network "
        "may hang",
    )


def _too_much(name: str, max_output: int) -> ExtcpError:
    return ExtcpError.of(
        "EXTCP-T004",
        f"'{name}' printed more than {max_output} bytes and was ended",
        f"run it by hand to see what it prints, and check that this is the {name} you mean",
    )


def _failure(name: str, status: int, stderr: bytes) -> ExtcpError:
    words = _last_lines(stderr)
    if status < 0:
        return ExtcpError.of(
            "EXTCP-T006",
            f"'{name}' was ended by signal {_signal_name(-status)}{words}",
            "run again; SIGKILL is what a machine does that runs out of memory",
        )
    return ExtcpError.of(
        "EXTCP-T005",
        f"'{name}' failed with status {status}{words}",
        f"mend what {name} complains about",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _last_lines(raw: bytes) -> str:
    """The end of what a program said, as the end of a message; empty where it said nothing."""
    tail = raw[-_TAIL_BYTES:]
    if len(tail) < len(raw):  # half a line could be half a token, which nothing would recognise
        tail = tail.partition(b"\n")[2]
    lines = [line.strip() for line in clean(tail).splitlines() if line.strip()]
    shown = [line[:_LINE_LENGTH] for line in lines[-_TAIL_LINES:]]
    if not shown:
        return ""
    return f": {shown[0]}" if len(shown) == 1 else "".join(f"\n  {line}" for line in shown)
