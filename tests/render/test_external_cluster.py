from __future__ import annotations

from dataclasses import replace

import pytest

from extcp_gitops.inventory.model import (
    CAType,
    CertificateAuthority,
    ControlPlane,
    GatewayTLS,
    Issuer,
)
from extcp_gitops.render.external_cluster import namespace, routing

PLANE = ControlPlane("istiod-a", "a.example.com", "c", GatewayTLS("a-tls"))


def _kinds(plane: ControlPlane) -> list[str]:
    return [item["kind"] for item in routing(plane)]


def test_a_request_at_the_address_reaches_istiod() -> None:
    gateway, routes, _ = routing(PLANE)
    assert [server["port"]["number"] for server in gateway["spec"]["servers"]] == [15012, 15017]
    assert {host for server in gateway["spec"]["servers"] for host in server["hosts"]} == {
        "a.example.com"
    }
    assert {server["tls"]["credentialName"] for server in gateway["spec"]["servers"]} == {"a-tls"}
    pairs = [
        (route["match"][0]["port"], route["route"][0]["destination"]["port"]["number"])
        for route in routes["spec"]["http"]
    ]
    assert pairs == [(15012, 15012), (15017, 443)]


def test_the_hop_to_istiod_is_verified_against_its_own_root() -> None:
    for settings in routing(PLANE)[2]["spec"]["trafficPolicy"]["portLevelSettings"]:
        assert settings["tls"] == {
            "mode": "SIMPLE",
            "sni": "istiod.istiod-a.svc",
            "credentialName": "configmap://istiod-a/istiod-root",
            "subjectAltNames": ["istiod.istiod-a.svc"],
        }


def test_until_the_root_is_pinned_the_hop_fails_closed() -> None:
    assert _kinds(PLANE) == ["Gateway", "VirtualService", "DestinationRule"]
    pinned = replace(PLANE, ca=CertificateAuthority(root_certificate="PEM"))
    assert routing(pinned)[3]["data"] == {"ca.crt": "PEM"}
    assert routing(pinned)[3]["metadata"] == {"name": "istiod-root", "namespace": "istiod-a"}


def test_verification_is_skipped_only_when_asked_for_by_name() -> None:
    careless = CertificateAuthority(root_certificate="PEM", insecure_skip_verify=True)
    objects = routing(replace(PLANE, ca=careless))
    assert [item["kind"] for item in objects] == ["Gateway", "VirtualService", "DestinationRule"]
    for settings in objects[2]["spec"]["trafficPolicy"]["portLevelSettings"]:
        tls = settings["tls"]
        assert tls["insecureSkipVerify"] is True
        assert not {"credentialName", "subjectAltNames"} & set(tls)


def test_cert_manager_fills_both_secrets_where_asked() -> None:
    issuer = Issuer("corp", kind="Issuer")
    ca = CertificateAuthority(type=CAType.PLUGGED_IN, issuer=issuer)
    plane = replace(PLANE, tls=GatewayTLS("a-tls", issuer), ca=ca)
    gateway, authority = [item for item in routing(plane) if item["kind"] == "Certificate"]
    assert gateway["metadata"]["namespace"] == "istio-system"
    assert (gateway["spec"]["secretName"], gateway["spec"]["dnsNames"]) == (
        "a-tls",
        [PLANE.address],
    )
    assert authority["metadata"]["namespace"] == "istiod-a"
    assert (authority["spec"]["secretName"], authority["spec"]["isCA"]) == ("cacerts", True)
    reference = {"group": "cert-manager.io", "kind": "Issuer", "name": "corp"}
    assert gateway["spec"]["issuerRef"] == authority["spec"]["issuerRef"] == reference


def test_an_ip_address_passes_tls_through() -> None:
    plane = ControlPlane("external-istiod", "192.0.2.1", "c")
    gateway, routes = routing(plane)
    assert {server["tls"]["mode"] for server in gateway["spec"]["servers"]} == {"PASSTHROUGH"}
    assert [route["match"][0]["sniHosts"] for route in routes["spec"]["tls"]] == [["*"], ["*"]]


@pytest.mark.parametrize("labels", [{}, {"a": "b"}])
def test_a_namespace_survives_pruning(labels: dict[str, str]) -> None:
    item = namespace("x", labels=labels)
    assert item["metadata"]["annotations"] == {
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false"
    }
    assert item["metadata"].get("labels", {}) == labels
