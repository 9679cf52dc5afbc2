from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.live import istiod, registry
from extcp_bot.live.registry import Member
from tests.bot import istiods
from tests.bot.asking import ask
from tests.bot.fleets import CONFIG, NOW, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extcp_bot.live.registry import Endpoints
    from extcp_bot.target import Target


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


async def members(target: Target) -> Mapping[str, Member]:
    (replica,) = await istiod.replicas(target)
    return await registry.members(target, replica)


async def endpoints(target: Target) -> Endpoints:
    (replica,) = await istiod.replicas(target)
    return await registry.endpoints(target, replica)


def read(mesh: World, page: Any) -> Endpoints:  # noqa: ANN401 - JSON
    istiods.put(mesh.external, "istiod-1", {registry.ENDPOINTS: page})
    return ask(mesh, endpoints, SECOND)


def endpoint(*addresses: str, node: str = "node-1") -> Any:  # noqa: ANN401 - JSON
    return {
        "Labels": {"app": "a"},
        "Addresses": list(addresses),
        "Locality": {"Label": "", "ClusterID": CONFIG},
        "HealthStatus": 1,
        "NodeName": node,
    }


def test_the_clusters_of_a_registry_are_read(mesh: World) -> None:
    page = [
        {"id": CONFIG, "secretName": "", "syncStatus": "synced"},
        {"id": SECOND, "secretName": "a/b", "syncStatus": "timeout"},
        "nonsense",
    ]
    istiods.put(mesh.external, "istiod-1", {registry.CLUSTERS: page})
    assert ask(mesh, members, SECOND) == {
        CONFIG: Member(CONFIG, "", "synced"),
        SECOND: Member(SECOND, "a/b", "timeout"),
    }


@pytest.mark.parametrize("page", [{}, 5, [[]], [{"id": {}}], None])
def test_a_registry_that_is_nonsense_has_no_cluster(mesh: World, page: Any) -> None:  # noqa: ANN401
    istiods.put(mesh.external, "istiod-1", {registry.CLUSTERS: {"a": page}})
    assert ask(mesh, members, SECOND).keys() <= {""}


def test_addresses_are_known_by_cluster_and_service(mesh: World) -> None:
    found = read(
        mesh,
        {
            "app.sample.svc.cluster.local": {
                "sample": {
                    "Shards": {
                        f"Kubernetes/{CONFIG}": [endpoint("10.0.0.1"), endpoint("10.0.0.1")],
                        "Kubernetes/a/b": [
                            endpoint("10.0.0.2", "fd00::2"),
                            endpoint("1.2.3.4", node=""),
                        ],
                        f"External/{CONFIG}": [endpoint("10.0.0.9")],
                    },
                    "ServiceAccounts": {"spiffe://a": {}},
                }
            },
            "app.sample.svc.clusterset.local": {
                "sample": {"Shards": {f"Kubernetes/{CONFIG}": [endpoint("10.0.0.8")]}}
            },
            "www.example.com": {"sample": {"Shards": {f"Kubernetes/{CONFIG}": []}}},
        },
    )
    assert found.taken == NOW
    assert found.of(CONFIG) == {("sample", "app"): {"10.0.0.1": True}}
    assert found.of("a/b") == {
        ("sample", "app"): {"10.0.0.2": True, "fd00::2": True, "1.2.3.4": False}
    }
    assert found.of(SECOND) == {}


@pytest.mark.parametrize(
    "page",
    [
        [],
        "7",
        {"app.sample.svc.cluster.local": 5},
        {"app.sample.svc.cluster.local": {"sample": []}},
        {"app.sample.svc.cluster.local": {"sample": {"Shards": []}}},
        {"app.sample.svc.cluster.local": {"sample": {"Shards": {"Kubernetes/a": 5}}}},
        {"app.sample.svc.cluster.local": {"sample": {"Shards": {"Kubernetes/a": [7, {}]}}}},
        {
            "app.sample.svc.cluster.local": {
                "sample": {"Shards": {"Kubernetes/a": [{"Addresses": 7}]}}
            }
        },
        {"": {"": {"": []}}},
        {"Addresses": [], "Shards": []},
    ],
)
def test_what_is_nonsense_has_no_addresses(mesh: World, page: Any) -> None:  # noqa: ANN401
    assert not any(read(mesh, page).of("a").values())
