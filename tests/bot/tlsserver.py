"""A TLS server on a loopback address, in the place of an ingress gateway."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.e2e.testbed.pki import Pair


class TlsServer:
    """Serves while the block lasts.

    Args:
        pair: What it presents; the certificate may have others of its chain behind it.
        protocols: What it offers by ALPN.
        status: Of its answer to ``GET /ready``; 0 hangs up.
        text: Of that answer.

    Attributes:
        port: On 127.0.0.1.
        handshakes: How many were begun, finished or not.
        hosts: The Host headers of the requests.
    """

    def __init__(
        self,
        pair: Pair,
        *,
        protocols: Sequence[str] = ("h2", "http/1.1"),
        status: int = 200,
        text: str = "",
    ) -> None:
        self._context = _context(pair, protocols)
        self._answer = (status, text)
        self.port = 0
        self.handshakes = 0
        self.names: set[str | None] = set()
        self.hosts: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._runner is not None
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def place(self) -> tuple[str, int]:
        """Where it is."""
        return ("127.0.0.1", self.port)

    async def _start(self) -> None:
        self._context.sni_callback = self._note
        application = web.Application()
        application.router.add_get("/ready", self._ready)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context)
        await site.start()
        self.port = self._runner.addresses[0][1]

    def _note(self, _: object, name: str | None, __: object) -> None:
        self.handshakes += 1
        self.names.add(name)

    async def _ready(self, request: web.Request) -> web.Response:
        self.hosts.append(request.headers["Host"])
        status, text = self._answer
        if not status and request.transport:
            request.transport.abort()
        return web.Response(status=status or 500, text=text)


def _context(pair: Pair, protocols: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(list(protocols))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "pair.pem"
        path.write_text(pair.certificate + pair.key)
        context.load_cert_chain(path)
    return context
