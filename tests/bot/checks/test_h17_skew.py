from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_bot.checks.model import Severity, State
from tests import meshes
from tests.bot.fleets import CONFIG, EXTERNAL, PLANE, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.result import Result
    from tests.bot.apiserver import ApiServer

CODE = "EXTCP-H17"
ISTIOD = f"/apis/apps/v1/namespaces/{PLANE}/deployments"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        fill(made)
        yield made


def fill(mesh: World) -> None:
    istiod(mesh, "docker.io/istio/pilot:1.29.1")
    for server in mesh.servers.values():
        kubernetes(server, "v1.35.0")
        proxy(server, "proxy", "docker.io/istio/proxyv2:1.29.1")
    for server in (mesh.external, mesh.config):
        crd(server, "gateways.networking.istio.io", "1.29.1")


def istiod(mesh: World, image: str) -> None:
    containers = [{"name": "discovery", "image": image}]
    spec = {"replicas": 1, "template": {"spec": {"containers": containers}}}
    mesh.external.put(ISTIOD, {"metadata": {"name": "istiod"}, "spec": spec})


def kubernetes(server: ApiServer, version: str) -> None:
    major, minor, _ = version.removeprefix("v").split(".", 2)
    server.objects["/version"] = {"major": major, "minor": minor, "gitVersion": version}


def proxy(server: ApiServer, name: str, image: str) -> None:
    labels = {"service.istio.io/canonical-name": name}
    containers = [{"name": "istio-proxy", "image": image}]
    pod = {"metadata": {"name": name, "labels": labels}, "spec": {"containers": containers}}
    server.put("/api/v1/namespaces/payments/pods", pod)


def crd(server: ApiServer, name: str, version: str) -> None:
    labels = {"app.kubernetes.io/part-of": "istio", "app.kubernetes.io/version": version}
    server.put(CRDS, {"metadata": {"name": name, "labels": labels}})


def wrong(mesh: World, cluster: str = "") -> list[Result]:
    return [each for each in mesh.check(CODE, cluster) if each.state is not State.HEALTHY]


def one(mesh: World, cluster: str) -> Result:
    (found,) = wrong(mesh, cluster)
    return found


def test_one_version_everywhere_is_healthy(mesh: World) -> None:
    found = mesh.check(CODE)
    assert {each.state for each in found} == {State.HEALTHY}
    assert {each.cluster for each in found} == {EXTERNAL, CONFIG, SECOND}
    said = {each.looked_at: each.found for each in found}
    assert said[f"proxies of {SECOND}"] == "1 Pods with a proxy: 1.29.1; istiod 1.29.1"
    assert said[f"CRDs of {CONFIG}"] == "1 of version 1.29.1"


def test_istiod_of_another_version_than_the_repository_says(mesh: World) -> None:
    istiod(mesh, "docker.io/istio/pilot:1.29.0")
    found = one(mesh, EXTERNAL)
    assert (found.problem, found.severity) == ("other-version", Severity.WARNING)
    assert (found.found, found.wanted) == ("1.29.0", "1.29.1")
    assert found.command.endswith("--kustomize clusters/external-cluster")


def test_a_variant_of_the_image_is_the_same_version(mesh: World) -> None:
    istiod(mesh, "registry.example.com:5000/mesh/pilot:1.29.1-distroless@sha256:0123")
    assert not wrong(mesh, EXTERNAL)


@pytest.mark.parametrize("tag", ["1.29.0", "1.28.3", "1.28.0-distroless"])
def test_proxies_may_be_one_minor_release_behind(mesh: World, tag: str) -> None:
    proxy(mesh.second, "another", f"docker.io/istio/proxyv2:{tag}")
    (seen,) = (each for each in mesh.check(CODE, SECOND) if "proxies" in each.looked_at)
    assert seen.state is State.HEALTHY
    assert f"{tag}, 1.29.1" in seen.found


def test_proxies_two_minor_releases_behind_are_too_old(mesh: World) -> None:
    proxy(mesh.second, "another", "docker.io/istio/proxyv2:1.27.9")
    found = one(mesh, SECOND)
    assert (found.problem, found.severity) == ("proxy-too-old", Severity.WARNING)
    assert (found.found, found.wanted) == ("Pod payments/another: 1.27.9", "1.28 or 1.29")
    assert found.command == (
        f"kubectl --context {SECOND} --namespace payments rollout restart deployment"
    )


def test_proxies_may_not_be_ahead(mesh: World) -> None:
    for name in ("another", "proxy"):
        proxy(mesh.second, name, "docker.io/istio/proxyv2:1.30.0")
    found = one(mesh, SECOND)
    assert (found.problem, found.severity) == ("proxy-newer", Severity.ERROR)
    assert found.found == "Pod payments/another and 1 more: 1.30.0"


def test_a_proxy_that_tells_no_version_is_unknown(mesh: World) -> None:
    proxy(mesh.second, "another", "docker.io/istio/proxyv2@sha256:0123")
    found = one(mesh, SECOND)
    assert found.state is State.UNKNOWN
    assert "Pod payments/another" in found.found


def test_a_cluster_without_proxies_has_none_that_is_wrong(mesh: World) -> None:
    del mesh.second.objects["/api/v1/namespaces/payments/pods/proxy"]
    assert not wrong(mesh, SECOND)


def test_without_istiod_nobody_knows_what_proxies_should_be(mesh: World) -> None:
    del mesh.external.objects[f"{ISTIOD}/istiod"]
    found = one(mesh, SECOND)
    assert found.state is State.UNKNOWN
    assert "is not there" in found.found


def test_an_istiod_without_a_version_is_unknown_once(mesh: World) -> None:
    istiod(mesh, "docker.io/istio/pilot:latest")
    assert one(mesh, EXTERNAL).state is State.UNKNOWN


@pytest.mark.parametrize("cluster", [EXTERNAL, CONFIG])
def test_crds_that_are_not_there_can_be_applied(mesh: World, cluster: str) -> None:
    del mesh.servers[cluster].objects[f"{CRDS}/gateways.networking.istio.io"]
    found = one(mesh, cluster)
    assert (found.problem, found.severity) == ("crds-missing", Severity.ERROR)
    assert found.command == (
        f"kubectl --context {cluster} apply --server-side --force-conflicts "
        "--kustomize istio/1.29.1/crds"
    )


@pytest.mark.parametrize("version", ["1.28.3", "", "nonsense"])
def test_crds_of_an_earlier_release_are_too_old(mesh: World, version: str) -> None:
    crd(mesh.config, "sidecars.networking.istio.io", version)
    found = one(mesh, CONFIG)
    assert (found.problem, found.wanted) == ("crds-too-old", "1.29.1")
    assert "sidecars.networking.istio.io" in found.found


def test_crds_are_upgraded_first(mesh: World) -> None:
    crd(mesh.config, "gateways.networking.istio.io", "1.30.0")
    assert not wrong(mesh, CONFIG)


def test_nobody_reads_configuration_from_other_clusters(mesh: World) -> None:
    assert not any("CRDs" in each.looked_at for each in mesh.check(CODE, SECOND))


def test_an_old_kubernetes_is_named(mesh: World) -> None:
    kubernetes(mesh.second, "v1.30.4+k3s1")
    found = one(mesh, SECOND)
    assert (found.problem, found.found) == ("kubernetes-too-old", "v1.30.4+k3s1")
    assert found.wanted == "1.31 to 1.35, for Istio 1.29"


def test_a_newer_kubernetes_than_istio_was_tested_with_is_told(mesh: World) -> None:
    kubernetes(mesh.second, "v1.36.3")
    (seen,) = (each for each in mesh.check(CODE, SECOND) if "Kubernetes" in each.looked_at)
    assert (seen.state, seen.found) == (
        State.HEALTHY,
        "v1.36.3; Istio 1.29 was tested with up to 1.35",
    )


def test_a_release_of_istio_that_came_after_this_check_is_told() -> None:
    changes = {"mesh.yaml": meshes.replaced(meshes.MESH, "1.29.1", "1.31.0")}
    with world(changes) as mesh:
        kubernetes(mesh.second, "v1.20.0")
        (seen,) = (each for each in mesh.check(CODE, SECOND) if "Kubernetes" in each.looked_at)
        assert (seen.state, "later than this check" in seen.found) == (State.HEALTHY, True)


@pytest.mark.parametrize("said", [{}, {"gitVersion": 1}, {"gitVersion": "x" * 9999}])
def test_an_api_server_without_a_version_is_unknown(mesh: World, said: dict[str, object]) -> None:
    mesh.second.objects["/version"] = said
    assert one(mesh, SECOND).state is State.UNKNOWN


def test_no_permission_is_unknown_and_says_which_and_the_rest_is_known(mesh: World) -> None:
    mesh.config.denied.update({"/api/v1/pods", CRDS})
    found = mesh.check(CODE, CONFIG)
    assert [each.state for each in found] == [State.HEALTHY, State.UNKNOWN, State.UNKNOWN]
    assert "/api/v1/pods" in found[1].found
    assert CRDS in found[2].found
