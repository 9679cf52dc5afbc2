"""The one error root, findings, and exit codes.

Whatever a user can mend is an :class:`ExtcpError` and is shown as one line that says what is
wrong and one that says how to mend it. Everything else is a bug and exits with 3.
"""

from __future__ import annotations

import contextlib
import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extcp_gitops.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Iterator


_QUOTED = "\n  "


class ExitCode(enum.IntEnum):
    """What the process tells its caller (design section 2)."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    BUG = 3
    CHANGES_PENDING = 4
    COULD_NOT_TELL = 5
    INTERRUPTED = 130


class Severity(enum.StrEnum):
    """An error stops the work; a warning is said and the work goes on."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, where it stands, and what mends it.

    Attributes:
        code: Stable identifier such as ``EXTCP-I004``; documents and scripts may rely on it.
        message: What is wrong, without the payload of a secret.
        remedy: What to do about it, as an instruction.
        file: Path relative to the repository, with ``/``; empty where no file is concerned.
        line: 1-based; 0 where unknown.
        column: 1-based; 0 where unknown.
        severity: Whether this stops the work.
    """

    code: str
    message: str
    remedy: str
    file: str = ""
    line: int = 0
    column: int = 0
    severity: Severity = Severity.ERROR

    @property
    def location(self) -> str:
        """``file:line:column`` as far as it is known, the form that editors jump to."""
        if not self.file:
            return ""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """By place, so that a person walks each file from top to bottom."""
        return (self.file, self.line, self.column, self.code, self.message)

    def __str__(self) -> str:
        """What is wrong and where, for a person; nothing in it that a terminal would obey."""
        place = f"{visible(self.location)}: " if self.location else ""
        label = "warning: " if self.severity is Severity.WARNING else ""
        # Lines that are quoted from a program are indented; no other may look like one of ours.
        message = _QUOTED.join(map(visible, self.message.split(_QUOTED)))
        return f"{place}{self.code} {label}{message}"

    def as_json(self) -> dict[str, str | int]:
        """The finding for ``--output json``; keys as in the class."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "remedy": self.remedy,
        }


class ExtcpError(Exception):
    """Root of all errors that a user can mend.

    Attributes:
        findings: At least one; an error that has several causes names all of them.
        exit_code: What the process exits with when nobody catches it.
    """

    exit_code: ExitCode = ExitCode.FINDINGS

    def __init__(self, *findings: Finding) -> None:
        if not findings:
            raise ValueError("an error without a finding tells nobody anything")
        self.findings = tuple(sorted(findings, key=lambda finding: finding.sort_key))
        super().__init__("\n".join(str(finding) for finding in self.findings))

    @classmethod
    def of(cls, code: str, message: str, remedy: str, file: str = "") -> ExtcpError:
        """An error with a single finding."""
        return cls(Finding(code, message, remedy, file))


class CouldNotTellError(ExtcpError):
    """A tool or a route is missing, so the answer is neither yes nor no."""

    exit_code = ExitCode.COULD_NOT_TELL


@contextlib.contextmanager
def telling(*codes: str) -> Iterator[None]:
    """Where a yes or no is asked for, an error that leaves it open is a ``CouldNotTellError``.

    Args:
        codes: What the codes of such errors begin with.
    """
    try:
        yield
    except ExtcpError as error:
        if not error.findings[0].code.startswith(codes):
            raise
        raise CouldNotTellError(*error.findings) from error
