"""A cluster comes and goes by pull request, and the others do not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.testbed import workloads
from tests.e2e.testbed.processes import wait_for
from tests.e2e.testbed.standard import CONFIG, MESH_ID, SECOND, extend, join
from tests.e2e.testbed.workloads import NAMESPACE, answers, load, versions

if TYPE_CHECKING:
    from tests.e2e.testbed.kubernetes import Cluster
    from tests.e2e.testbed.standard import Mesh

THIRD = "remote-cluster-3"
MUTATING = "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
SECONDS = 180


@pytest.fixture(scope="module")
def third(mesh: Mesh) -> Cluster:
    """A third cluster, known to Argo CD and to nobody else."""
    (cluster,) = mesh.testbed.add_clusters(THIRD)
    mesh.argocd.add_cluster(cluster)
    return cluster


def names(mesh: Mesh, cluster: Cluster) -> dict[str, str]:
    """What the runbook has a person export."""
    return {"CLUSTER": cluster.name, "CTX": cluster.name, "NAMESPACE": mesh.plane.namespace}


def test_cluster_add_changes_nothing_but_the_new_directory(mesh: Mesh, third: Cluster) -> None:
    repository = mesh.repository
    repository.git("switch", "--quiet", "--create", f"add-{THIRD}", "main")
    plane = ["--control-plane", mesh.plane.namespace]
    repository.extcp(
        "cluster", "add", THIRD, "--network=network3", "--east-west", *plane, "--commit"
    )
    repository.git("push", "--quiet", "--set-upstream", "origin", f"add-{THIRD}")
    changed = repository.merge(f"add-{THIRD}", f"Add {third.name}")
    assert changed
    assert [path for path in changed if not path.startswith(f"clusters/{THIRD}/")] == []


def test_the_third_cluster_joins_after_the_merge(mesh: Mesh, third: Cluster) -> None:
    mesh.argocd.refresh()
    join(mesh, third)
    wait_for("istiod has read all clusters", lambda: _all_synced(mesh), SECONDS)


def test_all_three_networks_answer_callers_in_all_three(mesh: Mesh, third: Cluster) -> None:
    extend(mesh, third)


def test_cluster_remove_leaves_the_others_serving(mesh: Mesh, third: Cluster) -> None:
    """The whole of "Remove a remote cluster", under load from both of the others."""
    runbook, exported = mesh.repository.runbook, names(mesh, third)
    heading = "Remove a remote cluster"
    with load(mesh.remotes[:2], mesh.testbed.logs, "load") as callers:
        third.kubectl("delete", "namespace", NAMESPACE)
        mesh.remotes.remove(third)
        runbook.follow(heading, 1, 2, 3, 4, **exported)
        changed = mesh.repository.merge(f"remove-{THIRD}", f"Remove {THIRD}")
        mesh.argocd.refresh()
        wait_for(
            "the Applications of the removed cluster gone", lambda: not _applications(mesh), SECONDS
        )
        runbook.follow(heading, 5, **exported)
        mesh.argocd.remove_cluster(third)

    heard = answers(callers)
    assert [path for path in changed if not path.startswith(f"clusters/{THIRD}/")] == []
    assert len(heard) > 200
    assert [answer for answer in heard if answer["status"] != 200] == []
    assert mesh.plane.registry() == {CONFIG: "synced", SECOND: "synced"}
    assert third.api.list(MUTATING) == []
    assert set(versions(workloads.ask(mesh.config, count=20))) == {"v1", "v2"}
    mesh.argocd.wait_synced(SECONDS)


def test_what_is_left_behind_can_be_swept_away(mesh: Mesh, third: Cluster) -> None:
    mesh.repository.runbook.follow("Remove a remote cluster", 6, **names(mesh, third))
    assert third.api.list("networking.istio.io/v1/virtualservices") == []
    assert third.api.find("v1/namespaces", None, mesh.plane.namespace) is None
    assert third.api.find("v1/configmaps", "default", "istio-ca-root-cert") is None


def _all_synced(mesh: Mesh) -> bool:
    return mesh.plane.registry() == dict.fromkeys((CONFIG, SECOND, THIRD), "synced")


def _applications(mesh: Mesh) -> list[str]:
    return [name for name in mesh.argocd.applications() if name.startswith(f"{MESH_ID}.{THIRD}")]
