from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import Severity, State
from extcp_bot.target import Settings
from tests.bot.fleets import CONFIG, PLANE, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.result import Result

CODE = "EXTCP-H16"
GATEWAY = "istio-ingressgateway"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        scale(made, PLANE, "istiod")
        scale(made, "istio-system", GATEWAY)
        for server in (made.config, made.second):
            for name, labels in (("a", {"istio-injection": "enabled"}), ("b", {})):
                server.put("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
            hook(server.put, "Fail")
        yield made


def hook(put: Any, policy: str) -> None:  # noqa: ANN401 - a bound method
    metadata = {"name": f"istio-sidecar-injector-{PLANE}", "labels": {"app": "sidecar-injector"}}
    put(WEBHOOKS, {"metadata": metadata, "webhooks": [{"name": "a", "failurePolicy": policy}]})


def scale(
    mesh: World, namespace: str, name: str, wanted: int = 1, ready: int = 1, **conditions: str
) -> None:
    """A Deployment, its Pods spread over as many nodes.

    Args:
        mesh: Where.
        namespace: Of the Deployment.
        name: Of the Deployment.
        wanted: Replicas.
        ready: Of these.
        conditions: Each as its status and, behind a comma, since when.
    """
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    status: dict[str, Any] = {"readyReplicas": ready} if ready else {}
    status["conditions"] = [
        dict(zip(("type", "status", "lastTransitionTime"), (kind, *said.split(",")), strict=False))
        for kind, said in conditions.items()
    ]
    spec = {"replicas": wanted, "template": {"spec": {}}}
    mesh.external.put(path, {"metadata": {"name": name}, "spec": spec, "status": status})
    for number in range(ready):
        run(mesh, namespace, name, number, f"node-{number}")


def run(mesh: World, namespace: str, name: str, number: int, node: str) -> None:
    pod = {
        "metadata": {"name": f"{name}-{number}", "labels": {"app": name}},
        "spec": {"nodeName": node},
        "status": {"phase": "Running"},
    }
    mesh.external.put(f"/api/v1/namespaces/{namespace}/pods", pod)


def add_node(mesh: World, name: str, zone: str) -> None:
    labels = {"topology.kubernetes.io/zone": zone}
    mesh.external.put("/api/v1/nodes", {"metadata": {"name": name, "labels": labels}})


def problems(mesh: World) -> list[str]:
    return [each.problem for each in mesh.check(CODE, SECOND)]


def one(mesh: World) -> Result:
    (found,) = mesh.check(CODE, SECOND)
    return found


def test_a_single_replica_each_is_what_istio_starts_with(mesh: World) -> None:
    found = mesh.check(CODE)
    assert {(each.cluster, each.state) for each in found} == {
        (CONFIG, State.HEALTHY),
        (SECOND, State.HEALTHY),
    }
    assert found[0].found == (
        "1 injected namespaces stop creating Pods when the control plane is away: "
        "istiod 1 of 1 ready, gateway 1 of 1 ready"
    )


def test_an_ignored_webhook_has_another_effect(mesh: World) -> None:
    hook(mesh.second.put, "Ignore")
    assert "create Pods without a sidecar" in one(mesh).found


@pytest.mark.parametrize(
    ("namespace", "name", "problem"),
    [(PLANE, "istiod", "no-istiod"), ("istio-system", GATEWAY, "no-gateway")],
)
def test_no_ready_replica_is_critical(mesh: World, namespace: str, name: str, problem: str) -> None:
    scale(mesh, namespace, name, ready=0)
    found = one(mesh)
    assert (found.problem, found.severity) == (problem, Severity.CRITICAL)
    assert "0 of 1 ready; 1 injected namespaces stop creating Pods" in found.found
    assert found.command == (
        f"kubectl --context external-cluster --namespace {namespace} "
        f"describe pods --selector app={name}"
    )


def test_a_deployment_that_is_not_there_has_no_replica(mesh: World) -> None:
    del mesh.external.objects[f"/apis/apps/v1/namespaces/{PLANE}/deployments/istiod"]
    assert (one(mesh).problem, one(mesh).found.partition(";")[0]) == (
        "no-istiod",
        "istiod not there",
    )


def test_what_was_scaled_to_zero_is_scaled_up_by_hand(mesh: World) -> None:
    scale(mesh, PLANE, "istiod", 0, 0)
    found = one(mesh)
    assert (found.problem, found.severity) == ("scaled-to-zero", Severity.CRITICAL)
    assert found.command.endswith("scale deployment istiod --replicas 1")


def test_fewer_than_wanted_is_an_error(mesh: World) -> None:
    scale(mesh, "istio-system", GATEWAY, 3, 2)
    found = one(mesh)
    assert (found.problem, found.severity) == ("too-few-replicas", Severity.ERROR)
    assert (found.found, found.wanted) == ("gateway 2 of 3 ready", "3 ready")


@pytest.mark.parametrize(
    ("available", "progressing"),
    [("False,2026-06-01T11:51:00Z", "True"), ("True,2026-01-01T00:00:00Z", "True"), ("True", "")],
)
def test_replicas_that_are_on_their_way_are_a_warning(
    mesh: World, available: str, progressing: str
) -> None:
    scale(mesh, PLANE, "istiod", 3, 2, Available=available, Progressing=progressing)
    found = one(mesh)
    assert (found.problem, found.severity) == ("not-all-ready", Severity.WARNING)
    assert (found.found, found.wanted) == ("istiod 2 of 3 ready", "3 ready")


@pytest.mark.parametrize(
    ("available", "progressing"),
    [
        ("False,2026-06-01T11:49:00Z", "True"),
        ("False,2026-06-01T11:51:00Z", "False"),
        ("True", "False"),
        ("False,soon", "True"),
        ("Unknown", "Unknown"),
    ],
)
def test_replicas_that_do_not_come_are_an_error(
    mesh: World, available: str, progressing: str
) -> None:
    scale(mesh, PLANE, "istiod", 3, 2, Available=available, Progressing=progressing)
    found = one(mesh)
    assert (found.problem, found.severity) == ("too-few-replicas", Severity.ERROR)


@pytest.mark.parametrize(("wanted", "problem"), [(0, "scaled-to-zero"), (2, "no-istiod")])
def test_no_replica_is_critical_from_the_first_moment(
    mesh: World, wanted: int, problem: str
) -> None:
    now = mesh.fleet.now().isoformat()
    scale(mesh, PLANE, "istiod", wanted, 0, Available=f"False,{now}", Progressing="True")
    found = one(mesh)
    assert (found.problem, found.severity) == (problem, Severity.CRITICAL)


def test_who_wants_more_than_one_says_so(mesh: World) -> None:
    mesh.fleet = replace(mesh.fleet, settings=Settings(minimum_replicas=2))
    found = mesh.check(CODE, SECOND)
    assert {each.problem for each in found} == {"below-minimum", "no-disruption-budget"}
    assert {each.severity for each in found} == {Severity.WARNING}


def test_a_budget_guards_several_replicas(mesh: World) -> None:
    mesh.fleet = replace(mesh.fleet, settings=Settings(minimum_replicas=2))
    for namespace, name in ((PLANE, "istiod"), ("istio-system", GATEWAY)):
        scale(mesh, namespace, name, 2, 2)
        budget = {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": name}}}}
        mesh.external.put(f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets", budget)
    assert one(mesh).state is State.HEALTHY


def test_several_replicas_on_one_of_several_nodes_are_one(mesh: World) -> None:
    scale(mesh, PLANE, "istiod", 2, 2)
    for name in ("node-0", "node-1"):
        add_node(mesh, name, "a")
    assert problems(mesh) == [""]
    run(mesh, PLANE, "istiod", 1, "node-0")
    found = one(mesh)
    assert (found.problem, found.found, found.severity) == ("one-node", "node-0", Severity.WARNING)


def test_several_replicas_in_one_of_several_zones_are_one(mesh: World) -> None:
    scale(mesh, PLANE, "istiod", 2, 2)
    for name, zone in (("node-0", "a"), ("node-1", "a"), ("node-2", "b")):
        add_node(mesh, name, zone)
    assert (one(mesh).problem, one(mesh).found) == ("one-zone", "a")


def test_the_only_node_of_a_cluster_is_no_mistake(mesh: World) -> None:
    scale(mesh, PLANE, "istiod", 2, 2)
    run(mesh, PLANE, "istiod", 1, "node-0")
    add_node(mesh, "node-0", "a")
    assert one(mesh).state is State.HEALTHY


def test_nonsense_is_no_replica(mesh: World) -> None:
    path = f"/apis/apps/v1/namespaces/{PLANE}/deployments/istiod"
    mesh.external.objects[path] = {
        "metadata": {"name": "istiod"},
        "spec": {"replicas": 1},
        "status": {"readyReplicas": "one"},
    }
    assert one(mesh).severity is Severity.CRITICAL


def test_no_permission_is_unknown_and_says_which(mesh: World) -> None:
    mesh.second.denied.add("/api/v1/namespaces")
    assert one(mesh).state is State.UNKNOWN
    assert "/api/v1/namespaces" in one(mesh).found


def test_nodes_out_of_sight_do_not_hide_what_is_known(mesh: World) -> None:
    scale(mesh, PLANE, "istiod", 3, 2)
    mesh.external.denied.add("/api/v1/nodes")
    found = mesh.check(CODE, SECOND)
    assert [(each.state, each.problem) for each in found] == [
        (State.UNHEALTHY, "too-few-replicas"),
        (State.UNKNOWN, ""),
    ]
