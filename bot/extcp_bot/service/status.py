"""What a replica that acts, or stands by, has to say of itself: to probes and to Prometheus."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from extcp_bot.report import prometheus
from extcp_bot.serve import Latest
from extcp_bot.service.replica import Standing
from extcp_gitops import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extcp_bot.report.prometheus import Sample

PASS_LIMIT: Final = 1_800.0
"""Seconds that one pass may take; whatever it has not done by then, the next one does."""

_SLACK: Final = 120.0
"""Seconds beyond what it allowed itself before a replica that acts calls itself unwell."""


@dataclass
class Passes:
    """How the passes of this process went.

    Attributes:
        complete: Passes that came to their end.
        failed: Passes that did not.
        writes: Writes that came to their end, in all passes.
        failure: Why the newest pass failed; empty where it did not.
        troubles: What the newest complete pass could not do.
        ended: When the newest complete pass ended, in seconds since 1970; 0 before the first.
        seconds: How long it took.
        open: Open proposals by their kind, as the newest complete pass left them.
        candidates: Clusters that it found beside the mesh's own.
        waits_until: Until when the next one waits because a forge wants to be left alone, in
            seconds since 1970; 0 where none does.
    """

    complete: int = 0
    failed: int = 0
    writes: int = 0
    failure: str = ""
    troubles: tuple[str, ...] = ()
    ended: float = 0.0
    seconds: float = 0.0
    open: Mapping[str, int] = field(default_factory=dict)
    candidates: int = 0
    waits_until: float = 0.0


@dataclass
class Status:
    """All that a process of ``extcp-bot serve`` knows of itself.

    Attributes:
        interval: Seconds between passes.
        standing: Whether it acts.
        passes: How its passes went.
        latest: The newest report.
    """

    interval: float
    standing: Standing = field(default_factory=Standing)
    passes: Passes = field(default_factory=Passes)
    latest: Latest = field(init=False)
    _due: float = field(init=False)

    def __post_init__(self) -> None:
        self.latest = Latest(self.interval)
        self.moved(PASS_LIMIT)

    def moved(self, next_within: float) -> None:
        """Note that a pass began or ended.

        Args:
            next_within: Seconds in which it is to end, or the next one to begin. A forge may want
                to be left alone for longer than any pass may take, and waiting for it is no hang.
        """
        self._due = time.monotonic() + next_within

    @property
    def is_well(self) -> bool:
        """Whether it does not hang: one that acts begins and ends passes when they are due."""
        return not self.standing.acting or time.monotonic() < self._due + _SLACK

    @property
    def is_ready(self) -> bool:
        """Whether it acts without trouble, or could begin to."""
        if self.standing.acting:
            return not self.passes.failure
        return not self.standing.trouble

    def words(self) -> str:
        """One line for people."""
        if self.standing.acting:
            done = f"{self.passes.complete} passes complete, {self.passes.failed} failed"
            return f"acting; {done}{self._but(self.passes.failure)}{self._but(self._waiting())}"
        holder = self.standing.holder or "nobody"
        return f"standing by; {holder} holds the lease{self._but(self.standing.trouble)}"

    def _waiting(self) -> str:
        if not self.passes.waits_until:
            return ""
        until = datetime.fromtimestamp(self.passes.waits_until, UTC)
        return f"leaving the forge alone until {until.isoformat(timespec='seconds')}"

    @staticmethod
    def _but(trouble: str) -> str:
        return f"; {trouble}" if trouble else ""

    async def metrics(self) -> str:
        """Metrics of this process, and those of the newest report where it has one."""
        own = "".join(f"{line}\n" for line in self._families())
        if self.latest.found is None:
            info = prometheus.family(
                "extcp_bot_info", "The version that looked.", [({"version": __version__}, 1)]
            )
            return "".join(f"{line}\n" for line in info) + own
        return await self.latest.text("prometheus") + own

    def _families(self) -> Iterator[str]:
        passes = self.passes
        results = (("complete", passes.complete), ("failed", passes.failed))
        yield from prometheus.family(
            "extcp_bot_passes_total",
            "Passes, by how they ended.",
            [({"result": name}, number) for name, number in results],
            "counter",
        )
        yield from prometheus.family(
            "extcp_bot_open_proposals",
            "Open pull requests of the bot, by kind, as the newest complete pass left them.",
            [({"kind": kind}, number) for kind, number in sorted(passes.open.items())],
        )
        for name, text, value in (
            ("leader", "1 where this replica acts, 0 where it stands by.", self.standing.acting),
            (
                "lease_trouble",
                "1 where this replica cannot ask for the lease.",
                bool(self.standing.trouble),
            ),
            ("terms_total", "How often this replica began to act.", self.standing.terms),
            ("writes_total", "Writes to the forge, to Git and to clusters.", passes.writes),
            (
                "last_pass_timestamp_seconds",
                "When the newest complete pass ended, in seconds since 1970; 0 for never.",
                passes.ended,
            ),
            ("last_pass_seconds", "How long the newest complete pass took.", passes.seconds),
            (
                "troubles",
                "Proposals and clusters that the newest complete pass could not see to.",
                len(passes.troubles),
            ),
            (
                "waits_until_timestamp_seconds",
                "Until when the forge is left alone, in seconds since 1970; 0 where it is not.",
                passes.waits_until,
            ),
            ("candidates", "Clusters that could join the mesh.", passes.candidates),
        ):
            kind = "counter" if name.endswith("_total") else "gauge"
            sample: Sample = ({}, float(value))
            yield from prometheus.family(f"extcp_bot_{name}", text, [sample], kind)
