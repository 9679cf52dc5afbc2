from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.live import services
from extcp_bot.live.services import Backends
from tests.bot.asking import ask
from tests.bot.fleets import SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

SLICES = "/apis/discovery.k8s.io/v1/namespaces/sample/endpointslices"
OWN = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


def put(mesh: World, name: str, endpoints: Any, service: str = "app", **metadata: Any) -> None:  # noqa: ANN401
    labels = {**OWN, services.SERVICE: service}
    metadata = {"name": name, "labels": labels, **metadata}
    mesh.second.put(SLICES, {"metadata": metadata, "endpoints": endpoints})


def read(mesh: World) -> list[Backends]:
    return ask(mesh, services.backends, SECOND)


def test_the_slices_of_a_service_are_put_together(mesh: World) -> None:
    put(
        mesh,
        "app-1",
        [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": True}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": False}},
        ],
        creationTimestamp="2026-06-01T11:00:00Z",
        managedFields=[{"time": "2026-06-01T11:30:00Z"}, {"time": "soon"}],
    )
    put(mesh, "app-2", [{"addresses": ["fd00::3"]}], creationTimestamp="2026-06-01T11:10:00Z")
    assert read(mesh) == [
        Backends(
            ("sample", "app"),
            ready=frozenset({"10.0.0.1", "fd00::3"}),
            others=frozenset({"10.0.0.2"}),
            changed=datetime(2026, 6, 1, 11, 30, tzinfo=UTC),
            is_whole=True,
        )
    ]


def test_others_than_those_of_services_with_pods_are_left_out(mesh: World) -> None:
    put(mesh, "kubernetes", [{"addresses": ["10.0.0.1"]}], labels={services.SERVICE: "kubernetes"})
    put(mesh, "nameless", [{"addresses": ["10.0.0.1"]}], labels=OWN)
    assert read(mesh) == []


@pytest.mark.parametrize(
    "endpoints", [None, 5, [5], [{}], [{"addresses": 5}], [{"addresses": [5], "conditions": []}]]
)
def test_nonsense_has_no_addresses(mesh: World, endpoints: Any) -> None:  # noqa: ANN401
    put(mesh, "app-1", endpoints)
    (found,) = read(mesh)
    assert (found.ready, found.others, found.changed) == (frozenset(), frozenset(), None)


def test_of_many_the_first_are_read_in_one_request(mesh: World) -> None:
    for number in range(services.AT_MOST + 1):
        put(mesh, f"app-{number}", [], service=f"app-{number}")
    found = read(mesh)
    assert len(found) == 100
    assert not any(each.is_whole for each in found)
    assert len(mesh.second.requests) == 1
