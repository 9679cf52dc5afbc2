"""A line that counts on a terminal while something takes long; nothing elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_ERASE = "\r\x1b[K"
_MEGABYTE = 1_000_000


def line() -> Callable[[str], None] | None:
    """A function that shows a text in place of the one before; None where nobody watches.

    The empty text takes the line away.
    """
    if not sys.stderr.isatty():
        return None
    return lambda text: click.echo(_ERASE + text, nl=False, err=True)


def counter(what: str) -> Callable[[int, int], None]:
    """A function to be told how much is done, and of how much.

    Args:
        what: Is being done, as in ``building``.
    """
    show = line()
    if show is None:
        return lambda _done, _total: None
    return lambda done, total: show(f"{what} {done} of {total}" if done < total else "")


def download() -> Callable[[int, int | None], None]:
    """A function to be told the bytes so far, and how many there are where that is known."""
    show = counter("downloading, MB:")

    def advance(done: int, expected: int | None) -> None:
        if expected:
            # The line goes away at the end, not when the last megabyte begins.
            total = -(-expected // _MEGABYTE)
            show(total if done >= expected else done // _MEGABYTE, total)

    return advance
