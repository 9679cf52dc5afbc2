"""The guide's own checks, on a mesh that Argo CD brought up from the generated repository."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.testbed.errors import TestbedError
from tests.e2e.testbed.standard import CONFIG, SECOND
from tests.e2e.testbed.workloads import NAMESPACE, sidecar

if TYPE_CHECKING:
    from tests.e2e.testbed.standard import Mesh

MUTATING = "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
VALIDATING = "admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


def test_all_applications_are_synced_and_healthy(mesh: Mesh) -> None:
    seen = mesh.argocd.applications()
    assert len(seen) >= 1 + 2 * 3
    assert {name: state for name, state in seen.items() if state != ("Synced", "Healthy")} == {}


def test_each_remote_cluster_has_the_four_injection_webhooks(mesh: Mesh) -> None:
    for cluster, network in zip(mesh.remotes, ("network1", "network2"), strict=True):
        (found,) = cluster.api.list(MUTATING)
        urls = {hook["clientConfig"]["url"] for hook in found["webhooks"]}
        path = f"/inject/cluster/{cluster.name}/net/{network}"
        assert len(found["webhooks"]) == 4
        assert urls == {f"https://{mesh.plane.address}:15017{path}"}


def test_the_config_cluster_alone_validates(mesh: Mesh) -> None:
    names = {item["metadata"]["name"] for item in mesh.config.api.list(VALIDATING)}
    assert names == {f"istio-validator-{mesh.plane.namespace}", "istiod-default-validator"}
    assert mesh.remotes[1].api.list(VALIDATING) == []


def test_istiod_is_ready_with_its_config_maps(mesh: Mesh) -> None:
    mesh.external.wait_available(mesh.plane.namespace, "istiod", seconds=5)
    for name in ("istio", "istio-sidecar-injector"):
        assert mesh.external.api.get("v1/configmaps", mesh.plane.namespace, name)


def test_istiod_keeps_its_ca_and_its_leases_in_the_config_cluster(mesh: Mesh) -> None:
    api, namespace = mesh.config.api, mesh.plane.namespace
    assert api.get("v1/secrets", namespace, "istio-ca-secret")
    lease = api.get("v1/configmaps", namespace, "istio-namespace-controller-election")
    leader = json.loads(
        lease["metadata"]["annotations"]["control-plane.alpha.kubernetes.io/leader"]
    )
    assert leader["holderIdentity"] in mesh.plane.istiods()


def test_every_namespace_of_each_remote_cluster_has_the_root(mesh: Mesh) -> None:
    root = mesh.plane.root()
    for cluster in mesh.remotes:
        for namespace in ("default", NAMESPACE, mesh.plane.namespace):
            found = cluster.api.get("v1/configmaps", namespace, "istio-ca-root-cert")
            assert found["data"]["root-cert.pem"] == root


def test_istiod_knows_exactly_the_clusters_of_the_mesh(mesh: Mesh) -> None:
    assert mesh.plane.registry() == {CONFIG: "synced", SECOND: "synced"}


def test_pods_are_injected_and_their_sidecars_ready(mesh: Mesh) -> None:
    for cluster in mesh.remotes:
        (pod,) = cluster.pods(NAMESPACE, "app=helloworld")
        status = sidecar(pod)
        assert status is not None
        assert status["ready"]
        proxy = next(
            c
            for c in [*pod["spec"]["containers"], *pod["spec"]["initContainers"]]
            if c["name"] == "istio-proxy"
        )
        variables = {v["name"]: v.get("value") for v in proxy["env"]}
        assert variables["ISTIO_META_CLUSTER_ID"] == cluster.name
        assert variables["CA_ADDR"] == f"{mesh.plane.address}:15012"


def test_the_runbook_sees_the_mesh_working(mesh: Mesh) -> None:
    """Its chapter "Verify", with a Pod that would be injected."""
    assert "istio-proxy" in mesh.repository.runbook.follow("Verify")


def test_an_invalid_virtual_service_is_refused_by_istiod(mesh: Mesh) -> None:
    invalid = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "no-hosts-in-a-gateway", "namespace": "default"},
        "spec": {"hosts": ["a.example.com"], "http": [{"route": [{"destination": {"host": ""}}]}]},
    }
    with pytest.raises(TestbedError, match=r"validation\.istio\.io.* denied the request"):
        mesh.config.apply(invalid)
