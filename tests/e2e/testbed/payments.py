"""A second control plane behind the same gateway, with a private CA and a plugged-in CA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .mesh import ControlPlane, add_stock_envoy
from .pki import Authority
from .standard import start_control_plane

if TYPE_CHECKING:
    from .standard import Mesh

PLANE, ADDRESS, CLUSTER = "istiod-payments", "istiod-payments.example.com", "payments-1"
TLS_SECRET = "payments-tls"  # noqa: S105 - the name of a Secret


def add(mesh: Mesh) -> ControlPlane:
    """Describe it, merge it and start it."""
    testbed, repository = mesh.testbed, mesh.repository
    (cluster,) = testbed.add_clusters(CLUSTER)
    mesh.argocd.add_cluster(cluster)
    plane = ControlPlane(testbed, mesh.external, cluster)
    plane.namespace, plane.address, plane.tls_secret = PLANE, ADDRESS, TLS_SECRET
    plane.plugged_in = Authority("Payments Mesh Root")
    repository.git("switch", "--quiet", "--create", "add-payments", "main")
    options = ["--address", ADDRESS, "--tls-secret", TLS_SECRET, "--config-cluster", CLUSTER]
    repository.extcp("control-plane", "add", PLANE, *options)
    _trust(mesh, testbed.private.root)
    add_stock_envoy(repository, CLUSTER, PLANE)
    repository.extcp("generate")
    repository.commit("Add the control plane of payments")
    repository.merge("add-payments", "Add the control plane of payments")
    mesh.argocd.refresh()
    repository.runbook.follow("2. Hand the mesh over", 2)
    start_control_plane(mesh, plane, testbed.private)
    return plane


def _trust(mesh: Mesh, root: str) -> None:
    """What a person adds in mesh.yaml to the control plane that stands last there."""
    path = mesh.repository.directory / "mesh.yaml"
    pem = "".join(f"      {line}\n" for line in root.splitlines())
    authority = "    certificateAuthority:\n      type: plugged-in\n"
    path.write_text(f"{path.read_text()}    caBundle: |\n{pem}{authority}")
