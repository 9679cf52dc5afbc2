from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops.verify.agreement import check_external
from tests import meshes
from tests.repositories import put, spoilt, swap, without

if TYPE_CHECKING:
    from extcp_gitops.errors import Finding
    from extcp_gitops.verify.objects import Built
    from tests.repositories import Change, Object, Scene

ISTIOD = ("Deployment", "istiod")
MESH = ("ConfigMap", "istio")
INJECTOR = ("ConfigMap", "istio-sidecar-injector")
GATEWAY = ("Gateway", "external-istiod-gw")
ROUTES = ("VirtualService", "external-istiod-vs")
RULE = ("DestinationRule", "external-istiod-dr")
CERTIFICATE = ("Certificate", "external-istiod-gateway")
SERVERS = ("spec", "servers")
SETTINGS = ("spec", "trafficPolicy", "portLevelSettings")
HTTP = ("spec", "http")
PRIVATE_CA = meshes.certificate("Private CA")


def environment(name: str, value: str | None, *, again: bool = False) -> Change:
    """Set a variable of istiod, or remove it, or give it a second time."""

    def change(data: Object) -> None:
        variables = data["spec"]["template"]["spec"]["containers"][0]["env"]
        (known,) = [item for item in variables if item["name"] == name]
        if again:
            variables.append({"name": name, "value": value})
        elif value is None:
            variables.remove(known)
        else:
            known["value"] = value

    return change


SPOILT: list[tuple[tuple[str, str], Change, str]] = [
    # the config cluster: CLUSTER_ID, once
    (ISTIOD, environment("CLUSTER_ID", "x"), "EXTCP-V012"),
    (ISTIOD, environment("CLUSTER_ID", None), "EXTCP-V012"),
    (ISTIOD, environment("CLUSTER_ID", "remote-cluster-1", again=True), "EXTCP-V012"),
    (INJECTOR, swap('"clusterName": "remote-cluster-1"', '"clusterName": "x"'), "EXTCP-V012"),
    (MESH, swap("rootNamespace: external-istiod", "rootNamespace: x"), "EXTCP-V012"),
    (INJECTOR, swap('"network": "network1"', '"network": "x"'), "EXTCP-V013"),
    # the address: caAddress, discoveryAddress, hosts
    (INJECTOR, swap("istiod.example.com:15012", "x.example.com:15012"), "EXTCP-V014"),
    (INJECTOR, swap("istiod.example.com:15012", "istiod.example.com:15010"), "EXTCP-V014"),
    (MESH, swap("istiod.example.com:15012", "x.example.com:15012"), "EXTCP-V014"),
    (GATEWAY, put(["x.example.com"], *SERVERS, 0, "hosts"), "EXTCP-V014"),
    (GATEWAY, put(["istiod.example.com", "*"], *SERVERS, 1, "hosts"), "EXTCP-V014"),
    (ROUTES, put(["x.example.com"], "spec", "hosts"), "EXTCP-V014"),
    (CERTIFICATE, put(["x.example.com"], "spec", "dnsNames"), "EXTCP-V014"),
    # mesh ID
    (MESH, swap("meshId: mesh1", "meshId: mesh2"), "EXTCP-V015"),
    (INJECTOR, swap('"meshID": "mesh1"', '"meshID": "mesh2"'), "EXTCP-V015"),
    # root = ConfigMap = DestinationRule; TLS Secret; private CA
    (("ConfigMap", "istiod-root"), put(meshes.certificate("X"), "data", "ca.crt"), "EXTCP-V016"),
    (RULE, swap("/istiod-root", "/other"), "EXTCP-V016"),
    (RULE, put(True, *SETTINGS, 0, "tls", "insecureSkipVerify"), "EXTCP-V016"),
    (RULE, put(None, *SETTINGS, 1, "tls", "subjectAltNames"), "EXTCP-V016"),
    (RULE, put("DISABLE", *SETTINGS, 1, "tls", "mode"), "EXTCP-V016"),
    (GATEWAY, put("x", *SERVERS, 0, "tls", "credentialName"), "EXTCP-V016"),
    (CERTIFICATE, put("x", "spec", "secretName"), "EXTCP-V016"),
    (INJECTOR, swap(PRIVATE_CA.splitlines()[1], "x"), "EXTCP-V016"),
    (ISTIOD, environment("INJECTION_WEBHOOK_CONFIG_NAME", "x"), "EXTCP-V016"),
    (ISTIOD, environment("VALIDATION_WEBHOOK_CONFIG_NAME", "x"), "EXTCP-V016"),
    # ports and routes
    (("Service", "istio-ingressgateway"), put(8080, "spec", "ports", 0, "port"), "EXTCP-V017"),
    (("Service", "istiod"), put([], "spec", "ports"), "EXTCP-V017"),
    (GATEWAY, put(8443, *SERVERS, 0, "port", "number"), "EXTCP-V017"),
    (
        ROUTES,
        put(15017, *HTTP, 1, "route", 0, "destination", "port", "number"),
        "EXTCP-V017",
    ),
    (ROUTES, put("x", *HTTP, 0, "route", 0, "destination", "host"), "EXTCP-V017"),
    (ROUTES, put([], "spec", "gateways"), "EXTCP-V017"),
    (RULE, put("x", "spec", "host"), "EXTCP-V017"),
    (RULE, put(15017, *SETTINGS, 1, "port", "number"), "EXTCP-V017"),
    # whose credentials istiod uses
    (ISTIOD, environment("LOCAL_CLUSTER_SECRET_WATCHER", "false"), "EXTCP-V018"),
    (ISTIOD, environment("EXTERNAL_ISTIOD", None), "EXTCP-V018"),
    (ISTIOD, environment("SHARED_MESH_CONFIG", "x"), "EXTCP-V018"),
]


@pytest.mark.parametrize(("item", "change", "code"), SPOILT)
def test_each_disagreement_is_found(
    host_name: Scene, item: tuple[str, str], change: Change, code: str
) -> None:
    found = _check(host_name, _spoilt(host_name, item, change))
    assert {finding.code for finding in found} == {code}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(ISTIOD, MESH, INJECTOR, GATEWAY, ROUTES, RULE, CERTIFICATE),
        ("Namespace", "istio-system"),
        ("Namespace", "external-istiod"),
        ("Service", "istio-ingressgateway"),
    ],
)
def test_each_object_that_has_to_be_there_is_missed(host_name: Scene, kind: str, name: str) -> None:
    documents = tuple(
        item
        for item in _external(host_name).documents
        if (item.kind, item.name) != (kind, name) or _is_of_the_ingress(item.namespace, name)
    )
    built = type(_external(host_name))("clusters/external-cluster", documents)
    assert "EXTCP-V010" in {finding.code for finding in _check(host_name, built)}


def test_what_is_generated_agrees(host_name: Scene, ip_address: Scene) -> None:
    for scene in (host_name, ip_address):
        assert _check(scene, _external(scene)) == []


def test_a_root_that_is_gone_is_missed(host_name: Scene) -> None:
    built = without(_external(host_name), "ConfigMap", "istiod-root")
    assert [finding.code for finding in _check(host_name, built)] == ["EXTCP-V016"]


def test_a_mesh_configuration_that_cannot_be_read_agrees_with_nothing(host_name: Scene) -> None:
    for item, key in ((MESH, "mesh"), (INJECTOR, "values")):
        for text in ("{", "- x", ""):
            built = _spoilt(host_name, item, put(text, "data", key))
            assert _check(host_name, built)


@pytest.mark.parametrize(
    ("item", "change", "code"),
    [
        (GATEWAY, put(["x.example.com"], *SERVERS, 0, "hosts"), "EXTCP-V014"),
        (MESH, swap("192.0.2.10", "192.0.2.11"), "EXTCP-V014"),
        (ISTIOD, environment("INJECTION_WEBHOOK_CONFIG_NAME", ""), "EXTCP-V016"),
        (ROUTES, put(443, "spec", "tls", 0, "match", 0, "port"), "EXTCP-V017"),
    ],
)
def test_disagreements_with_an_ip_address(
    ip_address: Scene, item: tuple[str, str], change: Change, code: str
) -> None:
    found = _check(ip_address, _spoilt(ip_address, item, change))
    assert {finding.code for finding in found} == {code}


def test_no_certificate_is_shown(host_name: Scene) -> None:
    pem = meshes.certificate("X")
    built = _spoilt(host_name, ("ConfigMap", "istiod-root"), put(pem, "data", "ca.crt"))
    assert "BEGIN" not in "".join(map(str, _check(host_name, built)))


def _external(scene: Scene) -> Built:
    return scene.built["clusters/external-cluster"]


def _check(scene: Scene, built: Built) -> list[Finding]:
    return check_external(scene.inventory, built)


def _spoilt(scene: Scene, item: tuple[str, str], change: Change) -> Built:
    """Spoil the control plane's own object, not that of the ingress gateway's istiod."""
    own = tuple(
        document
        for document in _external(scene).documents
        if not _is_of_the_ingress(document.namespace, document.name)
    )
    rest = tuple(set(_external(scene).documents) - set(own))
    part = spoilt(type(_external(scene))("clusters/external-cluster", own), *item, change)
    return type(part)(part.directory, (*part.documents, *rest))


def _is_of_the_ingress(namespace: str, name: str) -> bool:
    return namespace == "istio-system" and name in {"istiod", "istio", "istio-sidecar-injector"}
