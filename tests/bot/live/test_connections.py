from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.live import connections, istiod
from extcp_bot.live.connections import Connection, Unacknowledged
from tests.bot import istiods
from tests.bot.asking import ask
from tests.bot.fleets import SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.target import Target

PREFIX = "type.googleapis.com/envoy.config"
CLUSTER, LISTENER = f"{PREFIX}.cluster.v3.Cluster", f"{PREFIX}.listener.v3.Listener"
ROUTE = f"{PREFIX}.route.v3.RouteConfiguration"
TAKEN = {"sent": "1", "acked": "1", "sentTime": "2026-06-01T12:00:00Z"}


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


async def of(target: Target) -> list[Connection]:
    (replica,) = await istiod.replicas(target)
    found = await connections.of(target, replica)
    assert all(key == (each.cluster, each.proxy) for key, its in found.items() for each in its)
    return [each for its in found.values() for each in its]


def read(mesh: World, page: Any) -> list[Connection]:  # noqa: ANN401 - JSON
    istiods.put(mesh.external, "istiod-1", {connections.PATH: page})
    return ask(mesh, of, SECOND)


def entry(**resources: Any) -> Any:  # noqa: ANN401 - JSON
    its = {CLUSTER: TAKEN, LISTENER: TAKEN, **resources}
    return {"cluster_id": SECOND, "proxy": "app-1.sample", "resources": its}


def test_a_proxy_that_follows_is_behind_in_nothing(mesh: World) -> None:
    page = [entry(**{ROUTE: {"sent": "", "acked": ""}})]
    assert read(mesh, page) == [Connection(SECOND, "app-1.sample", ())]


def test_what_is_not_acknowledged_rejected_or_never_sent_is_told(mesh: World) -> None:
    rejected = {**TAKEN, "sent": "2", "lastError": "no such filter"}
    waiting = {"sent": "2", "acked": "1", "sentTime": "2026-06-01T11:00:00.123456789Z"}
    (found,) = read(mesh, [entry(**{CLUSTER: rejected, LISTENER: {}, ROUTE: waiting})])
    assert set(found.behind) == {
        Unacknowledged("Cluster", datetime(2026, 6, 1, 12, tzinfo=UTC), "no such filter"),
        Unacknowledged("Listener", None, ""),
        Unacknowledged(
            "RouteConfiguration", datetime(2026, 6, 1, 11, 0, 0, 123456, tzinfo=UTC), ""
        ),
    }


@pytest.mark.parametrize("page", [{}, "7", [5], [{}], [[]]])
def test_nonsense_is_no_connection(mesh: World, page: Any) -> None:  # noqa: ANN401
    assert read(mesh, page) == []


@pytest.mark.parametrize(
    "resources", [None, 5, [], {CLUSTER: 5}, {5: {"sent": 5, "lastError": []}}]
)
def test_a_connection_with_nonsense_in_it_has_been_sent_nothing(
    mesh: World,
    resources: Any,  # noqa: ANN401
) -> None:
    (found,) = read(mesh, [{"cluster_id": 5, "proxy": "app-1.sample", "resources": resources}])
    assert {each.kind for each in found.behind} == {"Cluster", "Listener"}
    assert found.cluster == ""
