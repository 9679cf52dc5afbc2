"""Requests to one server: a limit on seconds and bytes, no redirects, one look at a dead one.

A server that cannot be reached, or that lets the time of its first request pass, is asked no more;
the credential goes to nobody else. Errors become words for a person; what was sent never gets into
them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from extcp_bot.kube import tls
from extcp_bot.kube.connections import Connections
from extcp_bot.kube.failure import NonsenseError, NoRouteError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from extcp_bot.access.model import Access

JSON: Final = "application/json"
REDIRECTS: Final = range(300, 400)

Lookup = Callable[[str], Awaitable[tuple[str, ...]]]
"""The IP addresses of a host; raises ``OSError`` where it has none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one API server may cost.

    Attributes:
        connect: Seconds until a connection stands, TLS included.
        request: Seconds for a request from beginning to end.
        admission: The same for one that goes through admission, where each webhook may take 10 s.
        bytes: Of one answer.
        page: Objects asked for at once.
        objects: Of one list, over all pages.
        connections: Requests at once; each takes a connection.
        pause: Longest seconds to wait for a busy server before the one second try.
    """

    connect: float = 3.0
    request: float = 10.0
    admission: float = 18.0
    bytes: int = 16 << 20
    page: int = 250
    objects: int = 5_000
    connections: int = 3
    pause: float = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said.

    Attributes:
        status: Of HTTP.
        body: Whole.
        headers: Of the answer.
        seconds: From this request's turn to the end of the answer; a connection that had to be
            made for it is in them, the wait for other requests to the server is not.
    """

    status: int
    body: bytes
    headers: Mapping[str, str]
    seconds: float = 0.0


class Transport:
    """The connections to one server.

    Args:
        access: The way there, and the credential.
        limits: What it may cost.
        lookup: Where its name leads.

    Attributes:
        clock_skew: Seconds that the server's clock is ahead of ours; None before an answer.
    """

    def __init__(self, access: Access, limits: Limits, lookup: Lookup) -> None:
        self._access = access
        self._limits = limits
        self._lookup = lookup
        self.clock_skew: float | None = None
        # Not the connector's own queue: who waits there would be counted as waiting for the server.
        self._slots = asyncio.Semaphore(limits.connections)
        self._busy = 0
        self._is_released = False
        self._has_answered = False
        self._session: aiohttp.ClientSession | None = None
        self._connections = Connections()
        self._sockets: weakref.WeakSet[aiohttp.ClientWebSocketResponse] = weakref.WeakSet()
        self._unreachable = ""

    async def close(self) -> None:
        """Give the connections back; a later request makes new ones."""
        session, self._session = self._session, None
        connections, self._connections = self._connections, Connections()
        if session is not None:
            await session.close()
            await connections.cut()

    async def release(self) -> None:
        """Keep no connection any longer than somebody uses it."""
        self._is_released = True
        if not self._busy and all(socket.closed for socket in self._sockets):
            await self.close()

    async def request(
        self,
        method: str,
        path: str,
        accept: str = JSON,
        body: str | None = None,
        seconds: float | None = None,
        *,
        content_type: str = JSON,
    ) -> Answer:
        """Send a request and read the whole answer.

        Args:
            method: Of HTTP.
            path: With its query.
            accept: Media types.
            body: JSON.
            seconds: From beginning to end; the limit for a request where not given.
            content_type: What the JSON is, such as a patch of one kind.

        Raises:
            CannotLookError: The server does not answer in time, or with too much.
        """
        # Around everything: a server that sends a byte a second never runs into a read limit.
        async with self._turn(path, seconds or self._limits.request) as session:
            began = monotonic()
            async with session.request(
                method,
                self._access.server + path,
                data=body,
                headers=self._headers(accept, content_type),
                allow_redirects=False,
                middlewares=(),
                server_hostname=self._access.tls_server_name,
                proxy=self._access.proxy,
            ) as answer:
                self._note_time(answer.headers.get("Date"))
                body_of_answer = await self._body(answer, path)
                said = Answer(answer.status, body_of_answer, answer.headers, monotonic() - began)
            self._has_answered = True
            return said

    async def websocket(self, path: str, protocol: str) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket; its messages are limited in size, its time is the caller's.

        Raises:
            aiohttp.WSServerHandshakeError: The server answers, and does not switch.
            CannotLookError: The server does not answer in time.
        """
        async with self._turn(path, self._limits.request) as session:
            socket = await session.ws_connect(
                self._access.server + path,
                protocols=[protocol],
                headers=self._headers(JSON),
                max_msg_size=self._limits.bytes,
                server_hostname=self._access.tls_server_name,
                proxy=self._access.proxy,
            )
            self._sockets.add(socket)
            return socket

    @contextlib.asynccontextmanager
    async def _turn(self, path: str, seconds: float) -> AsyncIterator[aiohttp.ClientSession]:
        """The session, for one request, once it is its turn."""
        async with self._slots:
            self._require_route(path)
            self._busy += 1
            try:
                async with asyncio.timeout(seconds):
                    yield self._open()
            except aiohttp.WSServerHandshakeError:
                raise
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise self._failed(error, path) from None
            finally:
                self._busy -= 1
                if self._is_released:
                    await self.release()

    async def _body(self, answer: aiohttp.ClientResponse, path: str) -> bytes:
        raw = bytearray()
        async for chunk in answer.content.iter_any():
            raw += chunk
            if len(raw) > self._limits.bytes:
                raise NonsenseError(
                    f"{self._access.host} answers with more than {self._limits.bytes >> 20} MiB",
                    "look by hand: the bot does not read that much at once",
                    path,
                )
        return bytes(raw)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0,
                ssl=tls.context(self._access),
                resolver=_Resolver(self._lookup),
                socket_factory=self._connections,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect),
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=[_no_redirects],
            )
        return self._session

    def _headers(self, accept: str, content_type: str = JSON) -> dict[str, str]:
        headers = {
            "Accept": accept,
            # An answer that unpacks to gigabytes is no answer.
            "Accept-Encoding": "identity",
            "Content-Type": content_type,
            "User-Agent": "extcp-bot",
        }
        if self._access.token is not None:
            headers["Authorization"] = f"Bearer {self._access.token.reveal()}"
        return headers

    def _note_time(self, date: str | None) -> None:
        if date is None or self.clock_skew is not None:
            return
        with contextlib.suppress(ValueError, TypeError):
            self.clock_skew = (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()

    def _require_route(self, path: str) -> None:
        if self._unreachable:
            raise self._no_route(self._unreachable, path)

    def _failed(self, error: Exception, path: str) -> NoRouteError:
        why = reason(error)
        # One slow answer says nothing of the next; a connection that cannot be made does, and so
        # does the silence of a server that has never said anything.
        cannot_connect = aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError
        is_silent = isinstance(error, TimeoutError) and not self._has_answered
        if is_silent or isinstance(error, cannot_connect):
            self._unreachable = why
        return self._no_route(why, path)

    def _no_route(self, why: str, path: str) -> NoRouteError:
        return NoRouteError(
            f"{self._access.host} does not answer: {why}",
            f"check the route from here to it, and the server that {self._access.origin} names",
            path,
        )


class _Resolver(AbstractResolver):
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        del family  # whatever there is; the connector tries them in turn
        found = await self._lookup(host)
        if not found:
            raise OSError(f"no address of {host}")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """There is nothing to close."""


async def _no_redirects(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """For the handshake of a WebSocket, which has no option of its own against them."""
    answer = await handler(request)
    if answer.status in REDIRECTS and "Upgrade" in request.headers:
        answer.close()
        raise aiohttp.WSServerHandshakeError(answer.request_info, (), status=answer.status)
    return answer


_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (aiohttp.ClientConnectorDNSError, "its name is not in DNS"),
    (aiohttp.ClientProxyConnectionError, "no connection to the proxy"),
    (aiohttp.ClientHttpProxyError, "the proxy refuses"),
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
    (TimeoutError, "no answer in time"),
)


def reason(error: Exception) -> str:
    """Words for a person; never the text of the error, which may hold what was sent."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        why = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else "?"
        return f"its certificate is not trusted ({why})"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return f"it does not speak TLS as it should ({getattr(error.os_error, 'reason', '?')})"
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return f"no connection ({os.strerror(number) if number else 'no address answers'})"
    return f"the connection broke ({type(error).__name__})"
