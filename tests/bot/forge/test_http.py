from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from extcp_bot.access.model import Secret
from extcp_bot.forge.http import Http
from extcp_bot.forge.model import ForgeError
from extcp_bot.forge.wire import Limits
from tests.bot.apiserver import ROOT, ApiServer
from tests.e2e.testbed.pki import Authority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from tests.bot.apiserver import Handler

CANARY = "canary-of-the-forge-0123456789"
QUICK = Limits(connect=2, request=5, pause=0)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as server:
        yield server


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    path = tmp_path / "roots.pem"
    path.write_text(ROOT)
    return path


class Ask:
    """Asks the server, with a token."""

    def __init__(self, server: ApiServer, roots: Path) -> None:
        self._server, self._roots = server, roots
        self._token = Secret(CANARY)

    async def _headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token.reveal()}"}

    def __call__(
        self, work: Callable[[Http], Awaitable[Any]], limits: Limits = QUICK, base: str = ""
    ) -> Any:  # noqa: ANN401 - JSON
        async def run() -> Any:  # noqa: ANN401 - JSON
            url = base or self._server.url
            http = Http(url, self._headers, roots=self._roots, limits=limits)
            try:
                return await work(http)
            finally:
                await http.close()

        return asyncio.run(run())


@pytest.fixture
def ask(server: ApiServer, roots: Path) -> Ask:
    return Ask(server, roots)


def answering(*answers: web.StreamResponse | None) -> Handler:
    """One answer after the other; None breaks the connection."""
    left = list(answers)

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = left.pop(0)
        if answer is None:
            assert request.transport
            request.transport.abort()
            return web.Response()
        return answer

    return handler


def said(content: object, status: int = 200, **headers: str) -> web.Response:
    return web.json_response(content, status=status, headers=headers)


@pytest.mark.parametrize("first", [502, 503, 504, 0], ids=["502", "503", "504", "reset"])
def test_a_read_is_tried_once_more(server: ApiServer, ask: Ask, first: int) -> None:
    server.everything = answering(said({}, first) if first else None, said({"ok": True}))
    assert ask(lambda http: http.get("/x")) == {"ok": True}
    assert server.requests == ["GET /x", "GET /x"]


@pytest.mark.parametrize("status", [502, 0], ids=["502", "reset"])
def test_a_read_is_not_tried_for_ever(server: ApiServer, ask: Ask, status: int) -> None:
    server.everything = answering(*(said({}, status) if status else None for _ in range(3)))
    with pytest.raises(ForgeError) as caught:
        ask(lambda http: http.get("/x"))
    assert caught.value.status == status
    assert len(server.requests) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 0])
def test_a_write_is_never_tried_again(
    server: ApiServer, ask: Ask, method: str, status: int
) -> None:
    async def work(http: Http) -> None:
        await http.get("/before")  # so that there is a connection that could be used again
        with pytest.raises(ForgeError):
            await http.write(method, "/x", {})

    server.everything = answering(said({}), said({}, status) if status else None, said({}))
    ask(work)
    assert server.requests == ["GET /before", f"{method} /x"]


def test_a_busy_server_that_asks_for_long_is_left_alone(server: ApiServer, ask: Ask) -> None:
    server.everything = answering(said({}, 503, **{"Retry-After": "90"}))
    with pytest.raises(ForgeError) as caught:
        ask(lambda http: http.get("/x"))
    assert (caught.value.status, caught.value.retry_after) == (503, 90)
    assert len(server.requests) == 1


def test_a_redirect_on_the_host_is_followed_for_a_read(server: ApiServer, ask: Ask) -> None:
    async def moved(_: web.Request) -> web.StreamResponse:
        return said({}, 301, Location="/new/place")

    async def there(_: web.Request) -> web.StreamResponse:
        return said({"ok": True})

    server.handlers = {"/old": moved, "/new/place": there}
    assert ask(lambda http: http.get("/old")) == {"ok": True}
    with pytest.raises(ForgeError, match="has moved") as caught:
        ask(lambda http: http.write("POST", "/old", {}))
    assert caught.value.status == 301


@pytest.mark.parametrize(
    "there",
    ["https://other.example/x", "http://127.0.0.1/x", "//other.example/x", "https://127.0.0.1:1/"],
    ids=["host", "scheme", "no scheme", "port"],
)
def test_the_credential_follows_no_redirect_elsewhere(
    server: ApiServer, ask: Ask, there: str
) -> None:
    server.everything = answering(said({}, 302, Location=there))
    with pytest.raises(ForgeError, match="leads to another host"):
        ask(lambda http: http.get("/x"))


def test_another_server_is_never_asked(server: ApiServer, ask: Ask) -> None:
    with ApiServer() as other:
        server.everything = answering(said({}, 302, Location=f"{other.url}/x"))
        with pytest.raises(ForgeError):
            ask(lambda http: http.get("/x"))
        assert other.requests == []


def test_redirects_have_an_end(server: ApiServer, ask: Ask) -> None:
    server.everything = answering(*(said({}, 302, Location="/x") for _ in range(9)))
    with pytest.raises(ForgeError, match="redirects without end"):
        ask(lambda http: http.get("/x"))


def test_pages_have_an_end(server: ApiServer, ask: Ask) -> None:
    link = '<https://a.example/x?page=1>; rel="next"'
    server.everything = answering(*(said([1], Link=link) for _ in range(9)))
    with pytest.raises(ForgeError, match="pages without end"):
        ask(lambda http: http.list("/x", {}))


def test_a_list_has_an_end(server: ApiServer, ask: Ask) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        page = int(request.query.get("page", "1"))
        return said([0] * 10, Link=f'<https://a.example/x?page={page + 1}>; rel="next"')

    server.everything = endless
    with pytest.raises(ForgeError, match="more than 100 items"):
        ask(lambda http: http.list("/x", {}), Limits(request=5, items=100))


@pytest.mark.parametrize("content", [{}, "x", 1, None, {"inside": 7}], ids=str)
def test_what_is_no_list_is_an_error(server: ApiServer, ask: Ask, content: object) -> None:
    server.everything = answering(said(content))
    with pytest.raises(ForgeError, match="no list"):
        ask(lambda http: http.list("/x", {}, inside="" if content == {} else "inside"))


def test_null_is_an_empty_list_only_where_a_forge_means_it(server: ApiServer, ask: Ask) -> None:
    server.everything = answering(said(None), said(None))
    assert ask(lambda http: http.list("/x", {}, may_be_null=True)) == []
    with pytest.raises(ForgeError, match="no list"):
        ask(lambda http: http.list("/x", {}))


@pytest.mark.parametrize(
    "content",
    [b"<html>Sign in</html>", b'{"half":', b"\xff\xfe", b"[" * 200_000],
    ids=["page", "half", "bytes", "deep"],
)
def test_what_is_no_json_is_an_error(server: ApiServer, ask: Ask, content: bytes) -> None:
    server.everything = answering(web.Response(body=content))
    with pytest.raises(ForgeError, match="no JSON"):
        ask(lambda http: http.get("/x"))


def test_long_texts_are_read_in_shorter_pages(server: ApiServer, ask: Ask) -> None:
    async def hostile(request: web.Request) -> web.StreamResponse:
        page, size = int(request.query.get("page", 1)), int(request.query["limit"])
        items = [{"number": n, "body": "x" * 200_000} for n in range(30)]
        part = items[(page - 1) * size : page * size]
        return web.json_response(part, headers={"X-Total-Count": "30"})

    server.everything = hostile
    found = ask(lambda http: http.list("/x", {"limit": "50"}), Limits(request=5, bytes=2 << 20))
    assert [each["number"] for each in found] == list(range(30))
    assert all(len(each["body"]) < 200_000 for each in found)
    assert "GET /x?limit=7&page=5" in server.requests
    with pytest.raises(ForgeError, match="more than 0 MiB"):
        ask(lambda http: http.list("/x", {"limit": "50"}), Limits(request=5, bytes=100_000))
    assert server.requests[-1] == "GET /x?limit=1"


def test_too_much_is_not_read(server: ApiServer, ask: Ask) -> None:
    server.everything = answering(said("x" * 3_000_000))
    with pytest.raises(ForgeError, match="more than 1 MiB"):
        ask(lambda http: http.get("/x"), Limits(request=5, bytes=1 << 20))


def test_an_answer_that_never_ends_is_given_up(server: ApiServer, ask: Ask) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    server.everything = slow
    with pytest.raises(ForgeError, match="no answer in time"):
        ask(lambda http: http.get("/x"), Limits(request=0.3))


def test_an_empty_answer_is_nothing(server: ApiServer, ask: Ask) -> None:
    server.everything = answering(web.Response(status=204))
    assert ask(lambda http: http.write("DELETE", "/x", {})) is None


def test_a_missing_object_is_found_missing(server: ApiServer, ask: Ask) -> None:
    server.everything = answering(said({}, 404), said({}, 403))
    assert ask(lambda http: http.find("/x")) is None
    with pytest.raises(ForgeError):
        ask(lambda http: http.find("/x"))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 418, 422, 429, 500])
def test_no_error_repeats_the_token(server: ApiServer, ask: Ask, status: int) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        return said({"message": f"{request.headers['Authorization']} \x1b[31m\n@all"}, status)

    server.everything = echo
    with pytest.raises(ForgeError) as caught:
        ask(lambda http: http.get(f"/{CANARY}"))
    shown = f"{caught.value!r} {caught.value.why} {caught.value.remedy}"
    assert CANARY not in shown
    assert "\x1b" not in shown
    assert caught.value.status == status
    assert caught.value.remedy


def test_a_certificate_of_another_authority_is_not_trusted(
    server: ApiServer, ask: Ask, roots: Path
) -> None:
    roots.write_text(Authority("somebody else").root)
    with pytest.raises(ForgeError, match="certificate is not trusted"):
        ask(lambda http: http.get("/x"))
    assert server.requests == []


def test_roots_that_are_none_are_an_error(ask: Ask, roots: Path) -> None:
    roots.write_text("nonsense")
    with pytest.raises(ForgeError, match="roots of the forge cannot be used") as caught:
        ask(lambda http: http.get("/x"))
    assert str(roots) in caught.value.why
    roots.unlink()
    with pytest.raises(ForgeError, match="roots of the forge cannot be read") as caught:
        ask(lambda http: http.get("/x"))
    assert caught.value.why.endswith(f": {roots}: No such file or directory")
    assert "forge.rootsFile in bot.yaml" in caught.value.remedy


@pytest.mark.parametrize(
    "base", ["http://forge.example/api", "ftp://127.0.0.1", "http://10.0.0.1", "x"]
)
def test_the_token_does_not_travel_in_the_clear(ask: Ask, base: str) -> None:
    with pytest.raises(ForgeError, match="not https"):
        ask(lambda http: http.get("/x"), base=base)


def test_a_dead_server_is_an_error(ask: Ask) -> None:
    with pytest.raises(ForgeError, match="does not answer") as caught:
        ask(lambda http: http.get("/x"), base="https://127.0.0.1:1")
    assert caught.value.status == 0


def test_the_environments_proxy_is_asked_but_for_its_exceptions(
    server: ApiServer, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.everything = answering(said({"ok": True}))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with pytest.raises(ForgeError, match="no connection to the proxy"):
        ask(lambda http: http.get("/x"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert ask(lambda http: http.get("/x")) == {"ok": True}


def test_writes_keep_their_distance_and_one_is_sent_at_a_time(server: ApiServer, ask: Ask) -> None:
    busy, most = 0, 0

    async def count(request: web.Request) -> web.StreamResponse:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.01)
        busy -= 1
        return said(json.loads(await request.text()))

    async def work(http: Http) -> list[object]:
        return await asyncio.gather(*(http.write("POST", "/x", {"n": n}) for n in range(4)))

    server.everything = count
    found = ask(work, Limits(request=5, between_writes=0.01))
    assert found == [{"n": n} for n in range(4)]
    assert most == 1
