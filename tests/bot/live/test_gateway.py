from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.live import gateway
from extcp_bot.live.gateway import Hop, Route, Server, Service, VirtualService
from tests.bot import planes
from tests.bot.fleets import ADDRESS, PLANE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from extcp_bot.target import Target
    from tests.bot.fleets import World

ISTIOD = f"istiod.{PLANE}.svc.cluster.local"


@pytest.fixture
def mesh() -> Iterator[World]:
    with planes.mesh() as made:
        yield made


def read(mesh: World, reader: Callable[[Target], Awaitable[Any]]) -> Any:  # noqa: ANN401 - of any type
    async def one() -> Any:  # noqa: ANN401 - as above
        fleet = replace(mesh.fleet)
        try:
            return await reader(fleet.targets()[0])
        finally:
            await fleet.close()

    return asyncio.run(one())


def target(mesh: World) -> Target:
    return mesh.fleet.targets()[0]


def test_the_service_says_where_it_is_and_what_it_listens_on(mesh: World) -> None:
    entries = [{"ip": "192.0.2.1"}, {"hostname": "a.example.com"}, {"ip": 1}, "x"]
    mesh.external.objects[planes.SERVICE]["status"]["loadBalancer"]["ingress"] = entries
    mesh.external.objects[planes.SERVICE]["spec"]["externalIPs"] = ["192.0.2.2"]
    assert read(mesh, gateway.service) == Service(
        is_load_balancer=True,
        addresses=("192.0.2.1", "192.0.2.2"),
        host_names=("a.example.com",),
        ports=(15021, 15012, 15017),
    )


def test_what_is_live_is_read_with_the_eyes_for_what_is_wanted(mesh: World) -> None:
    wanted = gateway.wanted(target(mesh).plane)
    assert read(mesh, gateway.servers) == wanted.servers
    assert read(mesh, gateway.virtual_service) == wanted.virtual_service
    assert read(mesh, gateway.destination_rule) == wanted.destination_rule
    assert read(mesh, gateway.pinned_root) == planes.authority("Mesh Root").root


def test_what_is_wanted_by_host_name(mesh: World) -> None:
    wanted = gateway.wanted(target(mesh).plane)
    assert wanted.servers[1] == Server(15017, (ADDRESS,), "SIMPLE", "istiod-tls")
    assert wanted.virtual_service == VirtualService(
        (ADDRESS,),
        ("external-istiod-gw",),
        (Route(15012, (f"{ISTIOD}:15012",)), Route(15017, (f"{ISTIOD}:443",))),
    )
    assert wanted.destination_rule is not None
    name = f"istiod.{PLANE}.svc"
    root = f"configmap://{PLANE}/istiod-root"
    hop = Hop("SIMPLE", name, (name,), root, is_unverified=False, upgrade="UPGRADE")
    assert wanted.destination_rule.hops == {15012: hop, 443: replace(hop, upgrade="")}
    assert hop.words == (
        f"mode SIMPLE, sni {name}, subjectAltNames {name}, h2UpgradePolicy UPGRADE"
    )
    assert hop.trust == f"credentialName {root}"
    assert replace(hop, is_unverified=True).trust == "insecureSkipVerify"


def test_what_is_wanted_by_ip_address() -> None:
    with planes.mesh(by_ip=True) as mesh:
        wanted = gateway.wanted(target(mesh).plane)
        assert wanted.servers[0] == Server(15012, ("*",), "PASSTHROUGH", "")
        assert wanted.virtual_service.destinations(15017) == (f"{ISTIOD}:443",)
        assert wanted.destination_rule is None
        assert read(mesh, gateway.virtual_service) == wanted.virtual_service


@pytest.mark.parametrize(
    ("reader", "path", "missing"),
    [
        (gateway.service, planes.SERVICE, None),
        (gateway.servers, planes.GATEWAY, None),
        (gateway.virtual_service, planes.VIRTUAL_SERVICE, None),
        (gateway.destination_rule, planes.DESTINATION_RULE, None),
        (gateway.pinned_root, planes.PINNED, ""),
        (gateway.certificate, planes.SECRET, None),
    ],
)
def test_what_is_not_there(
    mesh: World, reader: Callable[[Target], Awaitable[Any]], path: str, missing: object
) -> None:
    planes.remove(mesh.external, path)
    assert read(mesh, reader) == missing


def test_each_object_has_a_name_for_people(mesh: World) -> None:
    assert gateway.place(target(mesh), gateway.GATEWAYS) == f"Gateway {PLANE}/external-istiod-gw"


def test_the_secret_gives_its_certificate_alone(mesh: World) -> None:
    assert read(mesh, gateway.certificate) == planes.pair().certificate
    mesh.external.objects[planes.SECRET]["data"] = {"tls.crt": "no base64"}
    assert read(mesh, gateway.certificate) == ""


def test_a_generic_secret_has_its_certificate_under_the_names_that_istiod_takes_first(
    mesh: World,
) -> None:
    one, other = planes.pair().certificate, "other"
    data = {"cert": planes.encode(one), "key": planes.encode("key")}
    mesh.external.objects[planes.SECRET]["data"] = data
    assert read(mesh, gateway.certificate) == one
    data["tls.crt"] = planes.encode(other)
    assert read(mesh, gateway.certificate) == one
    data["key"] = ""
    assert read(mesh, gateway.certificate) == other


@pytest.mark.parametrize(
    ("port", "found"), [(15012, ("first:1",)), (15017, ("second:2",)), (443, ("second:2",))]
)
def test_the_first_route_that_takes_a_port_is_the_one(port: int, found: tuple[str, ...]) -> None:
    routes = (Route(15012, ("first:1",)), Route(0, ("second:2",)), Route(15017, ("third:3",)))
    assert VirtualService((), (), routes).destinations(port) == found


def test_a_port_that_no_route_takes_leads_nowhere() -> None:
    assert VirtualService((), (), ()).destinations(15012) == ()


@pytest.mark.parametrize(
    ("hosts", "host", "covers"),
    [
        (("a.example.com",), "a.example.com", True),
        (("b.example.com", "*"), "a.example.com", True),
        (("*.example.com",), "a.example.com", True),
        (("*.example.com",), "example.com", False),
        (("ns/a.example.com",), "a.example.com", True),
        (("*/*",), "a.example.com", True),
        (("a.example.com",), "*", False),
        (("*",), "*", True),
        ((), "a.example.com", False),
    ],
)
def test_hosts_are_read_as_istio_does(hosts: tuple[str, ...], host: str, covers: bool) -> None:
    assert gateway.covers(hosts, host) is covers
