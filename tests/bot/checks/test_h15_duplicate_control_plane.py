from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import Severity, State
from tests.bot.fleets import CONFIG, PLANE, SECOND

if TYPE_CHECKING:
    from extcp_bot.result import Result
    from tests.bot.fleets import World

Object = dict[str, Any]

CODE = "EXTCP-H15"
DEPLOYMENTS = "/apis/apps/v1/namespaces/istio-system/deployments"
HOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
OTHER = "another-istiod"
ELECTION = "istio-namespace-controller-election"


def unhealthy(mesh: World) -> Result:
    (found,) = [each for each in mesh.check(CODE, SECOND) if each.state is not State.HEALTHY]
    return found


def is_healthy(mesh: World) -> bool:
    return {each.state for each in mesh.check(CODE, SECOND)} == {State.HEALTHY}


def istiod(replicas: int, **labels: str) -> Object:
    metadata = {"name": "istiod", "labels": {"istio": "pilot", "app": "istiod", **labels}}
    return {"metadata": metadata, "spec": {"replicas": replicas}, "status": {}}


def injector(mesh: World, revision: str = "default", **client: Any) -> None:  # noqa: ANN401 - JSON
    """Another configuration such as Istio's charts make it."""
    own = mesh.second.objects[f"{HOOKS}/istio-sidecar-injector-{PLANE}"]
    other = json.loads(json.dumps(own).replace('"default"', f'"{revision}"'))
    other["metadata"] = {"name": "istio-sidecar-injector", "labels": {"app": "sidecar-injector"}}
    for hook in other["webhooks"]:
        hook["clientConfig"] = client or hook["clientConfig"]
        if revision != "default":
            hook["name"] = f"rev.{hook['name']}"
    if revision != "default":  # the two for namespaces without a revision are not there then
        other["webhooks"] = [each for each in other["webhooks"] if "rev.rev" in each["name"]]
    mesh.second.put(HOOKS, other)


def lead(mesh: World, minutes: int, holder: str = "istiod-a") -> None:
    """Another control plane that says that it leads the cluster."""
    annotations = {"topology.istio.io/controlPlaneClusters": "another-config"}
    mesh.second.put("/api/v1/namespaces", {"metadata": {"name": OTHER, "annotations": annotations}})
    renewed = datetime.now(UTC) - timedelta(minutes=minutes)
    record = {
        "holderIdentity": holder,
        "holderKey": "^default",
        "renewTime": renewed.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    leader = {"control-plane.alpha.kubernetes.io/leader": json.dumps(record)}
    lock = {"metadata": {"name": ELECTION, "annotations": leader}}
    mesh.second.put(f"/api/v1/namespaces/{OTHER}/configmaps", lock)


def test_one_control_plane_is_healthy(healthy_mesh: World) -> None:
    found = healthy_mesh.check(CODE)
    assert {(each.cluster, each.state) for each in found} == {
        (CONFIG, State.HEALTHY),
        (SECOND, State.HEALTHY),
    }


def test_an_istiod_in_the_cluster_can_be_stopped(healthy_mesh: World) -> None:
    healthy_mesh.second.put(DEPLOYMENTS, istiod(2))
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("local-istiod", Severity.ERROR)
    assert found.looked_at == "Deployment istio-system/istiod"
    assert found.command == (
        f"kubectl --context {SECOND} --namespace istio-system scale deployment istiod --replicas=0"
    )


def test_an_istiod_without_replicas_fights_nobody(healthy_mesh: World) -> None:
    healthy_mesh.second.put(DEPLOYMENTS, istiod(0))
    assert is_healthy(healthy_mesh)


def test_a_gateway_is_no_istiod(healthy_mesh: World) -> None:
    healthy_mesh.second.put(DEPLOYMENTS, istiod(1, app="istio-gateway"))
    assert is_healthy(healthy_mesh)


@pytest.mark.parametrize(
    ("client", "host"),
    [
        ({"url": "https://istiod.example.org:15017/inject"}, "istiod.example.org"),
        (
            {"service": {"name": "istiod", "namespace": "istio-system", "path": "/inject"}},
            "Service",
        ),
    ],
)
def test_another_injector_for_the_same_pods_is_named(
    healthy_mesh: World, client: Object, host: str
) -> None:
    injector(healthy_mesh, **client)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("two-injectors", Severity.ERROR)
    assert "sample" in found.found
    assert host in found.found
    assert found.command == (
        f"kubectl --context {SECOND} delete mutatingwebhookconfiguration istio-sidecar-injector"
    )


def test_an_injector_of_another_revision_is_in_nobodys_way(healthy_mesh: World) -> None:
    injector(healthy_mesh, "canary", url="https://istiod.example.org:15017/inject")
    assert is_healthy(healthy_mesh)


def test_a_second_configuration_may_ask_the_same_istiod(healthy_mesh: World) -> None:
    injector(healthy_mesh)
    assert is_healthy(healthy_mesh)


def test_many_namespaces_are_counted(healthy_mesh: World) -> None:
    labels = {"istio-injection": "enabled"}
    for number in range(9):
        namespace = {"metadata": {"name": f"a{number}", "labels": dict(labels)}}
        healthy_mesh.second.put("/api/v1/namespaces", namespace)
    injector(healthy_mesh, url="https://istiod.example.org:15017/inject")
    assert "a0, a1, a2 and 9 more" in unhealthy(healthy_mesh).found


def test_another_leader_is_critical(healthy_mesh: World) -> None:
    lead(healthy_mesh, minutes=0)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("two-leaders", Severity.CRITICAL)
    assert "istiod-a leads; the namespace names another-config" in found.found
    assert found.command == (
        f"kubectl --context {SECOND} annotate namespace {OTHER} "
        "topology.istio.io/controlPlaneClusters-"
    )


@pytest.mark.parametrize(("minutes", "holder"), [(5, "istiod-a"), (0, "")])
def test_a_leader_that_is_gone_fights_nobody(
    healthy_mesh: World, minutes: int, holder: str
) -> None:
    lead(healthy_mesh, minutes, holder)
    assert is_healthy(healthy_mesh)


def test_what_is_not_shown_is_unknown_and_the_rest_is_not(healthy_mesh: World) -> None:
    healthy_mesh.second.denied.add("/apis/apps/v1/deployments")
    injector(healthy_mesh, url="https://istiod.example.org:15017/inject")
    unknown, found, *rest = healthy_mesh.check(CODE, SECOND)
    assert unknown.state is State.UNKNOWN
    assert "deployments" in unknown.found
    assert found.problem == "two-injectors"
    assert {each.state for each in rest} == {State.HEALTHY}


def test_hostile_selectors_break_nothing(healthy_mesh: World) -> None:
    own = healthy_mesh.second.objects[f"{HOOKS}/istio-sidecar-injector-{PLANE}"]
    other = copy.deepcopy(own)
    other["metadata"] = {"name": "b", "labels": {"app": "sidecar-injector"}}
    other["webhooks"] = [
        {"namespaceSelector": [], "objectSelector": {"matchLabels": 1, "matchExpressions": [1]}},
        "webhook",
    ]
    healthy_mesh.second.put(HOOKS, other)
    assert unhealthy(healthy_mesh).problem == "two-injectors"
