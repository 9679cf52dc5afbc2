"""Requests to a forge: limits on seconds and bytes, and each sent once.

Nothing is sent again on the quiet, and a write never goes over a connection that was used before: a
server that closes it in the same moment would leave open whether it was done.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

import aiohttp
from yarl import URL

from extcp_bot.access.model import Access
from extcp_bot.forge import failure
from extcp_bot.forge.model import ForgeError
from extcp_bot.kube import tls
from extcp_bot.kube.connections import Connections
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.kube.transport import Answer, reason
from extcp_gitops.giturl import is_loopback

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

Headers = Callable[[], Awaitable[Mapping[str, str]]]
"""What each request shows, the credential among it."""

_TOO_MUCH: Final = frozenset({403, 429})
_ROOTS_BYTES: Final = 1 << 20
_OTHER_ROOTS: Final = (
    "mend that file, or name another one: forge.rootsFile in bot.yaml, relative to mesh.yaml; with "
    "'serve --repository' also --forge-ca"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a forge may cost, and what it may be asked.

    Attributes:
        connect: Seconds until a connection stands, TLS included.
        request: Seconds for a request from beginning to end; a forge that merges or checks a
            branch on the way takes its time.
        bytes: Of one answer.
        items: Of one list, over all pages.
        pause: Longest seconds before the one second try of a read.
        between_writes: Seconds that a write keeps from the one before.
    """

    connect: float = 5.0
    request: float = 30.0
    bytes: int = 32 << 20
    items: int = 20_000
    pause: float = 2.0
    between_writes: float = 0.0


class Wire:
    """The connections to one forge.

    Args:
        base: URL of its API.
        headers: Of each request.
        roots: PEM file with the roots that its certificate is verified against; those of the
            machine by default.
        limits: What it may cost.

    Attributes:
        origin: Scheme, host and port are those of the forge.

    Raises:
        ForgeError: The URL is neither https nor http on a loopback address.
    """

    def __init__(self, base: str, headers: Headers, roots: Path | None, limits: Limits) -> None:
        self._base = base
        self.origin: SplitResult = urlsplit(base)
        if self.origin.scheme != "https" and not (
            self.origin.scheme == "http" and is_loopback(self.origin.hostname or "")
        ):
            raise ForgeError("the forge's URL is not https", "write it as https://HOST/PATH")
        self._headers = headers
        self._roots = roots
        self._limits = limits
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._connections = Connections()
        self._welcome = 0.0

    async def close(self) -> None:
        """Give the connections back; a later request makes new ones."""
        sessions, self._sessions = self._sessions, {}
        connections, self._connections = self._connections, Connections()
        for session in sessions.values():
            await session.close()
        await connections.cut()

    async def send(self, method: str, url: str, body: str | None = None) -> Answer:
        """Send a request and read the whole answer, whatever it is.

        Args:
            method: Of HTTP.
            url: On the forge's own host.
            body: JSON.

        Raises:
            ForgeError: There is no answer in time, or none is asked for, because the forge was
                asked too much before.
            AgainError: The connection broke.
            TooMuchError: The answer is larger than the limit.
        """
        asked = f"{method} {url.removeprefix(self._base).partition('?')[0]}"
        wait = self._welcome - time.monotonic()
        if wait > 0:
            why = f"{asked}: not asked, because the forge was asked too much"
            raise ForgeError(why, f"try again in {wait:.0f} s", retry_after=wait)
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # what unpacks to gigabytes is no answer
            "User-Agent": "extcp-bot",
            **await self._headers(),
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        async with self._limited(asked):
            session = self._session(is_write=method != "GET")
            async with session.request(
                method,
                URL(url, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
                proxy=_proxy(self.origin.scheme, self.origin.hostname or ""),
            ) as response:
                content = await self._body(response, asked)
                answer = Answer(response.status, content, response.headers)
        if answer.status in _TOO_MUCH:
            wait = failure.refusal(asked, answer).retry_after or 0.0
            self._welcome = time.monotonic() + wait
        return answer

    @contextlib.asynccontextmanager
    async def _limited(self, asked: str) -> AsyncIterator[None]:
        """A limit around everything, and words for what goes wrong."""
        try:
            async with asyncio.timeout(self._limits.request):
                yield
        except (_CutOffError, aiohttp.ClientPayloadError):
            raise AgainError(*self._not_reached(asked, "the connection broke")) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ForgeError(*self._not_reached(asked, reason(error))) from None

    def _not_reached(self, asked: str, why: str) -> tuple[str, str]:
        said = f"{asked}: {self.origin.netloc} does not answer: {why}"
        return said, (
            "check the route from here to the forge, and its address: the repository's URL in "
            "mesh.yaml or, where its API is elsewhere, forge.apiUrl in bot.yaml"
        )

    async def _body(self, response: aiohttp.ClientResponse, asked: str) -> bytes:
        raw = bytearray()
        async for chunk in response.content.iter_any():
            raw += chunk
            if len(raw) > self._limits.bytes:
                raise TooMuchError(
                    f"{asked}: an answer of more than {self._limits.bytes >> 20} MiB",
                    "look by hand: the bot does not read that much at once",
                )
        return bytes(raw)

    def _session(self, *, is_write: bool) -> aiohttp.ClientSession:
        if is_write not in self._sessions:
            context = _verifying(Access(self._base, ca=_pem(self._roots)), self._roots)
            connector = aiohttp.TCPConnector(
                ssl=context, force_close=is_write, socket_factory=self._connections
            )
            self._sessions[is_write] = aiohttp.ClientSession(
                connector=connector,
                middlewares=[_once],
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._sessions[is_write]


class AgainError(ForgeError):
    """The connection broke, as it does now and then."""


class TooMuchError(ForgeError):
    """The answer is larger than the limit."""


class _CutOffError(aiohttp.ClientConnectionError):
    """The same, before anybody has words for it."""


async def _once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending again what HTTP calls idempotent, PUT and DELETE among it."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        raise _CutOffError from None


def _pem(roots: Path | None) -> str | None:
    if roots is None:
        return None
    try:
        with roots.open("rb") as file:
            return file.read(_ROOTS_BYTES).decode("ascii", "replace")
    except OSError as error:
        why = f"the roots of the forge cannot be read: {roots}: {error.strerror}"
        raise ForgeError(why, _OTHER_ROOTS) from None


def _verifying(access: Access, roots: Path | None) -> ssl.SSLContext:
    try:
        return tls.context(access)
    except CannotLookError:
        why = f"the roots of the forge cannot be used: {roots} is no PEM of certificates"
        raise ForgeError(why, _OTHER_ROOTS) from None


def _proxy(scheme: str, host: str) -> str | None:
    """The proxy that the environment names, as Git takes it; none where it makes an exception."""
    if urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(scheme)
