"""The guide's other variant, for experiments: an IP address, and TLS passed through to istiod."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.testbed import workloads
from tests.e2e.testbed.mesh import ControlPlane, add_stock_envoy
from tests.e2e.testbed.processes import wait_for
from tests.e2e.testbed.repository import MeshRepository

if TYPE_CHECKING:
    from tests.e2e.testbed.standard import Mesh

EXTERNAL, REMOTE, MESH_ID = "ip-external", "ip-remote", "ip"
SECONDS = 180
SLICES = "discovery.k8s.io/v1/endpointslices"


@pytest.fixture(scope="module")
def repository(mesh: Mesh) -> MeshRepository:
    """A mesh of its own, in an external cluster of its own, described by the gateway's address."""
    testbed = mesh.testbed
    external, remote = testbed.add_clusters(EXTERNAL, REMOTE)
    for cluster in (external, remote):
        mesh.argocd.add_cluster(cluster)
    repository = MeshRepository(testbed, mesh.gitea, "ip", external=EXTERNAL)
    # The first load balancer of a cluster gets the first address of its range.
    address = external.network.load_balancer_address(1)
    names = ["--external-cluster", EXTERNAL, "--remote-cluster", REMOTE]
    repository.init("--mesh-id", MESH_ID, "--address", address, *names)
    add_stock_envoy(repository, EXTERNAL, "istio-system")
    add_stock_envoy(repository, REMOTE, "external-istiod")
    repository.extcp("generate")
    repository.commit("Fit the mesh to stock Envoy")
    mesh.argocd.add_repository(mesh.gitea, repository.url)
    return repository


@pytest.fixture(scope="module")
def plane(mesh: Mesh, repository: MeshRepository) -> ControlPlane:
    """The control plane, started as the runbook says."""
    clusters = mesh.testbed.clusters
    plane = ControlPlane(mesh.testbed, clusters[EXTERNAL], clusters[REMOTE])
    mesh.argocd.include_endpoint_slices()
    runbook = repository.runbook
    runbook.follow("2. Hand the mesh over")
    runbook.follow("4. Give each control plane its config cluster")
    plane.root()
    return plane


def test_validate_warns_of_an_ip_address(repository: MeshRepository) -> None:
    said = repository.extcp("validate")
    assert "EndpointSlice" in said
    assert "warning" in said


def test_the_runbook_sees_it_working(repository: MeshRepository, plane: ControlPlane) -> None:
    """Its chapter "Verify": istiod answers through the gateway, and a Pod would be injected."""
    seen = wait_for("the runbook's checks", lambda: repository.runbook.follow("Verify"), SECONDS)
    assert "istio-proxy" in str(seen)
    assert plane.registry() == {REMOTE: "synced"}


def test_argocd_brings_the_endpoint_slice(plane: ControlPlane) -> None:
    slices = plane.config.api.list(SLICES, plane.namespace)
    assert [plane.external.network.load_balancer_address(1)] in [
        endpoint["addresses"] for item in slices for endpoint in item["endpoints"]
    ]


def test_pods_start_and_answer(mesh: Mesh, plane: ControlPlane) -> None:
    cluster = plane.config
    workloads.deploy(cluster, "v1")
    workloads.wait_deployed(cluster, "v1", SECONDS)
    workloads.wait_heard([cluster], {"v1"}, SECONDS)
    mesh.argocd.wait_synced(SECONDS)
