from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from extcp_bot.live import credentials
from tests.bot.fleets import CONFIG, PLANE, SECOND, World, world
from tests.bot.identities import LABELS, SECRETS, encoded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from extcp_bot.live.credentials import Credential
    from extcp_bot.target import Target

T = TypeVar("T")


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


def put(mesh: World, name: str, data: dict[str, str], *, is_labelled: bool = True) -> None:
    labels = LABELS if is_labelled else {}
    mesh.external.put(SECRETS, {"metadata": {"name": name, "labels": labels}, "data": data})


def ask(mesh: World, cluster: str, read: Callable[[Target], Awaitable[T]]) -> T:
    fleet = replace(mesh.fleet)  # which has read nothing yet
    target = next(each for each in fleet.targets() if each.cluster.name == cluster)

    async def work() -> T:
        try:
            return await read(target)
        finally:
            await fleet.close()

    return asyncio.run(work())


def of(mesh: World, cluster: str) -> list[tuple[str, str]]:
    found: list[Credential] = ask(mesh, cluster, credentials.of_cluster)
    return [(each.secret, each.key) for each in found]


def test_the_key_and_not_the_name_says_which_cluster_it_is(mesh: World) -> None:
    put(mesh, "any", {SECOND: "", "another": ""})
    put(mesh, f"istio-remote-secret-{SECOND}", {"another": ""})
    assert of(mesh, SECOND) == [("any", SECOND)]


def test_where_no_key_says_so_the_usual_name_does(mesh: World) -> None:
    put(mesh, f"istio-remote-secret-{SECOND}", {"another": ""})
    assert of(mesh, SECOND) == [(f"istio-remote-secret-{SECOND}", "another")]


def test_a_secret_without_the_label_is_found_by_its_name_alone(mesh: World) -> None:
    put(mesh, f"istio-remote-secret-{SECOND}", {SECOND: ""}, is_labelled=False)
    put(mesh, "any", {SECOND: ""}, is_labelled=False)
    assert of(mesh, SECOND) == [(f"istio-remote-secret-{SECOND}", SECOND)]


def test_the_config_cluster_has_a_secret_of_its_own(mesh: World) -> None:
    put(mesh, f"istio-remote-secret-{CONFIG}", {CONFIG: ""})
    assert of(mesh, CONFIG) == []
    put(mesh, "istio-kubeconfig", {"config": ""}, is_labelled=False)
    assert of(mesh, CONFIG) == [("istio-kubeconfig", "config")]


def test_the_secrets_are_read_once_for_all_clusters(mesh: World) -> None:
    put(mesh, "any", {SECOND: ""})

    async def several(target: Target) -> list[Any]:
        return [await credentials.of_cluster(target) for _ in range(3)]

    assert len(ask(mesh, SECOND, several)) == 3
    assert len(mesh.external.requests) == 1


def test_no_credential_shows_what_it_holds(mesh: World) -> None:
    put(mesh, "any", {SECOND: encoded("token: abc")})
    (found,) = ask(mesh, SECOND, credentials.of_cluster)
    assert found.document() == {"token": "abc"}
    assert encoded("token: abc") not in repr(found)
    assert found.place == f"Secret {PLANE}/any, key {SECOND}"


@pytest.mark.parametrize(
    "content", ["no base64", encoded("a: ["), encoded(""), encoded("- a"), encoded("a\0b")]
)
def test_what_is_no_document_is_none(mesh: World, content: str) -> None:
    put(mesh, "any", {SECOND: content})
    (found,) = ask(mesh, SECOND, credentials.of_cluster)
    assert found.document() is None
