"""What to say when a command ends between writing the files and its end."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExitCode, ExtcpError, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator


class _InterruptedError(ExtcpError):
    """Ctrl-C, when there is something to say of what is there."""

    exit_code = ExitCode.INTERRUPTED


@contextlib.contextmanager
def written(*commands: str) -> Iterator[None]:
    """Around what commits the files that have just been written.

    Args:
        commands: To give to a shell, one after the other; they do what is left to do.

    Raises:
        ExtcpError: As what is within, or for Ctrl-C, with EXTCP-G051 to say what is there.
    """
    with _finished_by("EXTCP-G051", "the files are written, not committed", commands):
        yield


@contextlib.contextmanager
def committed(*commands: str) -> Iterator[None]:
    """Around what pushes the commit that has just been made; as ``written``, with EXTCP-G052."""
    with _finished_by("EXTCP-G052", "the files are written and committed, not pushed", commands):
        yield


def command(program: str, directory: Path, *arguments: str) -> str:
    """A call of ``git`` or ``extcp-gitops`` in a directory, as a shell takes it."""
    place = () if directory == Path() else ("-C", str(directory))
    return shlex.join((program, *place, *arguments))


@contextlib.contextmanager
def _finished_by(code: str, state: str, commands: tuple[str, ...]) -> Iterator[None]:
    remedy = f"once that is mended: {' && '.join(commands)}"
    try:
        yield
    except ExtcpError as error:
        raise ExtcpError(*error.findings, Finding(code, state, remedy)) from error
    except KeyboardInterrupt:
        finding = Finding(code, f"interrupted: {state}", f"to finish it: {' && '.join(commands)}")
        raise _InterruptedError(finding) from None
