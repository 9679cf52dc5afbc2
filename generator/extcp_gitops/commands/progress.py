"""A line that counts on a terminal while something takes long; nothing elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_ERASE = "\r\x1b[K"
_MEGABYTE = 1_000_000


def counter(what: str) -> Callable[[int, int], None]:
    """A function to be told how much is done, and of how much.

    Args:
        what: Is being done, as in ``building``.
    """
    if not sys.stderr.isatty():
        return lambda _done, _total: None

    def show(done: int, total: int) -> None:
        line = f"{what} {done} of {total}" if done < total else ""
        click.echo(_ERASE + line, nl=False, err=True)

    return show


def download() -> Callable[[int, int | None], None]:
    """A function to be told the bytes so far, and how many there are where that is known."""
    show = counter("downloading, MB:")

    def advance(done: int, expected: int | None) -> None:
        if expected:
            # The line goes away at the end, not when the last megabyte begins.
            total = -(-expected // _MEGABYTE)
            show(total if done >= expected else done // _MEGABYTE, total)

    return advance
