"""Answering over HTTP, for Prometheus, for probes and for people; what both servers share.

Nothing that a request says is obeyed, kept or repeated: paths are fixed, and only read.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aiohttp import web

from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SHUTDOWN: Final = 5.0
_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORT: Final = re.compile(r":[0-9]+\Z")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Server": "extcp-bot",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def application(routes: Mapping[str, Handler], *, local: bool) -> web.Application:
    """What answers requests.

    Args:
        routes: What answers a GET, by path.
        local: Answer only those who call the server by a name of this machine's own: a page of
            somebody else's cannot then read the report by a name that leads to this address.
    """

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if local and _PORT.sub("", request.host) not in _LOCAL_NAMES:
            raise web.HTTPMisdirectedRequest(text="this server answers to localhost alone\n")
        return await handler(request)

    made = web.Application(middlewares=[guarded])
    made.on_response_prepare.append(_add_headers)
    for path, handler in routes.items():
        made.router.add_get(path, handler)
    return made


@asynccontextmanager
async def listening(
    made: web.Application, host: str, port: int, say: Callable[[str], None]
) -> AsyncIterator[None]:
    """Answer requests while the block lasts.

    Args:
        made: From :func:`application`.
        host: To listen on.
        port: To listen on; 0 for any that is free.
        say: Told where the server is.

    Raises:
        ExtcpError: EXTCP-B010, nobody can listen there.
    """
    runner = web.AppRunner(made, access_log=None, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        for address in runner.addresses:
            say(f"serving on http://{_written(address[0])}:{address[1]}/")
        yield
    finally:
        await runner.cleanup()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens on ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise ExtcpError.of(
            "EXTCP-B010",
            f"nobody can listen on {_written(host)}:{port}: {error.strerror}",
            "name another address, or end what listens there",
        ) from None


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
