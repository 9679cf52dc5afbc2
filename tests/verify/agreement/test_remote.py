from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.verify.agreement import check_remote
from tests import meshes
from tests.repositories import put, spoilt, swap, without

if TYPE_CHECKING:
    from tests.repositories import Change, Scene

NETWORK = "topology.istio.io/network"
CONFIG = "remote-cluster-1"
OTHER = "remote-cluster-2"
INJECTOR = ("MutatingWebhookConfiguration", "istio-sidecar-injector-external-istiod")
VALIDATOR = ("ValidatingWebhookConfiguration", "istio-validator-external-istiod")
DEFAULT_VALIDATOR = ("ValidatingWebhookConfiguration", "istiod-default-validator")
NAMESPACE = ("Namespace", "external-istiod")
GATEWAY = "istio-eastwestgateway"
URL = ("webhooks", 1, "clientConfig", "url")
LABELS = ("metadata", "labels", NETWORK)


def url(path: str, host: str = "https://istiod.example.com:15017") -> Change:
    return put(f"{host}{path}", *URL)


SPOILT: list[tuple[str, tuple[str, str], Change, str]] = [
    # cluster ID = webhook path
    (OTHER, INJECTOR, url("/inject/cluster/x/net/network2"), "EXTCP-V011"),
    (OTHER, INJECTOR, url("/inject/cluster/x--slash--y/net/network2"), "EXTCP-V011"),
    (OTHER, INJECTOR, url("/inject/cluster/remote-cluster-2"), "EXTCP-V011"),
    (OTHER, INJECTOR, url("/inject"), "EXTCP-V011"),
    (OTHER, INJECTOR, url("/inject/cluster/remote-cluster-2/net"), "EXTCP-V011"),
    (OTHER, INJECTOR, url("/other/cluster/remote-cluster-2/net/network2"), "EXTCP-V011"),
    # config cluster = annotation
    (
        OTHER,
        NAMESPACE,
        put("x", "metadata", "annotations", "topology.istio.io/controlPlaneClusters"),
        "EXTCP-V012",
    ),
    (
        OTHER,
        NAMESPACE,
        put(None, "metadata", "annotations", "topology.istio.io/controlPlaneClusters"),
        "EXTCP-V012",
    ),
    # network = webhook path = namespace label = east-west gateway
    (OTHER, INJECTOR, url("/inject/cluster/remote-cluster-2/net/x"), "EXTCP-V013"),
    (OTHER, NAMESPACE, put("x", *LABELS), "EXTCP-V013"),
    (OTHER, NAMESPACE, put(None, *LABELS), "EXTCP-V013"),
    (OTHER, ("Deployment", GATEWAY), put("x", *LABELS), "EXTCP-V013"),
    (
        OTHER,
        ("Deployment", GATEWAY),
        put("x", "spec", "selector", "matchLabels", NETWORK),
        "EXTCP-V013",
    ),
    (OTHER, ("Deployment", GATEWAY), put("x", "spec", "template", *LABELS), "EXTCP-V013"),
    (OTHER, ("Deployment", GATEWAY), swap("REQUESTED_NETWORK_VIEW", "X"), "EXTCP-V013"),
    (OTHER, ("Service", GATEWAY), put("x", *LABELS), "EXTCP-V013"),
    (OTHER, ("Service", GATEWAY), put("x", "spec", "selector", NETWORK), "EXTCP-V013"),
    # address = injection URL = validation URLs
    (
        OTHER,
        INJECTOR,
        url("/inject/cluster/remote-cluster-2/net/network2", "https://x:15017"),
        "EXTCP-V014",
    ),
    (
        OTHER,
        INJECTOR,
        url("/inject/cluster/remote-cluster-2/net/network2", "https://istiod.example.com:443"),
        "EXTCP-V014",
    ),
    (CONFIG, VALIDATOR, swap("istiod.example.com", "x.example.com"), "EXTCP-V014"),
    (CONFIG, DEFAULT_VALIDATOR, swap("https:", "http:"), "EXTCP-V014"),
    # the private CA
    (OTHER, INJECTOR, put(None, "webhooks", 0, "clientConfig", "caBundle"), "EXTCP-V016"),
    (OTHER, INJECTOR, put("***", "webhooks", 0, "clientConfig", "caBundle"), "EXTCP-V016"),
    (
        CONFIG,
        VALIDATOR,
        put(
            base64.b64encode(meshes.certificate("Another CA").encode()).decode(),
            *("webhooks", 0, "clientConfig", "caBundle"),
        ),
        "EXTCP-V016",
    ),
    # ports and paths
    (CONFIG, VALIDATOR, swap("/validate", "/inject"), "EXTCP-V017"),
    (OTHER, ("Service", GATEWAY), put([], "spec", "ports"), "EXTCP-V017"),
    (
        CONFIG,
        ("Gateway", "cross-network-gateway"),
        put(443, "spec", "servers", 0, "port", "number"),
        "EXTCP-V017",
    ),
    # the credential
    (
        OTHER,
        ("Secret", "istio-reader-service-account-istio-remote-secret-token"),
        put("istiod", "metadata", "annotations", "kubernetes.io/service-account.name"),
        "EXTCP-V018",
    ),
    (OTHER, INJECTOR, put([], "webhooks"), "EXTCP-V010"),
    (OTHER, ("Role", f"{GATEWAY}-sds"), put("set-in-the-cluster", "x"), "EXTCP-V020"),
]


@pytest.mark.parametrize(("cluster", "item", "change", "code"), SPOILT)
def test_each_disagreement_is_found(
    host_name: Scene, cluster: str, item: tuple[str, str], change: Change, code: str
) -> None:
    wanted = host_name.cluster(cluster)
    built = host_name.built[wanted.directory]
    found = check_remote(host_name.inventory, wanted, spoilt(built, *item, change))
    assert {finding.code for finding in found} == {code}
    assert {finding.file for finding in found} == {wanted.directory}


@pytest.mark.parametrize(
    ("cluster", "kind", "name"),
    [
        (CONFIG, *NAMESPACE),
        (CONFIG, *INJECTOR),
        (CONFIG, *VALIDATOR),
        (CONFIG, *DEFAULT_VALIDATOR),
        (CONFIG, "ServiceAccount", "istiod"),
        (CONFIG, "Secret", "istiod-istio-remote-secret-token"),
        (CONFIG, "Gateway", "cross-network-gateway"),
        (OTHER, "ServiceAccount", "istio-reader-service-account"),
        (OTHER, "Secret", "istio-reader-service-account-istio-remote-secret-token"),
        (OTHER, "Deployment", "istio-ingressgateway"),
        (OTHER, "Service", "istio-egressgateway"),
        (OTHER, "Deployment", GATEWAY),
        (OTHER, "Service", GATEWAY),
    ],
)
def test_each_object_that_has_to_be_there_is_missed(
    host_name: Scene, cluster: str, kind: str, name: str
) -> None:
    wanted = host_name.cluster(cluster)
    built = without(host_name.built[wanted.directory], kind, name)
    codes = {f.code for f in check_remote(host_name.inventory, wanted, built)}
    assert "EXTCP-V010" in codes


@pytest.mark.parametrize("name", [CONFIG, OTHER])
def test_what_is_generated_agrees(host_name: Scene, ip_address: Scene, name: str) -> None:
    for scene in (host_name, ip_address):
        cluster = scene.cluster(name)
        assert check_remote(scene.inventory, cluster, scene.built[cluster.directory]) == []


def test_only_the_config_cluster_validates(host_name: Scene) -> None:
    config, other = host_name.cluster(CONFIG), host_name.cluster(OTHER)
    stray = next(host_name.built[config.directory].of_kind("ValidatingWebhookConfiguration"))
    built = host_name.built[other.directory]
    both = type(built)(built.directory, (*built.documents, stray))
    found = check_remote(host_name.inventory, other, both)
    assert [finding.code for finding in found] == ["EXTCP-V012"]


@pytest.mark.parametrize(
    ("item", "change", "code"),
    [
        (("EndpointSlice", "istiod"), swap("192.0.2.10", "192.0.2.11"), "EXTCP-V014"),
        (
            ("EndpointSlice", "istiod"),
            put("x", "metadata", "labels", "kubernetes.io/service-name"),
            "EXTCP-V017",
        ),
        (INJECTOR, swap("/net/network1", "/net/x"), "EXTCP-V013"),
        (INJECTOR, put("x", "webhooks", 0, "clientConfig", "service", "name"), "EXTCP-V014"),
        (INJECTOR, put("eA==", "webhooks", 0, "clientConfig", "caBundle"), "EXTCP-V016"),
    ],
)
def test_disagreements_with_an_ip_address(
    ip_address: Scene, item: tuple[str, str], change: Change, code: str
) -> None:
    cluster = ip_address.cluster(CONFIG)
    built = spoilt(ip_address.built[cluster.directory], *item, change)
    found = check_remote(ip_address.inventory, cluster, built)
    assert {finding.code for finding in found} == {code}


def test_a_name_with_a_slash_is_compared_as_istiod_reads_it(host_name: Scene) -> None:
    cluster = host_name.cluster(OTHER)
    renamed = type(cluster)(**{**vars(cluster), "name": "team/blue"})
    path = "/inject/cluster/team--slash--blue/net/network2"
    built = spoilt(
        host_name.built[cluster.directory],
        *INJECTOR,
        swap("/inject/cluster/remote-cluster-2/net/network2", path),
    )
    assert check_remote(host_name.inventory, renamed, built) == []
