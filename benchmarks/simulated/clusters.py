"""Many API servers in one process: each a port of its own with TLS, recorded answers, and a delay.

The delay stands for a round trip of the network, which loopback does not have: two before the
handshake goes on (one for TCP's, one for that of TLS), and one for each request.
"""

from __future__ import annotations

import asyncio
import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from benchmarks.simulated.recording import NOW, TEMPLATE, time
from tests.bot.apiserver import server_context

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Mapping, Sequence

    from benchmarks.simulated.certificates import Serving

_HANDSHAKES: Final = 2
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_END: Final = b"\r\n\r\n"
_LAST: Final = b"0\r\n\r\n"
_NOT_FOUND: Final = (404, '{"kind":"Status","status":"Failure","message":"not found","code":404}')


@dataclass(frozen=True)
class Place:
    """One simulated cluster.

    Attributes:
        name: Of the cluster.
        listener: Where it listens, on 127.0.0.1.
        port: That port.
        serving: What it presents.
        delay: Seconds for one round trip.
    """

    name: str
    listener: socket.socket
    port: int
    serving: Serving
    delay: float


def serve(
    places: Sequence[Place], answers: Mapping[str, tuple[int, str]], until: socket.socket
) -> None:
    """Answer until the other end of a socket is closed.

    Args:
        places: The clusters.
        answers: By method and path with query, see :class:`~.recording.Recording`.
        until: Becomes readable when it is over.
    """
    said = {_plain(asked.encode()): _answer(*answer) for asked, answer in answers.items()}
    asyncio.run(_serve(places, said, until))


async def _serve(
    places: Sequence[Place], answers: Mapping[bytes, bytes], until: socket.socket
) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(until, over.set)
    for place in places:
        context = server_context(place.serving.pair)

        def connected(place: Place = place, context: ssl.SSLContext = context) -> _Connection:
            return _Connection(place, context, answers)

        await loop.create_server(connected, sock=place.listener)
    until.send(b"ready")
    await over.wait()


class _Connection(asyncio.Protocol):
    """One connection: TLS after a while, then one answer for each request."""

    def __init__(
        self, place: Place, context: ssl.SSLContext, answers: Mapping[bytes, bytes]
    ) -> None:
        self._place = place
        self._context = context
        self._answers = answers
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._starting: asyncio.Task[None] | None = None
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the types alone
        transport.pause_reading()
        self._starting = self._loop.create_task(self._start(transport))

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, end, rest = self._heard.partition(_END)
        length = _LENGTH.search(head)
        is_chunked = _CHUNKED.search(head) is not None
        if end and (rest.endswith(_LAST) if is_chunked else len(rest) >= _number(length)):
            self._heard = b""
            asked = head.partition(b" HTTP/1.1")[0]
            self._loop.call_later(self._place.delay, self._say, asked)

    async def _start(self, transport: asyncio.Transport) -> None:
        await asyncio.sleep(_HANDSHAKES * self._place.delay)
        try:
            self._transport = await self._loop.start_tls(
                transport, self, self._context, server_side=True
            )
        except OSError:  # whoever called has gone away
            transport.abort()

    def _say(self, asked: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            answer = self._answers.get(_plain(asked)) or _answer(*_NOT_FOUND)
            self._transport.write(_named(answer, self._place.name))


def _number(match: re.Match[bytes] | None) -> int:
    return int(match[1]) if match else 0


@functools.lru_cache(maxsize=1024)
def _plain(asked: bytes) -> bytes:
    """A request however its client encodes it, and in whatever order it puts the parameters."""
    path, _, query = asked.decode("latin-1").partition("?")
    return f"{unquote(path)}?{sorted(parse_qsl(query))}".encode()


def _answer(code: int, body: str) -> bytes:
    """A whole answer but for its length, which the cluster's name decides."""
    return f"HTTP/1.1 {code} OK\r\nContent-Type: application/json\r\n|{body}".encode()


def _named(answer: bytes, name: str) -> bytes:
    answer = answer.replace(TEMPLATE.encode(), name.encode()).replace(NOW.encode(), time().encode())
    head, _, body = answer.partition(b"|")
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
