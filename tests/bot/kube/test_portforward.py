from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from extcp_bot.kube import portforward
from extcp_bot.kube.client import Client
from extcp_bot.kube.failure import NonsenseError, NoRouteError, NotAllowedError
from extcp_bot.kube.http1 import Answer
from extcp_bot.kube.portforward import Cost, PodPort
from tests.bot.apiserver import ApiServer, never, status, text
from tests.bot.fleets import QUICK
from tests.bot.forwarding import DATA, ERROR, serving, speaking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

POD = PodPort("a", "b", 15014)
PATH = "/api/v1/namespaces/a/pods/b/portforward"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as made:
        yield made


def get(server: ApiServer, path: str = "/x", cost: Cost | None = None) -> Answer:
    async def ask() -> Answer:
        async with Client(server.access, QUICK) as client:
            return await portforward.get(client, POD, path, cost)

    return asyncio.run(ask())


def test_a_port_answers(server: ApiServer) -> None:
    server.handlers[PATH] = serving({"/debug?a=b": {"c": "d" * 10_000}})
    answer = get(server, "/debug?a=b")
    assert (answer.status, len(answer.body)) == (200, 10_009)
    assert server.requests == [f"GET {PATH}?ports=15014"]


def test_a_request_is_one_that_ends(server: ApiServer) -> None:
    heard: list[bytes] = []

    def answer(said: bytes) -> Iterable[bytes]:
        heard.append(said)
        return [DATA + OK + b"ok"]

    server.handlers[PATH] = speaking(answer)
    assert get(server) == Answer(200, b"ok")
    first, *headers = heard[0].split(b"\r\n")
    assert first == b"GET /x HTTP/1.1"
    assert b"Connection: close" in headers
    assert not any(header.lower().startswith(b"authorization") for header in headers)


def test_a_status_is_given_back(server: ApiServer) -> None:
    server.handlers[PATH] = serving({"/x": 404})
    assert get(server).status == 404


def test_an_answer_in_pieces_is_put_together(server: ApiServer) -> None:
    messages = [DATA + bytes([byte]) for byte in OK + b"ok"]
    server.handlers[PATH] = speaking(lambda _: messages)
    assert get(server) == Answer(200, b"ok")


def test_the_kubelet_says_why_nobody_answers(server: ApiServer) -> None:
    server.handlers[PATH] = speaking(lambda _: [ERROR + b"connection refused"])
    with pytest.raises(NoRouteError, match=r"Pod a/b, port 15014: connection refused"):
        get(server)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [b""],
        [b"\7abc"],
        [DATA + b"SSH-2.0\r\n\r\n"],
        [DATA + OK],
        [DATA + b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000],
    ],
)
def test_what_is_no_http_is_nonsense(server: ApiServer, messages: list[bytes]) -> None:
    server.handlers[PATH] = speaking(lambda _: messages)
    with pytest.raises(NonsenseError):
        get(server, cost=Cost(seconds=1.0, bytes=1_000))


def test_another_port_is_nonsense(server: ApiServer) -> None:
    good = serving({"/x": "ok"})

    async def other(request: web.Request) -> web.StreamResponse:
        return await good(request.clone(rel_url=f"{PATH}?ports=1"))

    server.handlers[PATH] = other
    with pytest.raises(NonsenseError, match="another port"):
        get(server)


def test_who_may_not_forward_is_told_so(server: ApiServer) -> None:
    server.denied.add(PATH)
    with pytest.raises(NotAllowedError, match=r"may not get it"):
        get(server)


@pytest.mark.parametrize("code", [200, 404, 500, 502])
def test_a_server_that_opens_no_way_is_a_matter_of_the_route(server: ApiServer, code: int) -> None:
    server.handlers[PATH] = text("error dialing backend", code=code)
    with pytest.raises(NoRouteError) as caught:
        get(server)
    assert "kubelet" in caught.value.remedy


def test_a_status_object_is_a_matter_of_the_route(server: ApiServer) -> None:
    async def missing(_: web.Request) -> web.StreamResponse:
        return status(404, 'pods "b" not found')

    server.handlers[PATH] = missing
    with pytest.raises(NoRouteError, match=r"opens no way"):
        get(server)


def test_time_is_limited_whoever_takes_it(server: ApiServer) -> None:
    server.handlers[PATH] = never()
    with pytest.raises(NoRouteError, match="no answer in time"):
        get(server, cost=Cost(seconds=0.05))


def test_an_answer_that_does_not_come_is_not_waited_for(server: ApiServer) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        channels = web.WebSocketResponse(protocols=[portforward.PROTOCOL])
        await channels.prepare(request)
        async for _ in channels:
            pass
        return channels

    server.handlers[PATH] = silent
    with pytest.raises(NoRouteError, match="no answer in time"):
        get(server, cost=Cost(seconds=0.05))
