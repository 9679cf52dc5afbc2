"""``extcp-bot serve``: passes by the replica that holds the Lease, and answers by every one."""

from __future__ import annotations

import os
import secrets
import socket
from typing import TYPE_CHECKING

from aiohttp import web

from extcp_bot.report import prometheus
from extcp_bot.serve import report_routes
from extcp_bot.service import http, passes, replica

if TYPE_CHECKING:
    from collections.abc import Callable

    from extcp_bot.service.gate import Gate
    from extcp_bot.service.lease import Candidacy
    from extcp_bot.service.passes import OnePass
    from extcp_bot.service.status import Status


async def serve(
    one: OnePass,
    status: Status,
    candidacy: Candidacy | None,
    address: tuple[str, int],
    say: Callable[[str], None],
) -> None:
    """Act whenever it is this replica's turn, and answer requests, until it is cancelled.

    Args:
        one: A pass.
        status: Told of everything.
        candidacy: For the Lease; None for a process that shares the work with nobody.
        address: To listen on; port 0 for any that is free.
        say: Told where the server is, then of each change.

    Raises:
        ExtcpError: EXTCP-B010, nobody can listen there.
    """

    async def work(gate: Gate) -> None:
        await passes.repeat(one, status, say, gate)

    made = application(status, local=http.is_loopback(address[0]))
    async with http.listening(made, *address, say):
        if candidacy is None:
            await replica.alone(work, status.standing)
        else:
            await replica.elected(work, candidacy, status.standing, say)


def application(status: Status, *, local: bool) -> web.Application:
    """What answers requests.

    Args:
        status: What to answer with.
        local: As for :func:`extcp_bot.service.http.application`.
    """
    answers = _Answers(status)
    routes = {
        **report_routes(status.latest),
        "/": answers.healthz,
        "/healthz": answers.healthz,
        "/readyz": answers.readyz,
        "/metrics": answers.metrics,
    }
    return http.application(routes, local=local)


def identity() -> str:
    """A name that no other replica has, nor the process that was here before: for the Lease."""
    return f"{os.environ.get('POD_NAME') or socket.gethostname()}_{secrets.token_hex(8)}"


class _Answers:
    """The handlers."""

    def __init__(self, status: Status) -> None:
        self._status = status

    async def healthz(self, _: web.Request) -> web.Response:
        return self._words(is_well=self._status.is_well)

    async def readyz(self, _: web.Request) -> web.Response:
        return self._words(is_well=self._status.is_ready)

    async def metrics(self, _: web.Request) -> web.Response:
        text = await self._status.metrics()
        return web.Response(text=text, headers={"Content-Type": prometheus.CONTENT_TYPE})

    def _words(self, *, is_well: bool) -> web.Response:
        return web.Response(text=f"{self._status.words()}\n", status=200 if is_well else 503)
