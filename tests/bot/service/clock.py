"""The clock by which a replica tells whether it hangs, put on by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


class Clock:
    """In place of the clock of ``status.py`` alone; whoever sleeps goes by the real one.

    Attributes:
        now: Seconds that it shows.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        monkeypatch.setattr("extcp_bot.service.status.time", self)

    def monotonic(self) -> float:
        """As ``time.monotonic``."""
        return self.now
