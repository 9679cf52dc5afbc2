"""Writes to API servers that conflict, refuse, break off or never answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from extcp_bot.kube.failure import (
    CannotLookError,
    NonsenseError,
    NoRouteError,
    NotAllowedError,
    RejectedError,
)
from extcp_bot.kube.transport import Limits
from extcp_bot.kube.writes import ConflictError, MissingError, Writer
from tests.bot.apiserver import ApiServer, dead_server, never, status, text
from tests.bot.storing import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from aiohttp import web

    Object = dict[str, Any]

T = TypeVar("T")
MAPS = "/api/v1/namespaces/a/configmaps"
ONE = f"{MAPS}/one"
CANARY = "canary-that-nobody-may-see"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as made:
        made.put("/api/v1/namespaces", {"metadata": {"name": "a"}})
        yield made


@pytest.fixture
def store(server: ApiServer) -> Store:
    return Store(server)


def run(server: ApiServer, work: Callable[[Writer], Coroutine[Any, Any, T]]) -> T:
    async def with_writer() -> T:
        async with Writer(server.access, Limits(connect=1, request=1, admission=1)) as api:
            return await work(api)

    return asyncio.run(with_writer())


def config_map(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": data}


def test_makes_an_object(server: ApiServer, store: Store) -> None:
    made = run(server, lambda api: api.create(MAPS, config_map(a="1")))
    assert made["metadata"]["uid"]
    assert server.objects[ONE]["data"] == {"a": "1"}
    assert store.written == [f"CREATE {MAPS}"]
    assert server.requests == [f"POST {MAPS}?fieldManager=extcp-bot"]


def test_a_dry_run_changes_nothing(server: ApiServer, store: Store) -> None:
    run(server, lambda api: api.create(MAPS, config_map(), dry_run=True))
    assert ONE not in server.objects
    assert store.written == []


def test_what_is_there_already_is_a_conflict(server: ApiServer, store: Store) -> None:
    store.put(MAPS, config_map(a="1"))
    with pytest.raises(ConflictError) as error:
        run(server, lambda api: api.create(MAPS, config_map(a=CANARY)))
    assert error.value.status == 409
    assert CANARY not in f"{error.value} {error.value.remedy} {error.value.looked_at}"
    assert server.objects[ONE]["data"] == {"a": "1"}


def test_a_namespace_that_is_not_there(server: ApiServer, store: Store) -> None:
    assert store.written == []
    with pytest.raises(MissingError):
        run(server, lambda api: api.create("/api/v1/namespaces/b/configmaps", config_map()))


def test_replaces_what_it_has_read(server: ApiServer, store: Store) -> None:
    store.put(MAPS, config_map(a="1"))

    async def work(api: Writer) -> None:
        read = await api.read(ONE)
        assert read is not None
        await api.replace(ONE, {**read, "data": {"a": "2"}})

    run(server, work)
    assert server.objects[ONE]["data"] == {"a": "2"}
    assert store.verbs == ["PUT"]


def test_replaces_nothing_that_somebody_has_changed_since(server: ApiServer, store: Store) -> None:
    store.put(MAPS, config_map(a="1"))
    old = config_map(a="2")
    old["metadata"]["resourceVersion"] = "1"
    with pytest.raises(ConflictError):
        run(server, lambda api: api.replace(ONE, old))
    assert server.objects[ONE]["data"] == {"a": "1"}


def test_replacing_takes_a_version(server: ApiServer) -> None:
    with pytest.raises(ValueError, match="version"):
        run(server, lambda api: api.replace(ONE, config_map()))
    assert server.requests == []


def test_merges_fields_and_takes_one_away(server: ApiServer, store: Store) -> None:
    store.put(MAPS, config_map(a="1", b="2"))
    run(server, lambda api: api.merge(ONE, {"data": {"a": "3", "b": None}}))
    assert server.objects[ONE]["data"] == {"a": "3"}
    stale = {"metadata": {"resourceVersion": "1"}, "data": {"a": "4"}}
    with pytest.raises(ConflictError):
        run(server, lambda api: api.merge(ONE, stale))


def test_applies_an_object(server: ApiServer, store: Store) -> None:
    run(server, lambda api: api.apply(ONE, config_map(a="1"), force=True))
    assert server.objects[ONE]["data"] == {"a": "1"}
    assert store.verbs == ["PATCH"]
    assert server.requests == [f"PATCH {ONE}?fieldManager=extcp-bot&force=true"]


def test_deletes_what_it_has_read_and_nothing_else(server: ApiServer, store: Store) -> None:
    read = store.put(MAPS, config_map())
    other = {"metadata": {**read["metadata"], "uid": "another"}}
    older = {"metadata": {**read["metadata"], "resourceVersion": "1"}}
    with pytest.raises(ConflictError):
        run(server, lambda api: api.delete(ONE, older))
    with pytest.raises(ConflictError):
        run(server, lambda api: api.delete(ONE, other, unchanged=False))
    with pytest.raises(ConflictError):
        run(server, lambda api: api.delete(ONE, other))
    assert ONE in server.objects
    assert run(server, lambda api: api.delete(ONE, read, dry_run=True)) is True
    assert ONE in server.objects
    assert run(server, lambda api: api.delete(ONE, older, unchanged=False)) is True
    assert ONE not in server.objects
    assert run(server, lambda api: api.delete(ONE, read)) is False


def test_reads_anew_each_time(server: ApiServer, store: Store) -> None:
    async def work(api: Writer) -> list[Object | None]:
        found = [await api.read(ONE)]
        store.put(MAPS, config_map(a="1"))
        return [*found, await api.read(ONE)]

    before, after = run(server, work)
    assert before is None
    assert after is not None
    assert after["data"] == {"a": "1"}


def answering(code: int, message: str) -> Callable[[web.Request], Coroutine[Any, Any, Any]]:
    async def answer(_: web.Request) -> web.StreamResponse:
        return status(code, message)

    return answer


@pytest.mark.parametrize("verb", ["update", "patch", "delete"])
def test_a_right_that_is_missing(server: ApiServer, store: Store, verb: str) -> None:
    read = store.put(MAPS, config_map())
    server.writes = answering(403, f'User "x" cannot {verb} resource "configmaps"')
    calls = {
        "update": lambda api: api.replace(ONE, read),
        "patch": lambda api: api.merge(ONE, {}),
        "delete": lambda api: api.delete(ONE, read),
    }
    with pytest.raises(NotAllowedError, match=f"may not {verb}"):
        run(server, calls[verb])


def test_admission_is_no_missing_right(server: ApiServer, store: Store) -> None:
    read = store.put(MAPS, config_map())
    server.writes = answering(403, f"exceeded quota {CANARY}")
    with pytest.raises(RejectedError) as error:
        run(server, lambda api: api.replace(ONE, read))
    assert CANARY not in str(error.value)


def test_a_server_that_is_none(server: ApiServer) -> None:
    server.writes = text("<html>")
    with pytest.raises(NonsenseError):
        run(server, lambda api: api.create(MAPS, config_map()))


def test_a_server_that_is_dead_or_never_answers(server: ApiServer) -> None:
    with dead_server() as access:

        async def dead() -> None:
            async with Writer(access, Limits(connect=1, request=1)) as api:
                await api.create(MAPS, config_map())

        with pytest.raises(NoRouteError):
            asyncio.run(dead())
    server.writes = never()
    with pytest.raises(NoRouteError):
        run(server, lambda api: api.create(MAPS, config_map()))


def test_a_connection_that_breaks_after_the_work_was_done(server: ApiServer, store: Store) -> None:
    store.cut = 1
    with pytest.raises(CannotLookError):
        run(server, lambda api: api.create(MAPS, config_map(a="1")))
    assert server.objects[ONE]["data"] == {"a": "1"}
