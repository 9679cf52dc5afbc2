"""The streams of the process, so that no reader and no disk can spoil what a command does.

A reader that has seen enough (``| head -1``) takes nothing from the verdict of a command, nor from
its work; what cannot be written for another reason is an error for a person, and no bug.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, NoReturn, TextIO, cast

from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def prepare() -> None:
    """Put streams that fail as described in place of the interpreter's own.

    Standard input that is closed (``<&-``) becomes an empty one, so that no file gets its number.
    Streams that somebody has put there before, such as a test, stay.
    """
    if sys.stdin is None:
        sys.stdin = _nowhere("r")
    if sys.stdout is sys.__stdout__:
        sys.stdout = _Closed() if sys.stdout is None else _over(_Data, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _nowhere("w") if sys.stderr is None else _over(_Words, sys.stderr)


def _nowhere(mode: str) -> TextIO:
    """A stream without a reader or a writer, for as long as the process lives."""
    from pathlib import Path  # noqa: PLC0415 - not for --help

    return cast("TextIO", Path(os.devnull).open(mode))


def is_read() -> bool:
    """Whether there is still somebody who reads standard output."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return not (isinstance(raw, _Data) and raw.is_abandoned)


class _Words(io.FileIO):
    """Standard error: words that nobody can read are no reason to stop."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            self._drop_the_rest()
            self._fail(error)
            return memoryview(data).nbytes

    def _drop_the_rest(self) -> None:
        """So that the interpreter does not fail at its end on what it still holds."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)

    def _fail(self, error: OSError) -> None:
        """Nothing more than that."""


class _Data(_Words):
    """Standard output."""

    is_abandoned = False

    def _fail(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            _refuse(error.strerror or type(error).__name__)
        self.is_abandoned = True


class _Closed(io.TextIOBase):
    """Standard output of a process that was started without one (``>&-``)."""

    def write(self, _text: str, /) -> int:
        _refuse("it is closed")


def _over(kind: type[_Words], stream: TextIO) -> TextIO:
    stream.flush()
    raw = kind(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=True,
    )


def _refuse(reason: str) -> NoReturn:
    raise ExtcpError.of(
        "EXTCP-T030",
        f"standard output cannot be written: {reason}",
        "send it where there is space, or to /dev/null",
    )
