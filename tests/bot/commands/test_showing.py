"""What a person sees on a terminal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from extcp_bot.cli import run
from extcp_bot.commands import showing
from tests.bot.reports import bad, mesh, report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from tests.bot.commands.conftest import Bot


class Terminal:
    """A terminal in place of one of the standard streams."""

    def __init__(self) -> None:
        self._reader, writer = os.openpty()
        self.stream: TextIO = os.fdopen(writer, "w")

    def seen(self) -> str:
        """All that was written; for once."""
        self.stream.flush()
        os.set_blocking(self._reader, False)
        said = b""
        while True:
            try:
                said += os.read(self._reader, 65_536)
            except BlockingIOError:
                return said.decode()

    def close(self) -> None:
        """Give it back."""
        self.stream.close()
        os.close(self._reader)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


def test_a_line_counts_clusters_and_goes_away(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal.stream)
    inventory = mesh()
    progress = showing.Progress()
    progress(report(inventory, bad(inventory, "remote-cluster-1")))
    progress.clear()
    assert terminal.seen() == "\r\x1b[Kchecked 1 of 3 clusters, 1 unhealthy\r\x1b[K"


def test_nobody_else_sees_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = showing.Progress()
    progress(report(mesh()))
    progress.clear()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("settings", "colour"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_terminals_of_people_who_want_them(
    bot: Bot,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    colour: bool,
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", terminal.stream)
    assert run(["-C", str(bot.root), "check", "--check", "secret-shape"]) == 0
    assert ("\x1b[32mhealthy" in terminal.seen()) is colour
