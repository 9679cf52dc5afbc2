"""A second control plane behind the same gateway: private CA, plugged-in CA, a world of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.testbed import workloads
from tests.e2e.testbed.payments import CLUSTER, PLANE
from tests.e2e.testbed.standard import CONFIG, SECOND
from tests.e2e.testbed.workloads import NAMESPACE, ask

if TYPE_CHECKING:
    from tests.e2e.testbed.mesh import ControlPlane
    from tests.e2e.testbed.standard import Mesh

SECONDS = 180


def test_each_control_plane_knows_its_own_clusters_alone(
    mesh: Mesh, payments: ControlPlane
) -> None:
    assert payments.registry() == {CLUSTER: "synced"}
    assert mesh.plane.registry() == {CONFIG: "synced", SECOND: "synced"}


def test_pods_start_behind_a_private_ca(payments: ControlPlane) -> None:
    cluster = payments.config
    workloads.deploy(cluster, "v2")
    workloads.wait_deployed(cluster, "v2", SECONDS)
    workloads.wait_heard([cluster], {"v2"}, SECONDS)


def test_the_plugged_in_root_is_the_root_of_the_second_mesh_alone(
    mesh: Mesh, payments: ControlPlane
) -> None:
    assert payments.plugged_in is not None
    assert payments.root().strip() == payments.plugged_in.root.strip()
    assert mesh.plane.root().strip() != payments.root().strip()
    assert payments.config.api.find("v1/secrets", PLANE, "istio-ca-secret") is None


def test_neither_mesh_hears_the_other(mesh: Mesh, payments: ControlPlane) -> None:
    """Both have a Service helloworld.sample; each caller hears its own mesh's Pods alone."""
    own = {pod["metadata"]["name"] for pod in payments.config.pods(NAMESPACE, "app=helloworld")}
    heard = "".join(answer["body"] for answer in ask(payments.config, count=20))
    heard_there = "".join(answer["body"] for answer in ask(mesh.config, count=40))
    assert any(name in heard for name in own)
    assert not any(name in heard_there for name in own)


def test_all_applications_settle(mesh: Mesh, payments: ControlPlane) -> None:
    mesh.argocd.wait_synced(SECONDS)
    assert f"mesh1.{payments.config.name}" in mesh.argocd.applications()
