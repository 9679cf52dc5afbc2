from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_bot.candidates import generated, model
from tests.bot.fleets import PLANE

if TYPE_CHECKING:
    from tests.bot.candidates.joining import Preflight


def test_the_objects_are_those_that_the_cluster_will_be_given(joining: Preflight) -> None:
    target = model.target(joining.mesh.fleet, joining.candidate)
    found = generated.objects(target)
    kinds = {item["kind"] for item in found}
    assert kinds >= {"Namespace", "ClusterRole", "MutatingWebhookConfiguration", "Deployment"}
    (namespace,) = [item for item in found if item["kind"] == "Namespace"]
    assert namespace["metadata"]["labels"]["topology.istio.io/network"] == "network2"
    assert {generated.namespace_of(item) for item in found} == {"", PLANE}
    for item in found:
        is_own = item["kind"] in {"Namespace", "ClusterRole", "ClusterRoleBinding"}
        assert generated.is_cluster_scoped(item) is (is_own or "Webhook" in item["kind"])


def test_gateways_bring_kinds_of_their_own(joining: Preflight) -> None:
    with_gateway = generated.kinds(model.target(joining.mesh.fleet, joining.candidate))
    joining.propose(gateways=type(joining.candidate.cluster.gateways)())
    without = generated.kinds(model.target(joining.mesh.fleet, joining.candidate))
    assert ("apps", "deployments", PLANE) in with_gateway - without
    assert ("apiextensions.k8s.io", "customresourcedefinitions", "") in without


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Deployment", "deployments"),
        ("NetworkPolicy", "networkpolicies"),
        ("Gateway", "gateways"),
        ("Ingress", "ingresses"),
        ("HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ],
)
def test_kinds_have_the_plurals_of_kubernetes(kind: str, expected: str) -> None:
    assert generated.plural(kind) == expected


def test_paths_are_those_of_the_api() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}
    assert generated.path_of(namespace) == "/api/v1/namespaces/a"
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "a"},
    }
    assert generated.path_of(role) == "/apis/rbac.authorization.k8s.io/v1/clusterroles/a"
