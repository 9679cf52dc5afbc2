"""How results look on a terminal, and elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Final

import click

from extcp_bot.report import text
from extcp_gitops.commands import progress

if TYPE_CHECKING:
    from extcp_bot.passes import Pass
    from extcp_bot.result import Report

CLEAR: Final = "\x1b[H\x1b[2J\x1b[3J"
_SECONDS: Final = 0.1


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def as_text(one: Pass, *, verbose: bool) -> str:
    """A report as it suits standard output.

    Args:
        one: With the report.
        verbose: With a line for each healthy cluster.
    """
    style = text.Style(_wants_colour(), _width(), verbose)
    return text.render(one.report, one.inventory, style)


def echo(said: str) -> None:
    """Print what ends with a newline, colours and all."""
    # Click would take the colours away where it thinks differently of the terminal.
    click.echo(said, nl=False, color=True)


class Progress:
    """Counts the clusters that are done, on a terminal; to be called each time that one is."""

    def __init__(self) -> None:
        self._say = progress.line()
        self._report: Report | None = None
        self._done = 0
        self._shown = 0.0

    def __call__(self, report: Report) -> None:
        """Show how far a report has come, though not more often than anybody can read."""
        if self._say is None:
            return
        if report is not self._report:
            self._report, self._done = report, 0
        self._done += 1
        if time.monotonic() - self._shown >= _SECONDS:
            self._shown = time.monotonic()
            bad = len({each.cluster for each in report.results if each.severity})
            total = len(report.clusters)
            self._say(f"checked {self._done:,} of {total:,} clusters, {bad:,} unhealthy")

    def clear(self) -> None:
        """Take the line away."""
        if self._say is not None:
            self._say("")


def _wants_colour() -> bool:
    """On a terminal that knows colours, unless a person has none (https://no-color.org)."""
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _width() -> int:
    return shutil.get_terminal_size().columns if is_terminal() else 0
