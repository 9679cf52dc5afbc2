from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.live import gateways
from tests.bot.asking import ask
from tests.bot.fleets import PLANE, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = f"/api/v1/namespaces/{PLANE}/services"
GATEWAYS = f"/apis/networking.istio.io/v1/namespaces/{PLANE}/gateways"


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


def service(mesh: World, spec: Any, ingress: Any, **metadata: Any) -> None:  # noqa: ANN401 - JSON
    item = {
        "metadata": {"name": gateways.EAST_WEST, **metadata},
        "spec": spec,
        "status": {"loadBalancer": {"ingress": ingress}},
    }
    mesh.second.put(SERVICES, item)


def test_there_may_be_none(mesh: World) -> None:
    assert ask(mesh, gateways.east_west, SECOND) is None
    assert ask(mesh, gateways.deployment, SECOND) is None
    assert ask(mesh, gateways.openings, SECOND) == ()


def test_the_service_says_where_it_leads_and_how(mesh: World) -> None:
    spec = {"ports": [{"port": 15443}, {"port": 15021}], "externalIPs": ["192.0.2.2"]}
    ingress = [{"ip": "192.0.2.1"}, {"hostname": "lb.example.com"}]
    service(mesh, spec, ingress, labels={"topology.istio.io/network": "network2"})
    assert ask(mesh, gateways.east_west, SECOND) == gateways.EastWest(
        "network2",
        (15443, 15021),
        ("192.0.2.1", "192.0.2.2"),
        ("lb.example.com",),
        is_on_nodes=False,
    )


@pytest.mark.parametrize(("kind", "is_on_nodes"), [("NodePort", True), ("LoadBalancer", False)])
def test_istiod_may_be_told_to_take_the_nodes(mesh: World, kind: str, is_on_nodes: bool) -> None:
    annotations = {"traffic.istio.io/nodeSelector": "{}"}
    service(mesh, {"type": kind}, None, annotations=annotations)
    found = ask(mesh, gateways.east_west, SECOND)
    assert found is not None
    assert found.is_on_nodes is is_on_nodes


def test_nonsense_is_nothing(mesh: World) -> None:
    service(mesh, {"ports": ["?", {"port": "x"}], "externalIPs": {}}, {"ip": 1}, labels={})
    found = ask(mesh, gateways.east_west, SECOND)
    assert found == gateways.EastWest("", (0,), (), (), is_on_nodes=False)


def test_what_is_no_ip_address_is_none(mesh: World) -> None:
    service(mesh, {"externalIPs": ["192.0.2.2", "a name"]}, [{"ip": "<b>"}, {"ip": "2001:db8::1"}])
    found = ask(mesh, gateways.east_west, SECOND)
    assert found is not None
    assert found.addresses == ("2001:db8::1", "192.0.2.2")


def test_the_gateway_is_read_in_the_config_cluster(mesh: World) -> None:
    server = {"port": {"number": 15443}, "tls": {"mode": "AUTO_PASSTHROUGH"}}
    item = {"metadata": {"name": gateways.CROSS_NETWORK}, "spec": {"servers": [server, {}]}}
    mesh.config.put(GATEWAYS, item)
    opened = gateways.Opening(15443, "AUTO_PASSTHROUGH"), gateways.Opening(0, "")
    assert ask(mesh, gateways.openings, SECOND) == opened


def test_what_the_repository_writes_is_understood(healthy_mesh: World) -> None:
    found = ask(healthy_mesh, gateways.east_west, SECOND)
    assert found is not None
    assert (found.network, 15443 in found.ports) == ("network2", True)
    assert ask(healthy_mesh, gateways.deployment, SECOND) is not None
    assert ask(healthy_mesh, gateways.openings, SECOND) == (gateways.Opening(15443, gateways.MODE),)
