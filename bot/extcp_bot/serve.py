"""The newest look at a mesh over HTTP, for Prometheus, for probes, and for people.

Who may connect may read it all; whoever listens on more than the loopback interface puts something
that asks for a password before it. Nothing that a request says reaches a cluster.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aiohttp import web

from extcp_bot import passes
from extcp_bot.once import Once
from extcp_bot.report import html, prometheus, render
from extcp_bot.service import http
from extcp_bot.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from extcp_bot.passes import Pass, Plan
    from extcp_bot.result import Report
    from extcp_gitops.errors import ExtcpError
    from extcp_gitops.inventory.model import Inventory

_PATIENCE: Final = 300.0
"""Seconds that a pass may take beyond the interval before the server calls itself unwell."""


@dataclass
class Latest:
    """What the newest pass found, and what has been made of it.

    Attributes:
        interval: Seconds between passes.
        found: The report, and the inventory that it is about; None before the first.
        since: When it was complete, on the monotonic clock; at first, when the server began.
    """

    interval: float
    found: tuple[Report, Inventory] | None = None
    since: float = field(default_factory=time.monotonic)
    _texts: Once = field(default_factory=Once)

    def take(self, report: Report, inventory: Inventory) -> None:
        """Answer with this from now on."""
        self.found, self.since, self._texts = (report, inventory), time.monotonic(), Once()

    @property
    def age(self) -> float:
        """Seconds since a pass was complete."""
        return time.monotonic() - self.since

    @property
    def is_well(self) -> bool:
        """Whether passes are complete in time."""
        return self.found is not None and self.age < self.interval + _PATIENCE

    async def text(self, form: str) -> str:
        """The report in one form, made once, in a thread, so that nobody else waits for it.

        Raises:
            web.HTTPServiceUnavailable: There is none yet.
        """
        if self.found is None:
            raise web.HTTPServiceUnavailable(text="the first look is not complete yet\n")
        found = self.found
        return await self._texts(form, lambda: asyncio.to_thread(render, form, *found))


async def serve(
    plan: Plan, interval: float, host: str, port: int, say: Callable[[str], None]
) -> None:
    """Look again and again, and answer requests, until it is cancelled.

    Args:
        plan: What to look at.
        interval: Seconds from one look to the next.
        host: To listen on.
        port: To listen on; 0 for any that is free.
        say: Told where the server is, then of each change.

    Raises:
        ExtcpError: EXTCP-B010, nobody can listen there.
    """
    latest, changes = Latest(interval), Watch()

    def seen(one: Pass) -> None:
        latest.take(one.report, one.inventory)
        for line in changes.changes(one.report):
            say(line)

    def failed(error: ExtcpError) -> None:
        for finding in error.findings:
            say(f"{finding}; {finding.remedy}")

    made = application(latest, local=http.is_loopback(host))
    async with http.listening(made, host, port, say):
        await passes.repeat(plan, interval, seen, failed)


def application(latest: Latest, *, local: bool) -> web.Application:
    """What answers requests.

    Args:
        latest: What to answer with.
        local: As for :func:`extcp_bot.service.http.application`.
    """
    answers = _Answers(latest)
    routes = {"/": answers.top, "/healthz": answers.healthz, **report_routes(latest)}
    return http.application(routes, local=local)


def report_routes(latest: Latest) -> dict[str, http.Handler]:
    """What answers with the newest report, by path."""
    answers = _Answers(latest)
    return {
        "/metrics": answers.metrics,
        "/report": answers.report,
        "/report.json": answers.report_json,
    }


class _Answers:
    """The handlers."""

    def __init__(self, latest: Latest) -> None:
        self._latest = latest

    async def top(self, _: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/report"})

    async def healthz(self, _: web.Request) -> web.Response:
        age = f"last look complete {self._latest.age:.0f} s ago"
        words = "no look is complete yet" if self._latest.found is None else age
        return web.Response(text=f"{words}\n", status=200 if self._latest.is_well else 503)

    async def metrics(self, _: web.Request) -> web.Response:
        text = await self._latest.text("prometheus")
        return web.Response(text=text, headers={"Content-Type": prometheus.CONTENT_TYPE})

    async def report(self, _: web.Request) -> web.Response:
        text = await self._latest.text("html")
        headers = {"Content-Security-Policy": html.policy()}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def report_json(self, _: web.Request) -> web.Response:
        text = await self._latest.text("json")
        return web.Response(text=text, content_type="application/json")
