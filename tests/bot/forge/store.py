"""What a simulated forge remembers, in no forge's own words, and its faults on request."""

from __future__ import annotations

import abc
import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.bot.apiserver import ROOT, ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Json = dict[str, Any]
BOT, PERSON, STRANGER = "mesh-bot", "ada", "mallory"
TOKEN = "token-of-the-mesh-bot-0123456789"  # noqa: S105
_BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Thing:
    """A pull request or an issue.

    Attributes:
        state: open, merged or closed.
        origin: Whose repository the branch is in; empty for an issue.
    """

    number: int
    author: str
    title: str
    body: str
    labels: set[str]
    created: str
    state: str = "open"
    head: str = ""
    base: str = ""
    origin: str = ""
    merge_sha: str | None = None
    ended: str | None = None


@dataclass
class Note:
    """A comment.

    Attributes:
        on: ``pull`` or ``issue``, and its number.
        kind: Of GitLab's notes: an event is ``system``, what belongs to a review ``DiffNote``.
        reactions: Who, and with what.
    """

    identity: int
    on: tuple[str, int]
    author: str
    body: str
    created: str
    kind: str = ""
    reactions: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Fault:
    """An answer in place of the right one, once.

    Attributes:
        method: Of the request.
        path: A pattern that the path has to hold.
        status: Of the answer; 0 to break the connection.
        said: The body.
        headers: Of the answer.
        is_late: The request is done before.
    """

    method: str
    path: str
    status: int
    said: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_late: bool = False


class Simulated(abc.ABC):
    """A forge with one repository, behind TLS on a loopback address.

    Attributes:
        branches: Their commits.
        members: What each may do: ``write``, ``read``, ``admin``.
        page: The most items of a page, whatever is asked for.
        faults: Each is used up by the request that it fits.
        server: Has the requests.
    """

    default_branch = "main"
    archived = False
    page = 2

    def __init__(self, scratch: Path) -> None:
        self.path = "mesh/fleet"
        self.branches: dict[str, str] = {"main": f"{1:040x}"}
        self.things: dict[tuple[str, int], Thing] = {}
        self.notes: dict[int, Note] = {}
        self.labels: dict[str, Json] = {}
        self.statuses: list[tuple[str, Json]] = []
        self.members = {BOT: "write", PERSON: "write", STRANGER: "read"}
        self.tokens = {TOKEN: BOT}
        self.faults: list[Fault] = []
        self.roots = scratch / "roots.pem"
        self.roots.write_text(ROOT)
        self.server = ApiServer()
        self.server.everything = self._serve
        self._numbers, self._clock = itertools.count(2), itertools.count()

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """Of the API."""

    @abc.abstractmethod
    def who(self, request: web.Request) -> str | None:
        """Whose token a request shows."""

    @abc.abstractmethod
    def routes(self) -> Iterator[tuple[str, str, Any]]:
        """Method, pattern of the path and what answers it."""

    @abc.abstractmethod
    def error(self, status: int, words: str) -> web.Response:
        """A refusal in the forge's own form."""

    @property
    def writes(self) -> list[str]:
        """Method and path of every write so far."""
        return [each for each in self.server.requests if not each.startswith("GET ")]

    def now(self) -> str:
        """A moment, each later than the one before."""
        moment = _BEGIN + timedelta(seconds=next(self._clock))
        return moment.isoformat().replace("+00:00", "Z")

    def commit(self, branch: str) -> str:
        """Somebody commits to a branch."""
        self.branches[branch] = f"{next(self._numbers):040x}"
        return self.branches[branch]

    def add(self, kind: str, author: str, **fields: Any) -> Thing:  # noqa: ANN401 - of a Thing
        """A new pull request or issue."""
        taken = [number for other, number in self.things if self.shares(other, kind)]
        number = 1 + max(taken, default=0)
        fields = {"title": "A change", "body": "", "labels": set(), **fields}
        self.things[kind, number] = Thing(number, author, created=self.now(), **fields)
        return self.things[kind, number]

    def shares(self, one: str, other: str) -> bool:
        """Whether two kinds are numbered together."""
        del one, other
        return True

    def say(self, on: tuple[str, int], author: str, body: str, kind: str = "") -> Note:
        """Somebody comments."""
        note = Note(next(self._numbers), on, author, body, self.now(), kind)
        self.notes[note.identity] = note
        return note

    def merge(self, number: int) -> None:
        """Somebody merges a pull request, and its branch goes."""
        pull = self.things["pull", number]
        pull.state, pull.ended = "merged", self.now()
        pull.merge_sha = self.commit(pull.base)

    def about(self, kind: str, number: int) -> list[Note]:
        """The comments on something."""
        return [note for note in self.notes.values() if note.on == (kind, number)]

    def paged(self, request: web.Request, items: list[Any], wrap: Any = None) -> web.Response:  # noqa: ANN401
        """A page of a list, with a link to the next one."""
        size = min(self.page, int(request.query.get("per_page", 30)))
        number = int(request.query.get("page", 1))
        part = items[(number - 1) * size : number * size]
        headers = self.page_headers(request, number, more=number * size < len(items))
        return web.json_response(wrap(part) if wrap else part, headers=headers)

    def page_headers(self, request: web.Request, number: int, *, more: bool) -> dict[str, str]:
        """What says where the next page is."""
        following = request.url.update_query(page=number + 1)
        return {"Link": f'<{following}>; rel="next", <{request.url}>; rel="last"'} if more else {}

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        fault = next((each for each in self.faults if _fits(each, request)), None)
        if fault is None:
            return await self._do(request)
        self.faults.remove(fault)
        if fault.is_late:
            await self._do(request)
        if not fault.status:
            assert request.transport
            request.transport.abort()
        return web.json_response(fault.said, status=fault.status or 200, headers=fault.headers)

    async def _do(self, request: web.Request) -> web.StreamResponse:
        for method, pattern, answer in self.routes():
            match = re.fullmatch(pattern, request.raw_path.partition("?")[0])
            if match and method == request.method:
                body = await request.json() if request.can_read_body else {}
                said: web.StreamResponse = answer(request, body, *match.groups())
                return said
        return self.error(404, "Not Found")


def _fits(fault: Fault, request: web.Request) -> bool:
    return fault.method == request.method and re.search(fault.path, request.path) is not None
