from __future__ import annotations

import asyncio
import gc
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from extcp_bot.kube.client import Client
from extcp_bot.kube.failure import (
    CannotLookError,
    NonsenseError,
    NoRouteError,
    NotAllowedError,
    RejectedError,
)
from extcp_bot.kube.transport import Limits
from tests.bot.apiserver import ApiServer, dead_server, never, status, text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.bot.apiserver import Handler

LIMITS = Limits(connect=2.0, request=2.0, admission=2.0, page=3, objects=10, pause=0.01)
MAPS = "/api/v1/namespaces/a/configmaps"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SECRETS = "/api/v1/namespaces/a/secrets"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as made:
        for number in range(7):
            labels = {"even": str(number % 2 == 0).lower()}
            item = {"metadata": {"name": f"m{number}", "labels": labels}, "data": {"a": "b"}}
            made.put(MAPS, item)
        yield made


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is left behind: no session, no connection, no task."""
    yield
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def use(
    server: ApiServer, work: Callable[[Client], Awaitable[Any]], limits: Limits = LIMITS
) -> Any:  # noqa: ANN401 - whatever the work gives
    """What a function does with a client of the server."""

    async def main() -> Any:  # noqa: ANN401
        async with Client(server.access, limits) as client:
            return await work(client)

    return asyncio.run(main())


def names(found: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in found]


def test_an_object_is_found_or_is_not_there(server: ApiServer) -> None:
    found = use(server, lambda client: client.find(f"{MAPS}/m1"))
    assert found["metadata"]["name"] == "m1"
    assert use(server, lambda client: client.find(f"{MAPS}/none-of-them")) is None


def test_a_text_is_said_or_is_an_error(server: ApiServer) -> None:
    server.handlers["/readyz"] = text("ok", "text/plain")
    assert use(server, lambda client: client.text("/readyz")) == "ok"
    with pytest.raises(RejectedError):
        use(server, lambda client: client.text("/nothing"))


def test_what_is_no_utf8_is_a_text_all_the_same(server: ApiServer) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\xffok", content_type="text/plain")

    server.handlers["/metrics"] = handler
    assert use(server, lambda client: client.text("/metrics")) == "\ufffdok"


def test_a_list_is_read_page_by_page(server: ApiServer) -> None:
    found = use(server, lambda client: client.list(MAPS))
    assert names(found) == [f"m{number}" for number in range(7)]
    assert found.complete
    assert [request.partition("?")[2] for request in server.requests] == [
        "limit=3",
        "limit=3&continue=3",
        "limit=3&continue=6",
    ]


def test_a_list_may_be_chosen_by_labels_and_fields(server: ApiServer) -> None:
    found = use(server, lambda client: client.list(MAPS, labels="even=true"))
    assert names(found) == ["m0", "m2", "m4", "m6"]
    found = use(server, lambda client: client.list(MAPS, fields="metadata.name=m3"))
    assert names(found) == ["m3"]


def test_a_list_may_be_of_metadata_alone(server: ApiServer) -> None:
    found = use(server, lambda client: client.list(MAPS, metadata_only=True))
    assert len(found) == 7
    assert not any("data" in item for item in found)


def test_a_part_of_a_list_says_that_it_is_one(server: ApiServer) -> None:
    found = use(server, lambda client: client.list(MAPS, at_most=2))
    assert names(found) == ["m0", "m1"]
    assert not found.complete
    assert use(server, lambda client: client.list(MAPS, at_most=7)).complete


def test_a_list_of_a_kind_that_is_not_there_is_empty(server: ApiServer) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text="404 page not found\n", headers={"Audit-Id": "7c1e"})

    path = "/apis/networking.istio.io/v1/virtualservices"
    server.handlers[path] = handler
    found = use(server, lambda client: client.list(path))
    assert found == []
    assert found.complete


def test_more_objects_than_the_limit_are_an_error(server: ApiServer) -> None:
    with pytest.raises(NonsenseError, match="more than 4 objects"):
        use(server, lambda client: client.list(MAPS), replace(LIMITS, objects=4))


def _page(items: list[dict[str, Any]], token: str) -> web.Response:
    metadata = {"continue": token}
    return web.json_response({"kind": "SecretList", "metadata": metadata, "items": items})


@pytest.mark.parametrize("items", [[], [{"metadata": {"name": "again"}}]])
def test_pages_without_end_come_to_an_end(server: ApiServer, items: list[dict[str, Any]]) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return _page(items, "the same for ever")

    server.handlers[MAPS] = handler
    with pytest.raises(NonsenseError):
        use(server, lambda client: client.list(MAPS))
    assert len(server.requests) < 30


def test_short_pages_are_read_to_their_end(server: ApiServer) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        number = int(request.query.get("continue", "0"))
        return _page([{"metadata": {"name": f"m{number}"}}], str(number + 1) if number < 9 else "")

    server.handlers[MAPS] = handler
    assert len(use(server, lambda client: client.list(MAPS))) == 10


def test_a_list_that_expires_between_two_pages_is_an_error(server: ApiServer) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if "continue" in request.query:
            return status(410, "The provided continue parameter is too old")
        return _page([], "1")

    server.handlers[MAPS] = handler
    with pytest.raises(RejectedError, match="HTTP 410"):
        use(server, lambda client: client.list(MAPS))


def test_one_request_serves_many_readers(server: ApiServer) -> None:
    async def work(client: Client) -> None:
        found = await asyncio.gather(*(client.find(f"{MAPS}/m1") for _ in range(20)))
        assert all(item is found[0] for item in found)
        assert await client.find(f"{MAPS}/m1") is found[0]

    use(server, work)
    assert server.requests == [f"GET {MAPS}/m1"]


def test_lists_are_shared_by_what_was_asked_for(server: ApiServer) -> None:
    async def work(client: Client) -> None:
        first = await client.list(MAPS, labels="even=true", metadata_only=True)
        assert await client.list(MAPS, labels="even=true", metadata_only=True) is first
        for other in (
            client.list(MAPS, labels="even=true"),
            client.list(MAPS, fields="even=true"),
            client.list(MAPS, labels="even=true", metadata_only=True, at_most=1),
        ):
            assert await other is not first

    use(server, work)
    assert len(server.requests) == 2 + 2 + 1 + 1  # pages


def test_an_error_is_shared_too(server: ApiServer) -> None:
    server.denied.add(SECRETS)

    async def work(client: Client) -> None:
        for _ in range(5):
            with pytest.raises(NotAllowedError, match="may not list it"):
                await client.list(SECRETS)

    use(server, work)
    assert len(server.requests) == 1


def test_a_reader_that_gives_up_takes_nothing_from_the_others(server: ApiServer) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.05)
        return web.json_response({"metadata": {"name": "late"}})

    async def work(client: Client) -> None:
        patient = asyncio.ensure_future(client.find(f"{MAPS}/late"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.find(f"{MAPS}/late")
        found = await patient
        assert found is not None

    server.handlers[f"{MAPS}/late"] = handler
    use(server, work)
    assert len(server.requests) == 1


def test_a_read_that_nobody_waits_for_ends(server: ApiServer) -> None:
    async def work(client: Client) -> None:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await client.find(f"{MAPS}/never")
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    server.handlers[f"{MAPS}/never"] = never()
    use(server, work)


def test_closing_ends_what_is_under_way_and_keeps_what_was_read(server: ApiServer) -> None:
    async def work(client: Client) -> None:
        await client.find(f"{MAPS}/m1")
        waiting = asyncio.ensure_future(client.find(f"{MAPS}/never"))
        await asyncio.sleep(0.01)
        await client.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await client.find(f"{MAPS}/m1") is not None

    server.handlers[f"{MAPS}/never"] = never()
    use(server, work)


def test_what_was_released_can_be_asked_again(server: ApiServer) -> None:
    async def work(client: Client) -> None:
        await client.find(f"{MAPS}/m1")
        await client.release()
        assert await client.find(f"{MAPS}/m2") is not None

    use(server, work)


def test_the_clocks_skew_is_known_after_an_answer(server: ApiServer) -> None:
    async def work(client: Client) -> None:
        before = client.clock_skew
        await client.find(f"{MAPS}/m1")
        assert before is None
        assert abs(client.clock_skew or 99) < 10

    use(server, work)


def _busy(code: int, after: str | None, times: int) -> tuple[Handler, list[int]]:
    said: list[int] = []

    async def handler(_: web.Request) -> web.StreamResponse:
        said.append(code)
        if len(said) > times:
            return web.json_response({"metadata": {"name": "x"}})
        answer = status(code, "too many requests")
        if after is not None:
            answer.headers["Retry-After"] = after
        return answer

    return handler, said


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("after", [None, "0", "1", "3600", "soon", "-1", "٣"])
def test_a_busy_server_is_asked_a_second_time_and_no_third(
    server: ApiServer, code: int, after: str | None
) -> None:
    server.handlers[f"{MAPS}/x"], said = _busy(code, after, 1)
    assert use(server, lambda client: client.find(f"{MAPS}/x")) is not None
    assert len(said) == 2
    server.handlers[f"{MAPS}/x"], said = _busy(code, after, 9)
    with pytest.raises(NoRouteError, match="too busy"):
        use(server, lambda client: client.find(f"{MAPS}/x"))
    assert len(said) == 2


def test_a_review_is_created_and_a_dry_run(server: ApiServer) -> None:
    heard: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        heard.append(body)
        return {**body, "status": {"allowed": True}}

    server.posts[REVIEWS] = server.posts[MAPS] = answer
    said = use(server, lambda client: client.review(REVIEWS, {"spec": {}}))
    assert said["status"] == {"allowed": True}
    use(server, lambda client: client.dry_run(MAPS, {"kind": "ConfigMap"}))
    assert heard == [{"spec": {}}, {"kind": "ConfigMap"}]
    assert server.requests == [
        f"POST {REVIEWS}",
        f"POST {MAPS}?dryRun=All&fieldManager=extcp-bot",
    ]


@pytest.mark.parametrize("path", [MAPS, "/api/v1/namespaces", "/apis/x/reviews/y"])
def test_nothing_else_is_ever_created(server: ApiServer, path: str) -> None:
    with pytest.raises(ValueError, match="the checks change nothing"):
        use(server, lambda client: client.review(path, {}))
    assert server.requests == []


def test_what_is_created_is_not_asked_for_twice(server: ApiServer) -> None:
    server.posts[MAPS] = lambda _: (429, "too many requests")
    with pytest.raises(NoRouteError):
        use(server, lambda client: client.dry_run(MAPS, {}))
    assert len(server.requests) == 1


def test_the_servers_own_words_come_with_a_refusal(server: ApiServer) -> None:
    server.posts[MAPS] = lambda _: (500, "failed calling webhook")
    said = use(server, lambda client: client.dry_run(MAPS, {}))
    assert (said.made, said.refusal) == (None, "failed calling webhook")


def test_a_review_may_be_refused_too(server: ApiServer) -> None:
    server.posts[REVIEWS] = lambda _: (422, "no such verb")
    with pytest.raises(RejectedError) as caught:
        use(server, lambda client: client.review(REVIEWS, {}))
    assert caught.value.message == "no such verb"


def test_a_dry_run_has_the_time_that_admission_takes(server: ApiServer) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.05)
        return web.json_response({"kind": "Pod"}, status=201)

    server.handlers[MAPS] = handler
    limits = replace(LIMITS, request=0.02, admission=1.0)
    said = use(server, lambda client: client.dry_run(MAPS, {}), limits)
    assert said.made == {"kind": "Pod"}


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (text("<html>Login</html>"), NonsenseError),
        (text('{"metadata": ', "application/json"), NonsenseError),
        (text("[" * 100_000, "application/json"), NonsenseError),
        (text("", "application/json"), NonsenseError),
        (text("<html>", code=502), NonsenseError),
        (text("<html>Not Found</html>", code=404), NonsenseError),
        (text("", code=307), NonsenseError),
        (text("<html>", code=401), NotAllowedError),
        (never(), NoRouteError),
    ],
)
def test_a_server_that_is_none_is_unknown_whatever_is_asked(
    server: ApiServer, handler: Handler, error: type[CannotLookError]
) -> None:
    server.everything = handler
    limits = replace(LIMITS, request=0.05)
    for work in (
        lambda client: client.find(f"{MAPS}/m1"),
        lambda client: client.list(MAPS),
        lambda client: client.review("/apis/x/v1/reviews", {}),
        lambda client: client.websocket("/x", "v4.channel.k8s.io"),
    ):
        with pytest.raises(error):
            use(server, work, limits)


def test_a_credential_goes_nowhere_else(server: ApiServer) -> None:
    with ApiServer() as other:

        async def handler(_: web.Request) -> web.StreamResponse:
            raise web.HTTPTemporaryRedirect(f"{other.url}{MAPS}/m1")

        server.everything = handler
        with pytest.raises(NonsenseError, match="HTTP 307, a redirect"):
            use(server, lambda client: client.find(f"{MAPS}/m1"))
        with pytest.raises(NonsenseError, match="HTTP 307, a redirect"):
            use(server, lambda client: client.websocket("/forward", "v4.channel.k8s.io"))
        assert other.requests == []


def test_a_dead_server_is_no_route() -> None:
    async def main() -> None:
        async with Client(access) as client:
            await client.find("/version")

    with dead_server() as access, pytest.raises(NoRouteError, match="Connection refused"):
        asyncio.run(main())


def test_a_websocket_that_is_none_is_unknown(server: ApiServer) -> None:
    server.denied.add("/forward")
    with pytest.raises(NotAllowedError):
        use(server, lambda client: client.websocket("/forward", "v4.channel.k8s.io"))
    server.handlers["/plain"] = text("ok", "text/plain")
    with pytest.raises(NonsenseError, match="no WebSocket"):
        use(server, lambda client: client.websocket("/plain", "v4.channel.k8s.io"))


def test_work_of_many_requests_is_done_once(server: ApiServer) -> None:
    async def work(client: Client) -> None:
        async def both() -> list[object]:
            return [await client.find(f"{MAPS}/m{number}") for number in (1, 2)]

        first = await client.once("both", both)
        assert await client.once("both", both) is first

    use(server, work)
    assert len(server.requests) == 2


def test_an_interrupted_run_leaves_nothing_behind(server: ApiServer) -> None:
    server.everything = never()

    async def main() -> None:
        async with Client(server.access, LIMITS) as client:
            reads = [client.find(f"{MAPS}/m{number}") for number in range(20)]
            await asyncio.gather(*reads)

    async def interrupted() -> None:
        task = asyncio.ensure_future(main())
        await asyncio.sleep(0.03)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(interrupted())
    gc.collect()  # what was not closed says so now


def test_a_huge_object_is_refused(server: ApiServer) -> None:
    server.put(MAPS, {"metadata": {"name": "huge"}, "data": {"a": "x" * 100_000}})
    with pytest.raises(NonsenseError, match="more than"):
        use(server, lambda client: client.find(f"{MAPS}/huge"), replace(LIMITS, bytes=50_000))


def test_json_is_read_as_it_is(server: ApiServer) -> None:
    item = {"metadata": {"name": "ü\u202e\n"}, "spec": {"a": [1, 1.5, None, True, {}]}}
    server.handlers[f"{MAPS}/x"] = text(json.dumps(item), "application/json")
    assert use(server, lambda client: client.find(f"{MAPS}/x")) == item
