"""Servers that keep to no protocol, in the event loop of the test itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from extcp_bot.access.model import Access, Secret
from tests.bot.apiserver import ROOT, TOKEN, server_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from tests.e2e.testbed.pki import Pair

    Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def raw(
    speak: Speak, *, tls: bool = True, pair: Pair | None = None, ca: str = ROOT
) -> AsyncIterator[Access]:
    """The way to a server whose every connection is handed to a function.

    Args:
        speak: Reads and writes; the connection is closed when it returns.
        tls: Whether there is a handshake before.
        pair: What it presents in place of its usual certificate.
        ca: What the way says to trust.
    """
    writers = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        # Cancelled with the loop; Python 3.11 would log that.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await speak(reader, writer)
        writer.close()

    context = server_context(pair) if tls else None
    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Access(f"https://127.0.0.1:{port}", ca=ca, token=Secret(TOKEN), origin="context raw")
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()


def saying(*texts: bytes) -> Speak:
    """Says the same to every request, however often it is asked over one connection."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            for text in texts:
                writer.write(text)
            await writer.drain()

    return speak


def ok(body: bytes, *headers: str) -> bytes:
    """An answer as bytes."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Says nothing for as long as anybody listens."""
    while await reader.read(1 << 16):
        pass


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Goes away at once."""
    writer.transport.abort()


@contextlib.contextmanager
def black_hole() -> Iterator[Access]:
    """The way to an address that takes no connection and refuses none, as behind a firewall."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # what comes after a full queue is dropped
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield Access(f"https://127.0.0.1:{listener.getsockname()[1]}", ca=ROOT, origin="context x")
