from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.live import roots
from extcp_bot.live.roots import Leader
from tests.bot.asking import ask
from tests.bot.fleets import PLANE, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


def put(mesh: World, namespace: str, name: str, data: Any = None, **metadata: Any) -> None:  # noqa: ANN401
    item = {"metadata": {"name": name, **metadata}, "data": data}
    mesh.second.put(f"/api/v1/namespaces/{namespace}/configmaps", item)


def test_the_roots_of_all_namespaces_are_read_in_one_request(mesh: World) -> None:
    for namespace in ("a", "b"):
        put(mesh, namespace, "istio-ca-root-cert", {"root-cert.pem": f"root {namespace}"})
        put(mesh, namespace, "kube-root-ca.crt", {"ca.crt": "another"})
    assert ask(mesh, roots.of, SECOND) == {"a": "root a", "b": "root b"}
    (request,) = mesh.second.requests
    assert "metadata.name%3Distio-ca-root-cert" in request


@pytest.mark.parametrize("data", [None, {}, {"other": "text"}])
def test_a_config_map_without_a_root_has_none(mesh: World, data: Any) -> None:  # noqa: ANN401
    put(mesh, "a", "istio-ca-root-cert", data)
    assert ask(mesh, roots.of, SECOND) == {"a": ""}


def test_the_leader_is_read(mesh: World) -> None:
    record = {
        "holderIdentity": "istiod-1",
        "holderKey": "^default",
        "renewTime": "2026-06-01T12:00:00Z",
    }
    put(mesh, PLANE, roots.ELECTION, annotations={roots.LEADER: json.dumps(record)})
    seen = ask(mesh, roots.leader, SECOND)
    assert seen == Leader("istiod-1", "^default", datetime(2026, 6, 1, 12, tzinfo=UTC))


def test_where_nobody_has_ever_led_there_is_none(mesh: World) -> None:
    assert ask(mesh, roots.leader, SECOND) is None
    put(mesh, PLANE, roots.ELECTION)
    assert ask(mesh, roots.leader, SECOND) is None


@pytest.mark.parametrize("record", ["", "{", "[]", "[" * 100_000, '{"holderIdentity": {}}'])
def test_a_leader_that_is_nonsense_is_nobody(mesh: World, record: Any) -> None:  # noqa: ANN401
    put(mesh, PLANE, roots.ELECTION, annotations={roots.LEADER: record})
    assert ask(mesh, roots.leader, SECOND) == Leader("", "", None)
