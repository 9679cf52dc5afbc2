"""The part of a kubelet that API servers call: port-forwarding to a Pod, and its containers' logs.

Port-forwarding is the WebSocket subprotocol ``v4.channel.k8s.io`` (k8s.io/cri-streaming,
portforward/websocket.go): a channel with the data of the port and one with its error, each of which
begins with the port as two bytes. SPDY, which ``kubectl`` and ``istioctl`` speak, is not served.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

from aiohttp import WSMsgType, web

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PORT = 10250
PROTOCOL = "v4.channel.k8s.io"
DATA, ERROR = b"\0", b"\1"
CONNECT_SECONDS = 5.0
CHUNK = 1 << 15
CLONE_NEWNET = 0x40000000


class Running(Protocol):
    """A Pod as this server needs it."""

    @property
    def network(self) -> Path:
        """The file of its network namespace."""

    def log(self, container: str) -> Path:
        """Where what a container says is kept."""


class Server:
    """Answers on the node's address.

    Args:
        find: Gives a running Pod by namespace and name.
    """

    def __init__(self, find: Callable[[str, str], Running | None]) -> None:
        self._find = find

    def start(self, address: str, certificate: Path, key: Path) -> None:
        """Serve from now on, in a thread.

        Args:
            address: Of the node.
            certificate: The server's, PEM.
            key: PEM.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="kubelet server", daemon=True).start()
        started = asyncio.run_coroutine_threadsafe(self._start(address, context), loop)
        started.result(CONNECT_SECONDS)

    async def _start(self, address: str, context: ssl.SSLContext) -> None:
        application = web.Application()
        application.router.add_get("/portForward/{namespace}/{pod}", self._forward)
        application.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._log)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, address, PORT, ssl_context=context).start()

    def _pod(self, request: web.Request) -> Running:
        pod = self._find(request.match_info["namespace"], request.match_info["pod"])
        if pod is None:
            raise web.HTTPNotFound(text="pod does not exist")
        return pod

    async def _log(self, request: web.Request) -> web.StreamResponse:
        """What a container has said; of the options there are ``tailLines`` and ``limitBytes``."""
        path = self._pod(request).log(request.match_info["container"])
        if not path.exists():
            raise web.HTTPNotFound(text="container does not exist")
        lines, query = path.read_bytes().splitlines(keepends=True), request.query
        if "tailLines" in query:
            lines = lines[max(len(lines) - int(query["tailLines"]), 0) :]
        said = b"".join(lines)
        body = said[: int(query["limitBytes"])] if "limitBytes" in query else said
        return web.Response(body=body, content_type="text/plain", charset="utf-8")

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        pod = self._pod(request)
        port = request.query.get("port", "")
        if not port.isdecimal():
            raise web.HTTPBadRequest(text="one port is forwarded at a time")
        channels = web.WebSocketResponse(protocols=[PROTOCOL])
        await channels.prepare(request)
        for channel in (DATA, ERROR):
            await channels.send_bytes(channel + int(port).to_bytes(2, "little"))
        try:
            await _relay(channels, await _connect(pod.network, int(port)))
        except OSError as error:
            why = f"error forwarding port {port} to pod {request.match_info['pod']}: {error}"
            await channels.send_bytes(ERROR + why.encode())
        await channels.close()
        return channels


async def _relay(channels: web.WebSocketResponse, connected: socket.socket) -> None:
    """Pass on what either side says until one of them has no more to say."""
    reader, writer = await asyncio.open_connection(sock=connected)
    from_client = asyncio.ensure_future(_from_client(channels, writer))
    try:
        while chunk := await reader.read(CHUNK):
            await channels.send_bytes(DATA + chunk)
    finally:
        from_client.cancel()
        writer.close()


async def _from_client(channels: web.WebSocketResponse, writer: asyncio.StreamWriter) -> None:
    async for message in channels:
        if message.type is WSMsgType.BINARY and message.data[:1] == DATA:
            writer.write(message.data[1:])
            await writer.drain()
    writer.close()


async def _connect(network: Path, port: int) -> socket.socket:
    """A connection to a port of a Pod's loopback, made by a thread that ends there.

    Raises:
        OSError: Nobody listens.
    """
    with ThreadPoolExecutor(1) as visitor:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(visitor, _connect_inside, network, port)


def _connect_inside(network: Path, port: int) -> socket.socket:
    with network.open() as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    connected = socket.create_connection(("127.0.0.1", port), timeout=CONNECT_SECONDS)
    connected.setblocking(False)
    return connected
