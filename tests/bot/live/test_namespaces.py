from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import pytest

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import namespaces
from extcp_bot.live.namespaces import Namespace
from tests.bot.fleets import PLANE, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from extcp_bot.target import Target

T = TypeVar("T")
PATH = "/api/v1/namespaces"


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


def read(mesh: World, work: Callable[[Target], Awaitable[T]]) -> T:
    """What a function reads of the second remote cluster."""

    async def main() -> T:
        targets = {each.cluster.name: each for each in mesh.fleet.targets()}
        try:
            return await work(targets[SECOND])
        finally:
            await mesh.fleet.close()

    return asyncio.run(main())


def test_all_namespaces_come_by_name_with_labels_and_annotations(mesh: World) -> None:
    for name in ("b", "a"):
        metadata = {"name": name, "labels": {"x": name}, "annotations": {"y": name}}
        mesh.second.put(PATH, {"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}})
    found = read(mesh, lambda target: namespaces.of(target.api))
    assert [(each.name, each.labels, each.annotations) for each in found] == [
        ("a", {"x": "a"}, {"y": "a"}),
        ("b", {"x": "b"}, {"y": "b"}),
    ]


def test_that_of_the_control_plane_may_not_be_there(mesh: World) -> None:
    assert read(mesh, namespaces.of_control_plane) is None


def test_that_of_the_control_plane_is_found(mesh: World) -> None:
    for name in ("default", PLANE):
        mesh.second.put(PATH, {"metadata": {"name": name}})
    found = read(mesh, namespaces.of_control_plane)
    assert found is not None
    assert found.name == PLANE


def test_a_cluster_that_does_not_show_them_says_so(mesh: World) -> None:
    mesh.second.denied.add(PATH)
    with pytest.raises(CannotLookError):
        read(mesh, namespaces.of_control_plane)


def test_when_it_was_made_and_whether_it_leaves() -> None:
    made = Namespace({"name": "a", "creationTimestamp": "2026-01-02T03:04:05Z"})
    assert made.created is not None
    assert made.created.isoformat() == "2026-01-02T03:04:05+00:00"
    assert not made.is_leaving
    leaving = Namespace({"name": "a", "deletionTimestamp": "2026-01-02T03:04:05Z"})
    assert leaving.is_leaving
    assert leaving.created is None


@pytest.mark.parametrize(
    ("labels", "is_injected"),
    [
        (None, False),
        ({}, False),
        ({"istio-injection": "enabled"}, True),
        ({"istio-injection": "disabled"}, False),
        ({"istio-injection": "Enabled"}, False),
        ({"istio.io/rev": "default"}, True),
        ({"istio.io/rev": "1-29-1"}, False),
        ({"istio-injection": "disabled", "istio.io/rev": "default"}, False),
        ({"istio-injection": "enabled", "istio.io/rev": "canary"}, True),
    ],
)
def test_labels_say_whether_pods_get_a_sidecar(
    labels: dict[str, str] | None, *, is_injected: bool
) -> None:
    assert Namespace({"name": "a", "labels": labels}).is_injected is is_injected


@pytest.mark.parametrize("nonsense", [7, [], "text", {"x": {}}])
def test_nonsense_in_metadata_breaks_nothing(nonsense: object) -> None:
    made = Namespace({"name": "a", "labels": nonsense, "annotations": nonsense})
    assert not made.is_injected
    assert made.created is None
