"""One API server, asked in raw JSON: what several checks read is read once, page by page.

The typed clients of the ``kubernetes`` package cost 25 to 40 times the work, read lists whole, and
have no time limit of their own; they are built on aiohttp too.
"""

from __future__ import annotations

import asyncio
import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import urlencode

import aiohttp

from extcp_bot import dns
from extcp_bot.kube.answers import BUSY, Object, Reader
from extcp_bot.kube.failure import NonsenseError, RejectedError
from extcp_bot.kube.transport import JSON, Answer, Limits, Transport
from extcp_bot.once import Once

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

    from extcp_bot.access.model import Access
    from extcp_bot.kube.transport import Lookup

T = TypeVar("T")

_METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_ANYTHING: Final = "*/*"
_DRY_RUN: Final = "?dryRun=All&fieldManager=extcp-bot"
_SPARE_PAGES: Final = 16  # a server may give shorter pages than it was asked for


class Items(list[Object]):
    """The objects of a list.

    Attributes:
        complete: False where the server has more than was asked for.
    """

    complete: bool = True


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a dry run.

    Attributes:
        made: The object as it would be; None where the server, or a webhook that it asked, says no.
        refusal: Their words; None where they say yes.
        seconds: As :class:`~extcp_bot.kube.transport.Answer` counts them.
    """

    made: Object | None
    refusal: str | None
    seconds: float


class Client:
    """Asks one API server.

    Args:
        access: The way there, and the credential.
        limits: What it may cost.
        lookup: Where the server's name leads.
    """

    def __init__(
        self, access: Access, limits: Limits | None = None, lookup: Lookup = dns.lookup
    ) -> None:
        self.access = access
        self._limits = limits or Limits()
        self._transport = Transport(access, self._limits, lookup)
        self._reader = Reader(access)
        self._reads = Once()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def clock_skew(self) -> float | None:
        """Seconds that the server's clock is ahead of ours; None before its first answer."""
        return self._transport.clock_skew

    def seen(self) -> dict[str, Any]:
        """What has been read so far, by path.

        Returns:
            Objects, lists of objects and texts; None for what is not there, and the exception for
            what could not be read.
        """
        return {_written(key): read for key, read in self._reads.done()}

    def forget(self) -> None:
        """Keep nothing of what has been read; whoever asks again reads again."""
        self._reads.forget()

    async def release(self) -> None:
        """Keep no connection any longer than somebody uses it; what was read stays."""
        await self._transport.release()

    async def close(self) -> None:
        """Give the connections back; what was read stays, a later request makes new ones."""
        await self._reads.close()
        await self._transport.close()

    async def find(self, path: str) -> Object | None:
        """One object, read once.

        Args:
            path: Such as ``/api/v1/namespaces/a/configmaps/b``.

        Returns:
            None where there is none.

        Raises:
            CannotLookError: The server cannot be asked, or says nonsense.
        """
        return await self._reads((path, JSON), lambda: self._find(path))

    async def text(self, path: str) -> str:
        """An answer that is no object, such as that of ``/readyz``, read once.

        Raises:
            CannotLookError: As for :meth:`find`; also where the path does not exist.
        """
        return await self._reads((path, _ANYTHING), lambda: self._text(path))

    async def list(
        self,
        path: str,
        *,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
        at_most: int | None = None,
        keep: Callable[[Object], Object] | None = None,
    ) -> Items:
        """Objects of one kind, read once, page by page.

        Args:
            path: Such as ``/api/v1/namespaces/a/secrets``; one of a kind that the server does
                not have gives an empty list.
            labels: A label selector.
            fields: A field selector.
            metadata_only: Leave out spec, data and status.
            at_most: Objects; where there are more, the result says that it is not complete.
                Without it, more than the limit is an error.
            keep: Gives what is kept of each object as it comes, for kinds of which a large fleet
                has more than fits; whoever asks with another one reads again.

        Raises:
            CannotLookError: As for :meth:`find`.
        """
        query = _query(labels, fields)
        accept = _METADATA if metadata_only else JSON
        key = (path, query, accept, at_most, keep)
        return await self._reads(key, lambda: self._list(path, query, accept, at_most, keep))

    async def review(self, path: str, body: Object) -> Object:
        """Have the server judge something, such as who may do what; it keeps nothing of it.

        Args:
            path: The collection of the reviews.
            body: The review.

        Raises:
            RejectedError: The server says no.
            CannotLookError: As for :meth:`find`.
        """
        if "reviews" not in path.rpartition("/")[2]:
            raise ValueError("the checks change nothing: only reviews and dry runs are created")
        answer = await self._transport.request("POST", path, JSON, json.dumps(body))
        return self._reader.object(answer, "create", path)

    async def dry_run(self, path: str, body: Object) -> Trial:
        """Have an object go through admission, webhooks included, and stop there.

        Args:
            path: The collection.
            body: The object.

        Raises:
            CannotLookError: As for :meth:`find`.
        """
        answer = await self._transport.request(
            "POST", path + _DRY_RUN, JSON, json.dumps(body), self._limits.admission
        )
        try:
            return Trial(self._reader.object(answer, "create", path), None, answer.seconds)
        except RejectedError as error:
            return Trial(None, error.message, answer.seconds)

    async def websocket(self, path: str, protocol: str) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket, for port-forwarding; whoever opens it closes it.

        Args:
            path: With its query.
            protocol: The subprotocol.

        Raises:
            CannotLookError: As for :meth:`find`.
        """
        try:
            return await self._transport.websocket(path, protocol)
        except aiohttp.WSServerHandshakeError as error:
            self._reader.require_ok(Answer(error.status, b"", {}), "get", path)
            raise self._reader.nonsense(path, "no WebSocket") from None

    async def once(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What ``work`` gives, done once for all checks that ask with the same key.

        For what several of them want, and what takes more than a read of one path.

        Args:
            key: Of this client's reads, such as the path and what comes behind it.
            work: Begins it, where nobody has asked yet.
        """
        return await self._reads(key, work)

    async def _find(self, path: str) -> Object | None:
        answer = await self._get(path, JSON)
        return None if self._reader.is_missing(answer, path) else self._reader.found(answer, path)

    async def _text(self, path: str) -> str:
        answer = await self._get(path, _ANYTHING)
        return self._reader.require_ok(answer, "get", path).body.decode("utf-8", "replace")

    async def _list(
        self,
        path: str,
        query: str,
        accept: str,
        at_most: int | None,
        keep: Callable[[Object], Object] | None,
    ) -> Items:
        found, token = Items(), ""
        most = at_most or self._limits.objects
        page = min(self._limits.page, most)
        for _ in range(most // page + _SPARE_PAGES):
            more = f"&{query}" if query else ""
            more += f"&{urlencode({'continue': token})}" if token else ""
            answer = await self._get(f"{path}?limit={page}{more}", accept)
            objects, token = self._reader.page(answer, path)
            found += map(keep, objects) if keep else objects
            if not token:
                return found
            if len(found) >= most:
                break
        else:
            raise self._reader.nonsense(path, "pages without end")
        if at_most is None:
            raise NonsenseError(
                f"{self._reader.where(path)} holds more than {most} objects",
                "look by hand: the bot does not read that much of one cluster",
                path,
            )
        found.complete = False
        return found

    async def _get(self, path: str, accept: str) -> Answer:
        """A read, with one second try at a server that says that it is busy."""
        answer = await self._transport.request("GET", path, accept)
        if answer.status in BUSY:
            asked = answer.headers.get("Retry-After", "1")
            seconds = float(asked) if asked.isdecimal() else 1.0
            await asyncio.sleep(min(seconds, self._limits.pause))
            answer = await self._transport.request("GET", path, accept)
        return answer


@functools.lru_cache(maxsize=256)
def _query(labels: str, fields: str) -> str:
    """Selectors as they stand in an address; the same few for each of a thousand clusters."""
    selectors = {"labelSelector": labels, "fieldSelector": fields}
    return urlencode({name: selector for name, selector in selectors.items() if selector})


def _written(key: Hashable) -> str:
    """A read as a person would ask for it; ``#`` says what of it was kept, where not all."""
    match key:
        case (str(path), str(query), str(accept), at_most, keep):
            asked = f"{path}?{query}" if query else path
            metadata = "metadata" if accept == _METADATA else ""
            most = f"first {at_most}" if at_most else ""
            part = ", ".join(filter(None, (metadata, most, "part of each" if keep else "")))
            return f"{asked} # {part}" if part else asked
        case (str(path), _):
            return path
    return str(key)
