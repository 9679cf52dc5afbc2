"""Bases with the real istioctl: what is in them, and that the cache gives the same again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops import plan
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory.load import load
from extcp_gitops.istioctl import Istioctl
from extcp_gitops.render import bases
from extcp_gitops.render.bases import Kind, Rendered
from extcp_gitops.yamlio.load import load_objects
from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_gitops.render.deltas import Object

INVENTORY = load(meshes.mesh()).inventory
PLANE = "istio/1.29.1/external-istiod"


@pytest.fixture
def rendered(istioctl_path: Path) -> dict[str, Rendered]:
    program = Istioctl(istioctl_path, "1.29.1")
    return bases.render(plan.bases(INVENTORY), "1.29.1", lambda: program)


def _objects(rendered: dict[str, Rendered], path: str) -> dict[tuple[str, str], Object]:
    found = load_objects(rendered[path].manifests)
    return {(item["kind"], item["metadata"]["name"]): item for item in found}


def test_crds_stand_apart_and_survive_pruning(rendered: dict[str, Rendered]) -> None:
    crds = _objects(rendered, "istio/1.29.1/crds")
    assert {kind for kind, _ in crds} == {"CustomResourceDefinition"}
    for item in crds.values():
        assert item["metadata"]["annotations"][bases.SYNC_OPTIONS] == bases.KEEP
    defined = rendered["istio/1.29.1/crds"].defines
    assert Kind("networking.istio.io", "VirtualService", namespaced=True) in defined
    others = [kind for path, one in rendered.items() if "crds" not in path for kind in one.kinds]
    assert "CustomResourceDefinition" not in {kind.kind for kind in others}


def test_the_config_cluster(rendered: dict[str, Rendered]) -> None:
    found = _objects(rendered, f"{PLANE}/config-cluster")
    webhooks = [name for kind, name in found if kind == "ValidatingWebhookConfiguration"]
    assert webhooks == ["istio-validator-external-istiod", "istiod-default-validator"]
    assert len(rendered[f"{PLANE}/config-cluster"].webhooks) == 4
    assert ("ConfigMap", "istio") in found
    assert ("ConfigMap", "values") not in found
    secret = found["Secret", "istiod-istio-remote-secret-token"]
    assert secret["metadata"]["annotations"] == {"kubernetes.io/service-account.name": "istiod"}
    assert not {"data", "stringData"} & set(secret)


def test_a_remote_cluster_reads_and_no_more(rendered: dict[str, Rendered]) -> None:
    found = _objects(rendered, f"{PLANE}/remote-cluster")
    assert sorted(found) == [
        ("ClusterRole", "istio-reader-clusterrole-external-istiod"),
        ("ClusterRoleBinding", "istio-reader-clusterrole-external-istiod"),
        ("MutatingWebhookConfiguration", "istio-sidecar-injector-external-istiod"),
        ("Secret", "istio-reader-service-account-istio-remote-secret-token"),
        ("ServiceAccount", "istio-reader-service-account"),
    ]


def test_gateways_come_after_the_webhook(rendered: dict[str, Rendered]) -> None:
    for gateway in ("ingress", "egress", "east-west"):
        for (kind, _), item in _objects(rendered, f"{PLANE}/gateways/{gateway}").items():
            waits = bases.SYNC_WAVE in item["metadata"].get("annotations", {})
            assert waits == (kind in {"Deployment", "HorizontalPodAutoscaler"})


def test_istiod_has_its_cluster_id_once(rendered: dict[str, Rendered]) -> None:
    istiod = _objects(rendered, f"{PLANE}/istiod")["Deployment", "istiod"]
    [container] = istiod["spec"]["template"]["spec"]["containers"]
    values = {item["name"]: item.get("value") for item in container["env"]}
    assert len(values) == len(container["env"])
    assert values["CLUSTER_ID"] == "remote-cluster-1"
    assert (values["EXTERNAL_ISTIOD"], values["LOCAL_CLUSTER_SECRET_WATCHER"]) == ("true", "true")
    assert values["SHARED_MESH_CONFIG"] == "istio"
    volumes = {item["name"]: item for item in istiod["spec"]["template"]["spec"]["volumes"]}
    assert volumes["istio-kubeconfig"]["secret"]["optional"] is False
    assert values["INJECTION_WEBHOOK_CONFIG_NAME"] == values["VALIDATION_WEBHOOK_CONFIG_NAME"] == ""


def test_the_ingress_gateway_has_the_three_ports(rendered: dict[str, Rendered]) -> None:
    service = _objects(rendered, "istio/1.29.1/ingress-gateway")["Service", "istio-ingressgateway"]
    ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
    assert ports == {"status-port": 15021, "tls-xds": 15012, "tls-webhook": 15017}


def test_what_was_rendered_before_needs_no_istioctl(rendered: dict[str, Rendered]) -> None:
    def missing() -> Istioctl:
        raise AssertionError("istioctl is not needed")

    assert bases.render(plan.bases(INVENTORY), "1.29.1", missing) == rendered


def test_a_broken_cache_is_rendered_anew(
    rendered: dict[str, Rendered], empty_cache: Path, istioctl_path: Path
) -> None:
    program = Istioctl(istioctl_path, "1.29.1")
    crds = plan.bases(INVENTORY)[:1]
    bases.render(crds, "1.29.1", lambda: program)
    [kept] = empty_cache.rglob("*.json")
    kept.write_bytes(kept.read_bytes()[:100])
    again = bases.render(crds, "1.29.1", lambda: program)
    assert again == {crds[0].path: rendered[crds[0].path]}


@pytest.mark.usefixtures("empty_cache")
def test_another_release_is_refused(istioctl_other: Path) -> None:
    program = Istioctl(istioctl_other, "1.28.3")
    broken = [plan.Base("x", {"kind": "IstioOperator", "spec": {"profile": "nowhere"}})]
    with pytest.raises(ExtcpError):
        bases.render(broken, "1.28.3", lambda: program)
