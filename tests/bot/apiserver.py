"""An API server on a loopback address: real HTTP over TLS, the objects of the test, and faults.

For what a check makes of the objects that it sees. Whether real API servers show such objects, the
end-to-end tests know.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import socket
import ssl
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from extcp_bot.access.model import Access, Secret
from tests.e2e.testbed.pki import Authority, Pair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    Object = dict[str, Any]
    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Post = Callable[[Object], Object | tuple[int, str]]
    Twist = Callable[[web.Request, Any], Any]

TOKEN = "token-of-the-administrator"  # noqa: S105
_JSON = "application/json"
_PARTIAL = "PartialObjectMetadata"
AUTHORITY = Authority("simulated clusters")
ROOT = AUTHORITY.root


class ApiServer:
    """Serves while the block lasts.

    Attributes:
        objects: By the path of each object; may be changed while it serves.
        posts: What answers a POST to a path: a function from the body to an object, or to a status
            and a message.
        denied: Paths, without a query, that are answered with 403.
        handlers: What answers a path in place of all else.
        everything: Where set, what answers every request: for servers that are none.
        writes: Where set, what answers what is to change something, see :mod:`tests.bot.storing`.
        twist: Where set, makes something else of each JSON that would be said.
        requests: Method and path with query of each request, in their order.
        tokens: The bearer tokens that were shown.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.posts: dict[str, Post] = {}
        self.denied: set[str] = set()
        self.handlers: dict[str, Handler] = {}
        self.everything: Handler | None = None
        self.writes: Handler | None = None
        self.twist: Twist | None = None
        self.requests: list[str] = []
        self.tokens: set[str] = set()
        self.accepted = {TOKEN}
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def access(self) -> Access:
        """The way to it, as its administrator."""
        return Access(self.url, ca=ROOT, token=Secret(TOKEN), origin="context test")

    def put(self, path: str, item: Object) -> Object:
        """Keep an object.

        Args:
            path: The collection, such as ``/api/v1/namespaces/a/secrets``.
            item: With a name in its metadata; the namespace is added.
        """
        parts = path.split("/")
        if "namespaces" in parts[:-1]:
            item["metadata"]["namespace"] = parts[parts.index("namespaces") + 1]
        self.objects[f"{path}/{item['metadata']['name']}"] = item
        return item

    async def _start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.SockSite(self._runner, self._socket, ssl_context=server_context())
        await site.start()

    async def _stop(self) -> None:
        assert self._runner is not None
        # What was accepted in the moment of closing would never be closed (asyncio's _attach).
        self._loop.remove_reader(self._socket)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await self._runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}  # of handlers that never end
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        # Connections that a client gave up while they shook hands, which aiohttp does not know.
        for transport in list(getattr(self._loop, "_transports", {}).values()):
            transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        answer = await self._answer(request)
        if self.twist and isinstance(answer, web.Response) and answer.content_type == _JSON:
            said = self.twist(request, json.loads(answer.text or "null"))
            return web.json_response(said, status=answer.status)
        return answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.requests.append(f"{request.method} {request.path_qs}")
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.tokens.add(shown)
        if handler := self.everything or self.handlers.get(path):
            return await handler(request)
        if shown not in self.accepted:
            return status(401, "Unauthorized")
        if path in self.denied:
            verb = "create" if request.method == "POST" else "list"
            return status(403, f'it is forbidden: User "x" cannot {verb} resource "y"')
        if request.method != "GET":
            return await self._post(request)
        if path in self.objects:
            return web.json_response(self.objects[path])
        found = list(self._matching(request))
        is_collection = found or self._is_collection(path)
        return _page(request, found) if is_collection else status(404, "not found")

    async def _post(self, request: web.Request) -> web.StreamResponse:
        answer = self.posts.get(request.path)
        if answer is None:
            return await self.writes(request) if self.writes else status(404, "not found")
        said = answer(await request.json())
        if isinstance(said, tuple):
            return status(*said)
        return web.json_response(said, status=201)

    def _is_collection(self, path: str) -> bool:
        return path.rpartition("/")[2].islower() and path.rpartition("/")[2].endswith("s")

    def _matching(self, request: web.Request) -> Iterator[Object]:
        start, _, plural = request.path.rpartition("/")
        for path, item in sorted(self.objects.items()):
            collection = path.rpartition("/")[0]
            everywhere = collection.startswith(f"{start}/namespaces/") and collection.endswith(
                f"/{plural}"
            )
            if (collection == request.path or everywhere) and _is_selected(request, item):
                yield item


def status(code: int, message: str) -> web.Response:
    """A Status object, as an API server says no."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return web.json_response({**body, "message": message, "code": code}, status=code)


def _is_selected(request: web.Request, item: Object) -> bool:
    metadata = item["metadata"]
    labels = metadata.get("labels", {})
    for word in filter(None, request.query.get("fieldSelector", "").split(",")):
        name, _, value = word.partition("=")
        seen: Any = item
        for part in name.removesuffix("!").split("."):
            seen = seen.get(part, "") if isinstance(seen, dict) else ""
        if (seen == value) is name.endswith("!"):
            return False
    for word in filter(None, request.query.get("labelSelector", "").split(",")):
        if "!=" in word:
            name, _, value = word.partition("!=")
            fits = labels.get(name) != value
        elif "=" in word:
            name, _, value = word.partition("=")
            fits = labels.get(name) == value.removeprefix("=")
        else:
            fits = (word.removeprefix("!") in labels) is not word.startswith("!")
        if not fits:
            return False
    return True


def _page(request: web.Request, found: list[Object]) -> web.Response:
    first = int(request.query.get("continue", "0"))
    limit = int(request.query.get("limit", "0")) or len(found)
    items = found[first : first + limit]
    if _PARTIAL in request.headers.get("Accept", ""):
        items = [{"metadata": item["metadata"]} for item in items]
    metadata = {"resourceVersion": "1"}
    if first + limit < len(found):
        metadata["continue"] = str(first + limit)
    return web.json_response({"kind": "List", "metadata": metadata, "items": items})


def server_context(pair: Pair | None = None) -> ssl.SSLContext:
    """What a simulated API server serves with: a certificate of :data:`ROOT`, or another pair."""
    pair = pair or _pair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "pair.pem"
        path.write_text(pair.certificate + pair.key)
        context.load_cert_chain(path)
    return context


@functools.cache
def _pair() -> Pair:
    return AUTHORITY.serve(["127.0.0.1", "localhost", "*.clusters.test"])


@contextlib.contextmanager
def dead_server() -> Iterator[Access]:
    """The way to an API server that is not there any more."""
    with ApiServer() as server:
        access = server.access
    yield access


def text(body: str, content_type: str = "text/html", code: int = 200) -> Handler:
    """A handler that says a text."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text=body, content_type=content_type, status=code)

    return handler


def never() -> Handler:
    """A handler that takes its time."""

    async def handler(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    return handler


def drip() -> Handler:
    """A handler that sends a byte at a time, and never an end."""

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(36_000):
            await answer.write(b" ")
            await asyncio.sleep(0.1)
        return answer

    return handler


def endless() -> Handler:
    """A handler that sends as much as anybody takes."""

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        chunk = json.dumps(["x" * 1_000_000]).encode()
        for _ in range(1_000):
            await answer.write(chunk)
        return answer

    return handler
