from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from extcp_gitops.commands import progress

if TYPE_CHECKING:
    import pytest


def test_a_terminal_sees_a_line_that_counts_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.openpty()
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        show = progress.counter("building")
        show(1, 2)
        show(2, 2)
        terminal.flush()
        expected = b"\r\x1b[Kbuilding 1 of 2\r\x1b[K"
        seen = b""
        while len(seen) < len(expected):  # a terminal gives what it has so far
            seen += os.read(reader, 1000)
    os.close(reader)
    assert seen == expected


def test_nothing_else_does(capsys: pytest.CaptureFixture[str]) -> None:
    progress.counter("building")(1, 2)
    assert capsys.readouterr() == ("", "")
