"""One forge over HTTP: reads, lists and writes of JSON; the credential goes to its host alone.

A read is tried once more where that may help, a write never is.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

from extcp_bot.forge import failure
from extcp_bot.forge.model import MAX_BODY, ForgeError
from extcp_bot.forge.pages import next_query, smaller
from extcp_bot.forge.wire import AgainError, Limits, TooMuchError, Wire
from extcp_bot.kube.transport import REDIRECTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extcp_bot.forge.wire import Headers
    from extcp_bot.kube.transport import Answer

_OK: Final = range(200, 300)
_MISSING: Final = 404
_TRY_AGAIN: Final = frozenset({502, 503, 504})
_HOPS: Final = 3


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
        self._limits = limits or Limits()
        self._wire = Wire(base, headers, roots, self._limits)
        self._writing = asyncio.Lock()
        self._written = 0.0

    async def close(self) -> None:
        """Give the connections back; a later request makes new ones."""
        await self._wire.close()

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
                answer = await self._wire.send(method, self._base + path, json.dumps(body))
            finally:
                self._written = time.monotonic()
        return self._content(f"{method} {path}", answer)

    async def _pages(
        self, path: str, query: Mapping[str, str], inside: str, *, may_be_null: bool
    ) -> list[Any]:
        found: list[Any] = []
        following: Mapping[str, str] | None = query
        while following is not None:
            query = following
            answer = await self._read(path, query)
            page = self._page(f"GET {path}", answer, inside, may_be_null=may_be_null)
            found += page
            if len(found) > self._limits.items:
                raise ForgeError(
                    f"GET {path}: more than {self._limits.items} items",
                    "look by hand: the bot does not read that much",
                )
            following = next_query(answer.headers, query, len(found), len(page))
            if following == query:
                raise failure.nonsense(f"GET {path}", "pages without end")
        return found

    async def _read(self, path: str, query: Mapping[str, str]) -> Answer:
        """A read, with one second try; a redirect is followed while it stays on the host."""
        url = self._base + path + (f"?{urlencode(query)}" if query else "")
        for _ in range(_HOPS):
            answer = await self._read_once_more(url)
            if answer.status not in REDIRECTS:
                return answer
            url = urljoin(url, answer.headers.get("Location", ""))
            there, own = urlsplit(url), self._wire.origin
            if (there.scheme, there.netloc) != (own.scheme, own.netloc):
                raise failure.nonsense(f"GET {path}", "it leads to another host")
        raise failure.nonsense(f"GET {path}", "redirects without end")

    async def _read_once_more(self, url: str) -> Answer:
        pause = self._limits.pause
        try:
            answer = await self._wire.send("GET", url)
        except AgainError:
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
        return await self._wire.send("GET", url)

    def _content(self, asked: str, answer: Answer) -> object:
        if answer.status not in _OK:
            raise failure.refusal(asked, answer)
        if not answer.body.strip():
            return None
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise failure.nonsense(asked, "the answer is no JSON") from None

    def _page(self, asked: str, answer: Answer, inside: str, *, may_be_null: bool) -> list[Any]:
        """The items of a page; a text among them is not kept longer than what forges take."""
        page = self._content(asked, answer)
        if inside and isinstance(page, dict):
            page = page.get(inside) or []
        if page is None and may_be_null:
            return []
        if not isinstance(page, list):
            raise failure.nonsense(asked, "the answer is no list")
        return [_cut(each) for each in page]

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
        while True:
            try:
                return await self._pages(path, query, inside, may_be_null=may_be_null)
            except TooMuchError:
                shorter = smaller(query)
                if shorter is None:
                    raise
                query = shorter


def _cut(item: object) -> object:
    """What somebody wrote may be of any length: of a thousand such, only their beginnings fit."""
    if not isinstance(item, dict):
        return item
    return {
        name: value[: MAX_BODY * 2] if isinstance(value, str) else value
        for name, value in item.items()
    }
