from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import Severity, State
from tests.bot import planes
from tests.bot.apiserver import text
from tests.bot.fleets import ADDRESS, PLANE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from extcp_bot.result import Result
    from tests.bot.fleets import World

CODE = "EXTCP-H01"
VERIFY_FAILED = "TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED"
RESTORE = (
    "kubectl --context external-cluster apply --server-side --force-conflicts "
    "--kustomize clusters/external-cluster"
)


@pytest.fixture
def mesh() -> Iterator[World]:
    with planes.mesh() as made:
        yield made


def wrong(mesh: World) -> list[Result]:
    return [each for each in mesh.check(CODE) if each.state is not State.HEALTHY]


def problems(mesh: World) -> set[str]:
    return {each.problem or each.state.value for each in wrong(mesh)}


def spoil(mesh: World, path: str, change: Callable[[dict[str, Any]], object]) -> None:
    change(mesh.external.objects[path]["spec"])


def test_a_gateway_that_leads_to_istiod_is_healthy(mesh: World) -> None:
    found = mesh.check(CODE)
    assert [each for each in found if each.state is not State.HEALTHY] == []
    assert any(each.found == "HTTP 200" for each in found)


def test_tls_that_is_passed_through_is_healthy() -> None:
    with planes.mesh(by_ip=True) as mesh:
        assert problems(mesh) == set()


def test_each_port_is_tried_once_for_all_checks(mesh: World) -> None:
    with planes.presenting(mesh, planes.pair()) as server:
        mesh.check_all("EXTCP-H01", "EXTCP-H02", "EXTCP-H03")
        # Both ports, /ready, and one verification for the one bundle on each port.
        assert server.handshakes <= 5
        assert server.names == {ADDRESS}
        assert server.hosts == [f"{ADDRESS}:15017"]


def test_what_the_certificate_says_is_another_checks_question(mesh: World) -> None:
    with planes.presenting(mesh, planes.pair("another.example.com", "Foreign Root")):
        assert problems(mesh) == set()


@pytest.mark.parametrize("port", [15012, 15017])
def test_a_port_that_the_service_lacks_is_named(mesh: World, port: int) -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["ports"] = [each for each in spec["ports"] if each["port"] != port]

    spoil(mesh, planes.SERVICE, change)
    (found,) = wrong(mesh)
    assert (found.problem, found.severity) == ("port-missing", Severity.CRITICAL)
    assert found.found.endswith(f"not ports {port}")
    assert found.command == RESTORE


def test_what_a_missing_port_leads_to_is_not_named_again(mesh: World) -> None:
    spoil(mesh, planes.SERVICE, lambda spec: spec.update(ports=[{"port": 15012}]))
    planes.nobody_answers(mesh, 15017)
    assert problems(mesh) == {"port-missing"}


def test_a_service_without_ports_lacks_both(mesh: World) -> None:
    spoil(mesh, planes.SERVICE, lambda spec: spec.pop("ports"))
    (found,) = wrong(mesh)
    assert found.found == "ports none; not ports 15012, 15017"


def test_a_load_balancer_without_an_address_is_named(mesh: World) -> None:
    del mesh.external.objects[planes.SERVICE]["status"]
    (found,) = wrong(mesh)
    assert found.problem == "no-load-balancer-address"
    assert "describe service istio-ingressgateway" in found.command


def test_a_service_behind_a_persons_own_load_balancer_needs_no_address(mesh: World) -> None:
    del mesh.external.objects[planes.SERVICE]["status"]
    spoil(mesh, planes.SERVICE, lambda spec: spec.update(type="NodePort"))
    assert problems(mesh) == set()


@pytest.mark.parametrize(
    "path",
    [planes.SERVICE, planes.GATEWAY, planes.VIRTUAL_SERVICE, planes.DESTINATION_RULE],
)
def test_an_object_that_is_missing_is_named(mesh: World, path: str) -> None:
    planes.remove(mesh.external, path)
    (found,) = wrong(mesh)
    assert (found.problem, found.found, found.command) == ("not-configured", "none", RESTORE)


def test_a_gateway_without_a_server_for_a_port_lacks_the_port(mesh: World) -> None:
    spoil(mesh, planes.GATEWAY, lambda spec: spec["servers"].pop())
    (found,) = wrong(mesh)
    assert (found.problem, found.wanted) == ("port-missing", f"one for {ADDRESS}")
    assert found.looked_at == f"Gateway {PLANE}/external-istiod-gw, port 15017"


def test_a_gateway_for_another_host_is_named(mesh: World) -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["servers"][1]["hosts"] = ["istiod.example.org"]

    spoil(mesh, planes.GATEWAY, change)
    (found,) = wrong(mesh)
    assert (found.problem, found.found, found.wanted) == (
        "wrong-host",
        "istiod.example.org",
        ADDRESS,
    )


@pytest.mark.parametrize("host", ["*", "*.example.com", f"{PLANE}/{ADDRESS}", f"./{ADDRESS}"])
def test_hosts_that_hold_the_address_will_do(mesh: World, host: str) -> None:
    for path in (planes.GATEWAY, planes.VIRTUAL_SERVICE):
        spec = mesh.external.objects[path]["spec"]
        for holder in (spec, *spec.get("servers", [])):
            if "hosts" in holder:
                holder["hosts"] = ["another.example.com", host]
    assert problems(mesh) == set()


def test_another_secret_or_another_mode_is_named(mesh: World) -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["servers"][0]["tls"]["credentialName"] = "another"
        spec["servers"][1]["tls"]["mode"] = "MUTUAL"

    spoil(mesh, planes.GATEWAY, change)
    assert [(each.problem, each.found) for each in wrong(mesh)] == [
        ("wrong-tls", "SIMPLE, credentialName another"),
        ("wrong-tls", "MUTUAL, credentialName istiod-tls"),
    ]


def test_a_virtual_service_for_another_host_is_named_and_not_its_404(mesh: World) -> None:
    spoil(mesh, planes.VIRTUAL_SERVICE, lambda spec: spec.update(hosts=["istiod.example.org"]))
    with planes.presenting(mesh, planes.pair(), status=404):
        (found,) = wrong(mesh)
    assert (found.problem, found.wanted, found.command) == ("wrong-host", ADDRESS, RESTORE)
    assert found.looked_at == f"VirtualService {PLANE}/external-istiod-vs, hosts"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda spec: spec.update(gateways=["mesh"]), "gateways"),
        (lambda spec: spec["http"].pop(), "port 15017"),
        (lambda spec: spec["http"][0]["route"][0]["destination"].update(host="a"), "port 15012"),
        (lambda spec: spec["http"].insert(0, {"route": []}), "port 15012"),
        (lambda spec: spec.update(http="nonsense"), "port 15012"),
    ],
)
def test_a_virtual_service_that_leads_elsewhere_is_named(
    mesh: World, change: Callable[[dict[str, Any]], object], place: str
) -> None:
    spoil(mesh, planes.VIRTUAL_SERVICE, change)
    found = wrong(mesh)
    assert {each.problem for each in found} == {"wrong-route"}
    assert found[0].looked_at.endswith(place)


def test_the_guides_destination_rule_is_named_and_not_its_503(mesh: World) -> None:
    def change(spec: dict[str, Any]) -> None:
        for setting in spec["trafficPolicy"]["portLevelSettings"]:
            setting["tls"] = {"mode": "SIMPLE"}

    spoil(mesh, planes.DESTINATION_RULE, change)
    with planes.presenting(mesh, planes.pair(), status=503, text=VERIFY_FAILED):
        found = wrong(mesh)
    assert {each.problem for each in found} == {"hop-root-missing"}
    assert found[0].found == "credentialName none"
    assert found[0].wanted == f"credentialName configmap://{PLANE}/istiod-root"
    assert found[0].command == RESTORE


def test_a_hop_without_verification_is_named_where_nobody_asked_for_it(mesh: World) -> None:
    def change(spec: dict[str, Any]) -> None:
        for setting in spec["trafficPolicy"]["portLevelSettings"]:
            setting["tls"] = {**setting["tls"], "insecureSkipVerify": True}

    spoil(mesh, planes.DESTINATION_RULE, change)
    found = wrong(mesh)
    assert {(each.problem, each.severity) for each in found} == {("hop-unverified", Severity.ERROR)}


def test_a_hop_without_verification_is_healthy_where_the_inventory_asks_for_it() -> None:
    with planes.mesh(insecure=True) as mesh:
        assert problems(mesh) == set()
        assert planes.PINNED not in mesh.external.objects


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: spec.update(host="istiod.elsewhere.svc.cluster.local"),
        lambda spec: spec["trafficPolicy"]["portLevelSettings"].pop(),
        lambda spec: spec["trafficPolicy"]["portLevelSettings"][0].pop("connectionPool"),
        lambda spec: spec["trafficPolicy"]["portLevelSettings"][0]["tls"].update(mode="DISABLE"),
        lambda spec: spec["trafficPolicy"]["portLevelSettings"][0]["tls"].pop("subjectAltNames"),
        lambda spec: spec["trafficPolicy"]["portLevelSettings"][0]["tls"].update(sni="a"),
        lambda spec: spec["trafficPolicy"].update(portLevelSettings=[1, {"port": "x"}]),
    ],
)
def test_a_hop_other_than_the_repositorys_is_named(
    mesh: World, change: Callable[[dict[str, Any]], object]
) -> None:
    spoil(mesh, planes.DESTINATION_RULE, change)
    assert problems(mesh) == {"hop-wrong"}


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_a_root_that_is_emptied_or_garbage_is_missing(mesh: World, content: str) -> None:
    mesh.external.objects[planes.PINNED]["data"]["ca.crt"] = content
    (found,) = wrong(mesh)
    assert (found.problem, found.command) == ("hop-root-missing", RESTORE)


def test_a_root_that_nobody_has_pinned_can_be_pinned() -> None:
    with planes.mesh(pinned=False) as mesh:
        (found,) = wrong(mesh)
    assert found.problem == "hop-root-not-pinned"
    assert found.command == (
        "extcp-gitops control-plane pin-root external-istiod --context remote-cluster-1"
    )


def test_a_foreign_root_is_named_with_both(mesh: World) -> None:
    mesh.external.objects[planes.PINNED]["data"]["ca.crt"] = planes.authority("Foreign").root
    with planes.presenting(mesh, planes.pair(), status=503, text=VERIFY_FAILED):
        (found,) = wrong(mesh)
    assert (found.problem, found.command) == ("hop-root-wrong", RESTORE)
    assert "CN=Foreign" in found.found
    assert "CN=Mesh Root" in found.wanted


def test_a_root_that_istiod_has_changed_since_is_to_be_pinned_again(mesh: World) -> None:
    root = planes.authority("Foreign").root
    mesh.config.objects[planes.PUBLISHED]["data"]["root-cert.pem"] = root
    (found,) = wrong(mesh)
    assert found.problem == "hop-root-outdated"
    assert "pin-root" in found.command


def test_the_old_root_beside_the_new_one_is_healthy(mesh: World) -> None:
    both = planes.authority("Foreign").root + planes.authority("Mesh Root").root
    mesh.config.objects[planes.PUBLISHED]["data"]["root-cert.pem"] = both
    assert problems(mesh) == set()


def test_the_pinned_root_serves_while_the_config_cluster_is_out_of_sight(mesh: World) -> None:
    mesh.config.denied.add(planes.PUBLISHED)
    assert problems(mesh) == set()
    mesh.external.objects[planes.PINNED]["data"]["ca.crt"] = planes.authority("Foreign").root
    assert problems(mesh) == {"hop-root-wrong"}


def test_without_any_root_to_compare_with_it_is_unknown() -> None:
    with planes.mesh(pinned=False) as mesh:
        pinned = {"metadata": {"name": "istiod-root"}}
        root = planes.authority("Mesh Root").root
        mesh.external.put(f"{planes.OURS}/configmaps", {**pinned, "data": {"ca.crt": root}})
        mesh.config.denied.add(planes.PUBLISHED)
        (found,) = wrong(mesh)
    assert found.state is State.UNKNOWN
    assert planes.PUBLISHED in found.found


def test_istiod_without_a_ready_replica_is_named(mesh: World) -> None:
    mesh.external.objects[planes.ISTIOD]["status"] = {}
    with planes.presenting(mesh, planes.pair(), status=503, text="no healthy upstream"):
        (found,) = wrong(mesh)
    assert (found.problem, found.found) == ("istiod-not-ready", "0 of 1 replicas ready")
    assert "describe deployment/istiod" in found.command


def test_a_503_that_nothing_explains_is_shown(mesh: World) -> None:
    with planes.presenting(mesh, planes.pair(), status=503, text="no healthy upstream"):
        (found,) = wrong(mesh)
    assert (found.problem, found.found) == ("not-ready", "HTTP 503 no healthy upstream")


def test_a_503_says_itself_that_verification_fails(mesh: World) -> None:
    with planes.presenting(mesh, planes.pair(), status=503, text=VERIFY_FAILED):
        assert problems(mesh) == {"hop-root-wrong"}


def test_a_404_that_nothing_explains_is_another_route(mesh: World) -> None:
    with planes.presenting(mesh, planes.pair(), status=404):
        (found,) = wrong(mesh)
    assert (found.problem, found.found) == ("no-route", "HTTP 404")


def test_a_redirect_is_not_followed(mesh: World) -> None:
    with planes.presenting(mesh, planes.pair(), status=302):
        assert problems(mesh) == {"not-ready"}


def test_a_request_that_is_hung_up_on_is_not_ready(mesh: World) -> None:
    with planes.presenting(mesh, planes.pair(), status=0):
        (found,) = wrong(mesh)
    assert (found.problem, found.found) == ("not-ready", "no answer (ServerDisconnectedError)")


def test_a_port_without_http2_is_named(mesh: World) -> None:
    with planes.presenting(mesh, planes.pair(), protocols=["http/1.1"]):
        (found,) = wrong(mesh)
    assert (found.problem, found.found, found.wanted) == ("no-h2", "http/1.1", "h2")


def test_a_refused_connection_is_named(mesh: World) -> None:
    planes.nobody_answers(mesh, 15012, 15017)
    found = wrong(mesh)
    assert [each.problem for each in found] == ["refused", "refused"]
    assert found[0].looked_at == f"{ADDRESS}:15012"


def test_a_gateway_without_a_ready_replica_explains_that_nobody_listens(mesh: World) -> None:
    planes.nobody_answers(mesh, 15012, 15017)
    mesh.external.objects[planes.GATEWAY_PODS]["status"] = {"readyReplicas": "nonsense"}
    (found,) = wrong(mesh)
    assert found.problem == "gateway-not-ready"


def test_istiod_explains_a_broken_handshake_where_tls_is_passed_through() -> None:
    with planes.mesh(by_ip=True) as mesh:
        planes.nobody_answers(mesh, 15012, 15017)
        mesh.external.objects[planes.ISTIOD]["status"] = {}
        assert problems(mesh) == {"istiod-not-ready"}


def test_something_else_than_tls_is_named(mesh: World) -> None:
    with planes.answering(mesh, b"220 mail.example.com ESMTP\r\n"):
        found = wrong(mesh)
    assert {each.problem for each in found} == {"no-tls"}


def test_a_handshake_that_takes_too_long_is_unknown_and_names_the_route(mesh: World) -> None:
    mesh.fleet.limits = replace(mesh.fleet.limits, connect=0.1)
    with planes.answering(mesh, b""):
        found = wrong(mesh)
    assert {each.state for each in found} == {State.UNKNOWN}
    assert f"{ADDRESS}:15012" in found[0].found
    assert "let the bot's machine through" in found[0].remedy


def looked_up(mesh: World, *addresses: str, error: int | None = None) -> list[Result]:
    """What is said with DNS as told, and nobody at any address."""

    async def lookup(host: str) -> tuple[str, ...]:
        await asyncio.sleep(0)
        if error is not None and host == ADDRESS:
            raise socket.gaierror(error, "?")
        return addresses if host == ADDRESS else ("127.0.0.1",)

    mesh.fleet.connect_to, mesh.fleet.lookup = {}, lookup
    return mesh.check(CODE)


def test_the_address_of_the_load_balancer_is_healthy(mesh: World) -> None:
    found = looked_up(mesh, planes.LOAD_BALANCER)
    (dns,) = (each for each in found if each.looked_at == f"DNS of {ADDRESS}")
    assert (dns.state, dns.found) == (State.HEALTHY, planes.LOAD_BALANCER)


def test_another_address_is_a_warning(mesh: World) -> None:
    found = looked_up(mesh, "127.0.0.2", "127.0.0.3")
    (dns,) = (each for each in found if each.problem == "other-address")
    assert (dns.severity, dns.found) == (Severity.WARNING, "127.0.0.2, 127.0.0.3")
    assert dns.wanted == planes.LOAD_BALANCER


def test_a_load_balancer_with_a_name_is_compared_with_nothing(mesh: World) -> None:
    entries = [{"hostname": "a.elb.example.com"}]
    mesh.external.objects[planes.SERVICE]["status"]["loadBalancer"]["ingress"] = entries
    found = looked_up(mesh, "127.0.0.2")
    assert "other-address" not in {each.problem for each in found}


def test_without_sight_of_the_load_balancer_addresses_are_compared_with_nothing(
    mesh: World,
) -> None:
    mesh.external.denied.add(planes.SERVICE)
    found = looked_up(mesh, "127.0.0.2")
    assert "other-address" not in {each.problem for each in found}


@pytest.mark.parametrize("addresses", [(), ("127.0.0.1",)])
def test_a_name_that_dns_does_not_know_is_named_alone(
    mesh: World, addresses: tuple[str, ...]
) -> None:
    error = socket.EAI_NONAME if addresses else None
    bad = [each for each in looked_up(mesh, *addresses, error=error) if each.problem]
    assert [each.problem for each in bad] == ["not-resolved"]


def test_dns_that_does_not_answer_is_unknown(mesh: World) -> None:
    found = looked_up(mesh, error=socket.EAI_AGAIN)
    (dns,) = (each for each in found if each.state is not State.HEALTHY)
    assert dns.state is State.UNKNOWN
    assert "--connect-to" in dns.remedy


def test_a_part_that_may_not_be_looked_at_is_unknown_and_the_rest_is_not(mesh: World) -> None:
    mesh.external.denied.update({planes.SERVICE, planes.VIRTUAL_SERVICE})
    found = wrong(mesh)
    assert [each.state for each in found] == [State.UNKNOWN, State.UNKNOWN]
    assert planes.SERVICE in found[0].found
    assert "extcp-bot rbac" in found[0].remedy


def test_whoever_may_not_look_at_the_causes_is_told_the_consequence(mesh: World) -> None:
    mesh.external.denied.add(planes.ISTIOD)
    with planes.presenting(mesh, planes.pair(), status=503):
        assert problems(mesh) == {"not-ready"}


@pytest.mark.parametrize(
    "spec", [None, {"servers": [None], "http": {}, "ports": 1}, {"servers": "x", "ports": ["x"]}]
)
def test_nonsense_breaks_nothing(mesh: World, spec: object) -> None:
    for path in (
        planes.SERVICE,
        planes.GATEWAY,
        planes.VIRTUAL_SERVICE,
        planes.DESTINATION_RULE,
    ):
        mesh.external.objects[path]["spec"] = spec
    assert problems(mesh) == {"port-missing", "wrong-host", "wrong-route", "hop-wrong"}


def test_an_api_server_that_is_none_leaves_what_can_be_seen_without_it(mesh: World) -> None:
    mesh.external.everything = text("<html>")
    found = mesh.check(CODE)
    assert {each.state for each in found[:-3]} == {State.UNKNOWN}
    assert [each.state for each in found[-3:]] == [State.HEALTHY] * 3
