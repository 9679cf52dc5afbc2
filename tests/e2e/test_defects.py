"""What goes wrong by the guide, seen to go wrong, and seen to work as the repository has it."""

from __future__ import annotations

import time
import urllib.error
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.e2e.testbed.parts import part
from tests.e2e.testbed.processes import run, wait_for
from tests.e2e.testbed.testbed import EXTERNAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.testbed.api import Object
    from tests.e2e.testbed.kubernetes import Cluster
    from tests.e2e.testbed.mesh import ControlPlane
    from tests.e2e.testbed.standard import Mesh

SECONDS = 120
LATE = "remote-cluster-4"
ROOT = "istio-ca-root-cert"
# The guide's DestinationRule: TLS towards istiod, and no word on whom to trust.
GUIDES_TLS = {"mode": "SIMPLE"}


def ready_status(plane: ControlPlane, root: str) -> int:
    """What a caller of istiod's ``/ready`` gets at the control plane's address."""
    try:
        return 200 if plane.answers(root) else 0
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def guides_rule(mesh: Mesh, payments: ControlPlane) -> Iterator[None]:
    """The guide's DestinationRule in place of ours on both control planes, by a person's patch."""
    repository = mesh.repository
    path = f"clusters/{EXTERNAL}/custom/kustomization.yaml"
    before = (repository.directory / path).read_text()
    component = yaml.safe_load(before)
    component["patches"] = [_patch(plane) for plane in (mesh.plane, payments)]
    repository.write(path, yaml.safe_dump(component))
    repository.commit("Trust as the guide does")
    mesh.argocd.refresh()
    yield
    repository.write(path, before)
    repository.commit("Trust as before")
    mesh.argocd.refresh()


def _patch(plane: ControlPlane) -> Object:
    settings = [
        {
            "port": {"number": 15012},
            "tls": GUIDES_TLS,
            "connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE"}},
        },
        {"port": {"number": 443}, "tls": GUIDES_TLS},
    ]
    operation = {
        "op": "replace",
        "path": "/spec/trafficPolicy/portLevelSettings",
        "value": settings,
    }
    target = {"kind": "DestinationRule", "namespace": plane.namespace}
    return {"target": target, "patch": yaml.safe_dump([operation])}


@pytest.mark.usefixtures("guides_rule")
def test_the_guides_destination_rule_answers_503(mesh: Mesh, payments: ControlPlane) -> None:
    """For istiod's self-signed CA and for a plugged-in one alike."""
    wait_status(mesh, payments, 503)


def test_ours_answers_200(mesh: Mesh, payments: ControlPlane) -> None:
    wait_status(mesh, payments, 200)


def wait_status(mesh: Mesh, payments: ControlPlane, status: int) -> None:
    """Wait until both control planes answer with ``status``."""

    def seen() -> bool:
        return all(ready_status(plane, root) == status for plane, root in _planes(mesh, payments))

    wait_for(f"{status} at both addresses", seen, SECONDS)


def _planes(mesh: Mesh, payments: ControlPlane) -> list[tuple[ControlPlane, str]]:
    testbed = mesh.testbed
    return [(mesh.plane, testbed.public.root), (payments, testbed.private.root)]


@pytest.fixture(scope="module")
def late(mesh: Mesh) -> Cluster:
    """A cluster that joins in the wrong order: its namespace comes without the annotation."""
    (cluster,) = mesh.testbed.add_clusters(LATE)
    repository = mesh.repository
    options = ["--network=network4", f"--control-plane={mesh.plane.namespace}"]
    repository.git("switch", "--quiet", "--create", f"add-{LATE}", "main")
    repository.extcp("cluster", "add", LATE, *options, "--commit")
    repository.git("push", "--quiet", "--set-upstream", "origin", f"add-{LATE}")
    built = run([part("kustomize"), "build", repository.directory / "clusters" / LATE]).stdout
    for item in yaml.safe_load_all(built):
        if item["kind"] == "Namespace":
            del item["metadata"]["annotations"]
            cluster.apply(item)
        elif item["kind"] in {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Secret"}:
            cluster.apply(item)
    return cluster


def test_a_remote_secret_before_the_annotation_is_a_trap(mesh: Mesh, late: Cluster) -> None:
    """istiod says ``synced``, and never writes the root into that cluster."""
    exported = {"CLUSTER": LATE, "CTX": LATE, "NAMESPACE": mesh.plane.namespace}
    mesh.repository.runbook.follow("Add a remote cluster", 4, **exported)
    wait_for("istiod knows the cluster", lambda: mesh.plane.registry().get(LATE) == "synced", 30)
    mesh.argocd.add_cluster(late)
    mesh.repository.merge(f"add-{LATE}", f"Add {LATE}")
    mesh.argocd.refresh()
    wait_for("the annotation", lambda: _annotated(mesh, late), SECONDS)
    time.sleep(20)
    assert mesh.plane.registry()[LATE] == "synced"
    assert late.api.find("v1/configmaps", "default", ROOT) is None


def test_the_runbook_leads_out_of_the_trap(mesh: Mesh, late: Cluster) -> None:
    """Delete the remote secret and deliver it again."""
    exported = {"CLUSTER": LATE, "CTX": LATE, "NAMESPACE": mesh.plane.namespace}
    exported["CONFIG_CLUSTER"] = mesh.config.name
    secret = f"istio-remote-secret-{LATE}"
    mesh.external.api.delete("v1/secrets", mesh.plane.namespace, secret)
    # Made anew at once, istiod would see one Secret that has not changed.
    wait_for("istiod lets the cluster go", lambda: LATE not in mesh.plane.registry(), 30)
    mesh.repository.runbook.follow("Add a remote cluster", 3, 4, 5, **exported)
    assert late.api.get("v1/configmaps", "default", ROOT)


def _annotated(mesh: Mesh, cluster: Cluster) -> bool:
    found = cluster.api.get("v1/namespaces", None, mesh.plane.namespace)
    key = "topology.istio.io/controlPlaneClusters"
    return bool(found["metadata"].get("annotations", {}).get(key) == mesh.config.name)
