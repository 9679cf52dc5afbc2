"""One forge over HTTP: limits on seconds, bytes and pages; the credential goes to its host alone.

A read is tried once more where that may help. A write never is, and never on a connection that was
used before: a server that closes it in the same moment would leave open whether it was done.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp
from yarl import URL

from extcp_bot.access.model import Access, hide
from extcp_bot.forge import failure
from extcp_bot.forge.model import ForgeError
from extcp_bot.forge.pages import next_query
from extcp_bot.kube import tls
from extcp_bot.kube.connections import Connections
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.kube.transport import REDIRECTS, Answer, reason
from extcp_gitops.giturl import is_loopback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

Headers = Callable[[], Awaitable[Mapping[str, str]]]
"""What each request shows, the credential among it."""

_OK: Final = range(200, 300)
_MISSING: Final = 404
_TRY_AGAIN: Final = frozenset({502, 503, 504})
_TOO_MUCH: Final = frozenset({403, 429})
_HOPS: Final = 3
_ROOTS_BYTES: Final = 1 << 20


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


class Http:
    """Asks one forge.

    Args:
        base: URL of its API, without a slash at its end.
        headers: Of each request.
        roots: PEM file with the roots that its certificate is verified against; those of the
            machine by default.
        limits: What it may cost.

    Raises:
        ForgeError: The URL is neither https nor http on a loopback address.
    """

    def __init__(
        self,
        base: str,
        headers: Headers,
        *,
        roots: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._base = base
        self._origin = urlsplit(base)
        if self._origin.scheme != "https" and not (
            self._origin.scheme == "http" and is_loopback(self._origin.hostname or "")
        ):
            raise ForgeError("the forge's URL is not https", "write it as https://HOST/PATH")
        self._headers = headers
        self._roots = roots
        self._limits = limits or Limits()
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._connections = Connections()
        self._writing = asyncio.Lock()
        self._written, self._welcome = 0.0, 0.0

    @property
    def host(self) -> str:
        """Of the forge, with its port, for people."""
        return self._origin.netloc

    async def close(self) -> None:
        """Give the connections back; a later request makes new ones."""
        sessions, self._sessions = self._sessions, {}
        connections, self._connections = self._connections, Connections()
        for session in sessions.values():
            await session.close()
        await connections.cut()

    async def get(self, path: str, **query: str) -> object:
        """What is at a path, as JSON.

        Raises:
            ForgeError: It cannot be asked, refuses, or says nonsense.
        """
        answer = await self._read(path, query)
        return self._content(f"GET {path}", answer)

    async def find(self, path: str, **query: str) -> object | None:
        """What is at a path; None for a 404, which may also be for want of permission.

        Raises:
            ForgeError: As for :meth:`get`, but for 404.
        """
        answer = await self._read(path, query)
        return None if answer.status == _MISSING else self._content(f"GET {path}", answer)

    async def list(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        inside: str = "",
        may_be_null: bool = False,
    ) -> list[object]:
        """A list, page by page to its end.

        Args:
            path: Of the list.
            query: Of the first page.
            inside: The field of the answer that the list stands in; the answer is one by default.
            may_be_null: Whether null is an empty list; otherwise it is nonsense, for what a list
                does not hold is made.

        Raises:
            ForgeError: As for :meth:`get`; also where it has more items than the limit.
        """
        found: list[object] = []
        following: Mapping[str, str] | None = query
        while following is not None:
            asked, query = f"GET {path}", following
            answer = await self._read(path, query)
            page = self._content(asked, answer)
            if inside and isinstance(page, dict):
                page = page.get(inside) or []
            if page is None and may_be_null:
                page = []
            if not isinstance(page, list):
                raise failure.nonsense(asked, "the answer is no list")
            found += page
            if len(found) > self._limits.items:
                raise ForgeError(
                    f"{asked}: more than {self._limits.items} items",
                    "look by hand: the bot does not read that much",
                )
            following = next_query(answer.headers, query, len(found), len(page))
            if following == query:
                raise failure.nonsense(asked, "pages without end")
        return found

    async def write(self, method: str, path: str, body: Mapping[str, object]) -> object:
        """Ask for a change, once.

        Args:
            method: POST, PUT, PATCH or DELETE.
            path: Of what is changed.
            body: JSON.

        Returns:
            What the forge says, JSON; None where it says nothing.

        Raises:
            ForgeError: It cannot be asked, refuses, or says nonsense; the change may be done.
        """
        async with self._writing:
            await asyncio.sleep(self._written + self._limits.between_writes - time.monotonic())
            try:
                answer = await self._send(method, self._base + path, json.dumps(body))
            finally:
                self._written = time.monotonic()
        return self._content(f"{method} {path}", answer)

    async def _read(self, path: str, query: Mapping[str, str]) -> Answer:
        """A read, with one second try; a redirect is followed while it stays on the host."""
        url = self._base + path + (f"?{urlencode(query)}" if query else "")
        for _ in range(_HOPS):
            answer = await self._read_once_more(url)
            if answer.status not in REDIRECTS:
                return answer
            url = urljoin(url, answer.headers.get("Location", ""))
            there = urlsplit(url)
            if (there.scheme, there.netloc) != (self._origin.scheme, self._origin.netloc):
                raise failure.nonsense(f"GET {path}", "it leads to another host")
        raise failure.nonsense(f"GET {path}", "redirects without end")

    async def _read_once_more(self, url: str) -> Answer:
        pause = self._limits.pause
        try:
            answer = await self._send("GET", url, None)
        except _AgainError:
            pass
        else:
            if answer.status not in _TRY_AGAIN:
                return answer
            asked = answer.headers.get("Retry-After", "")
            if asked.isdecimal():
                if float(asked) > pause:
                    return answer
                pause = float(asked)
        await asyncio.sleep(pause)
        return await self._send("GET", url, None)

    async def _send(self, method: str, url: str, body: str | None) -> Answer:
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
                proxy=_proxy(self._origin.scheme, self._origin.hostname or ""),
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
            raise _AgainError(*self._not_reached(asked, "the connection broke")) from None
        except CannotLookError as error:
            raise ForgeError(f"{asked}: {error.why}", error.remedy) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ForgeError(*self._not_reached(asked, reason(error))) from None

    def _not_reached(self, asked: str, why: str) -> tuple[str, str]:
        said = f"{asked}: {self.host} does not answer: {why}"
        return said, "check the route from here to the forge, and the forge"

    async def _body(self, response: aiohttp.ClientResponse, asked: str) -> bytes:
        raw = bytearray()
        async for chunk in response.content.iter_any():
            raw += chunk
            if len(raw) > self._limits.bytes:
                raise ForgeError(
                    f"{asked}: an answer of more than {self._limits.bytes >> 20} MiB",
                    "look by hand: the bot does not read that much at once",
                )
        return bytes(raw)

    def _content(self, asked: str, answer: Answer) -> object:
        if answer.status not in _OK:
            raise failure.refusal(hide(asked), answer)
        if not answer.body.strip():
            return None
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise failure.nonsense(asked, "the answer is no JSON") from None

    def _session(self, *, is_write: bool) -> aiohttp.ClientSession:
        if is_write not in self._sessions:
            access = Access(self._base, ca=_pem(self._roots), origin="the roots of the forge")
            connector = aiohttp.TCPConnector(
                ssl=tls.context(access), force_close=is_write, socket_factory=self._connections
            )
            self._sessions[is_write] = aiohttp.ClientSession(
                connector=connector,
                middlewares=[_once],
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._sessions[is_write]


class _AgainError(ForgeError):
    """The connection broke, as it does now and then."""


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
        why = f"the roots of the forge cannot be read: {error.strerror}"
        raise ForgeError(why, "name another file, or mend its permissions") from None


def _proxy(scheme: str, host: str) -> str | None:
    """The proxy that the environment names, as Git takes it; none where it makes an exception."""
    if urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(scheme)
