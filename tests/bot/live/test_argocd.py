from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.live import argocd
from tests.bot.fleets import World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.live.argocd import Application

PATH = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
LABELS = {"extcp-gitops.io/mesh": "mesh1"}


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


def put(mesh: World, name: str = "one", **item: Any) -> None:  # noqa: ANN401 - an object
    metadata = {"name": name, "labels": LABELS, **item.pop("metadata", {})}
    mesh.external.put(PATH, {"metadata": metadata, **item})


def one(mesh: World) -> Application:
    async def read() -> Application:
        try:
            return (await argocd.applications(mesh.fleet))["one"]
        finally:
            await mesh.fleet.close()

    return asyncio.run(read())


def test_what_argocd_says_of_an_application(mesh: World) -> None:
    finalizers = ["resources-finalizer.argocd.argoproj.io/background"]
    put(
        mesh,
        metadata={"finalizers": finalizers, "deletionTimestamp": "2026-01-01T00:00:00Z"},
        spec={"project": "p"},
        status={
            "sync": {"status": "OutOfSync", "revision": "0123"},
            "health": {"status": "Degraded", "message": "why"},
            "reconciledAt": "2026-01-01T00:00:00Z",
            "conditions": [
                {"type": "SyncError", "message": "a"},
                {"type": "SharedResourceWarning", "message": "b"},
            ],
            "operationState": {
                "phase": "Failed",
                "startedAt": "2026-01-01T00:00:00Z",
                "message": "m",
                "syncResult": {
                    "resources": [
                        {"kind": "Role", "name": "r", "status": "SyncFailed", "message": "no"},
                        {"kind": "Role", "name": "s", "status": "Synced"},
                    ]
                },
            },
            "resources": [
                {"kind": "Role", "namespace": "n", "name": "r", "status": "OutOfSync"},
                {"kind": "Role", "namespace": "n", "name": "s", "status": "Synced"},
                {"kind": "Role", "namespace": "n", "name": "hook"},
            ],
        },
    )
    found = one(mesh)
    assert found.cascades
    assert found.is_leaving
    assert (found.sync, found.revision, found.phase, found.message) == (
        "OutOfSync",
        "0123",
        "Failed",
        "m",
    )
    assert found.started == datetime(2026, 1, 1, tzinfo=UTC)
    assert (found.health, found.health_message) == ("Degraded", "why")
    assert found.looked is not None
    assert [each.message for each in found.errors] == ["a"]
    assert [each.message for each in found.warnings] == ["b"]
    assert found.out_of_sync == ("Role n/r",)
    assert found.failed == ("Role r: no",)


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"sync": "x", "health": [], "conditions": {}, "operationState": 1, "resources": "x"},
        {"operationState": {"syncResult": []}, "conditions": [1], "resources": [None]},
    ],
)
def test_nonsense_is_nothing(mesh: World, status: Any) -> None:  # noqa: ANN401
    put(mesh, metadata={"finalizers": "x"}, spec={}, status=status)
    found = one(mesh)
    assert (found.sync, found.health, found.conditions, found.out_of_sync) == ("", "", (), ())
    assert not found.cascades


def test_only_the_applications_of_the_mesh_are_asked_for(mesh: World) -> None:
    put(mesh)
    put(mesh, "another", metadata={"labels": {"extcp-gitops.io/mesh": "mesh2"}})
    one(mesh)
    (request,) = mesh.external.requests
    assert "labelSelector=extcp-gitops.io/mesh%3Dmesh1" in request.replace("%2F", "/")
