from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.kube.failure import CannotLookError, NonsenseError, NotAllowedError
from extcp_bot.live import istiod
from tests.bot import istiods
from tests.bot.asking import ask
from tests.bot.fleets import EXTERNAL, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.target import Target

CLUSTERS = "/debug/clusterz"


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


async def names(target: Target) -> list[tuple[str, bool]]:
    return [(each.name, each.is_ready) for each in await istiod.replicas(target)]


async def clusters(target: Target) -> list[Any]:
    found = await istiod.replicas(target)
    return [await istiod.debug(target, each, CLUSTERS) for each in found]


def test_replicas_are_the_pods_that_run(mesh: World) -> None:
    istiods.put(mesh.external, "istiod-2", status={"phase": "Running", "conditions": "none"})
    istiods.put(mesh.external, "istiod-1")
    istiods.put(mesh.external, "istiod-3", status={"phase": "Pending"})
    istiods.put(mesh.external, "istiod-4", metadata={"deletionTimestamp": "2026-06-01T12:00:00Z"})
    mesh.external.put(istiods.PODS, {"metadata": {"name": "other"}, "status": istiods.READY})
    assert ask(mesh, names, SECOND) == [("istiod-1", True), ("istiod-2", False)]


def test_each_replica_is_asked_itself(mesh: World) -> None:
    istiods.put(mesh.external, "istiod-1", {CLUSTERS: [1]})
    istiods.put(mesh.external, "istiod-2", {CLUSTERS: [2]})
    assert ask(mesh, clusters, EXTERNAL) == [[1], [2]]


def test_checks_that_ask_the_same_ask_once(mesh: World) -> None:
    istiods.put(mesh.external, "istiod-1", {CLUSTERS: [1], "/metrics": "up 1\n"})

    async def often(target: Target) -> list[Any]:
        (replica,) = await istiod.replicas(target)
        return await asyncio.gather(
            *(istiod.debug(target, replica, CLUSTERS) for _ in range(2)),
            *(istiod.metrics(target, replica) for _ in range(2)),
        )

    assert ask(mesh, often, SECOND) == [[1], [1], "up 1\n", "up 1\n"]
    assert sum("portforward" in request for request in mesh.external.requests) == 2


def test_a_second_look_is_another_request(mesh: World) -> None:
    pages: dict[str, Any] = {CLUSTERS: [1]}
    istiods.put(mesh.external, "istiod-1", pages)

    async def twice(target: Target) -> list[Any]:
        (replica,) = await istiod.replicas(target)
        first = await istiod.debug(target, replica, CLUSTERS)
        pages[CLUSTERS] = [2]
        return [first, await istiod.debug(target, replica, CLUSTERS, again=True)]

    assert ask(mesh, twice, SECOND) == [[1], [2]]


def test_an_answer_can_be_made_smaller_as_it_is_read(mesh: World) -> None:
    istiods.put(mesh.external, "istiod-1", {CLUSTERS: [{"a": {"b": 1}}, {"c": 2}]})

    async def shrunk(target: Target) -> Any:  # noqa: ANN401 - JSON
        (replica,) = await istiod.replicas(target)
        return await istiod.debug(target, replica, CLUSTERS, shrink=sorted)

    assert ask(mesh, shrunk, SECOND) == [["a"], ["c"]]


@pytest.mark.parametrize("page", ["<html>", "", "[" * 100_000])
def test_what_is_no_json_is_nonsense(mesh: World, page: str) -> None:
    istiods.put(mesh.external, "istiod-1", {CLUSTERS: page})
    with pytest.raises(NonsenseError, match=r"istiod istiod-1, /debug/clusterz"):
        ask(mesh, clusters, SECOND)


@pytest.mark.parametrize(
    ("status", "remedy"), [(401, "loopback"), (403, "loopback"), (404, "ENABLE_DEBUG_ON_HTTP")]
)
def test_a_refusal_says_what_would_help(mesh: World, status: int, remedy: str) -> None:
    istiods.put(mesh.external, "istiod-1", {CLUSTERS: status})
    with pytest.raises(CannotLookError) as caught:
        ask(mesh, clusters, SECOND)
    assert remedy in caught.value.remedy


def test_who_may_not_forward_ports_is_told_so(mesh: World) -> None:
    istiods.put(mesh.external, "istiod-1")
    path = f"{istiods.PODS}/istiod-1/portforward"
    del mesh.external.handlers[path]
    mesh.external.denied.add(path)
    with pytest.raises(NotAllowedError, match=path):
        ask(mesh, clusters, SECOND)
