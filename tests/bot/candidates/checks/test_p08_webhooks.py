from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from extcp_gitops.inventory.model import Gateways
from tests.bot.fleets import PLANE
from tests.bot.simulation.controllers import named, put

if TYPE_CHECKING:
    from tests.bot.candidates.joining import Preflight

CODE = "EXTCP-P08"
API = "admissionregistration.k8s.io/v1"
PODS = {"apiGroups": [""], "resources": ["pods"], "operations": ["CREATE"]}


def hook(joining: Preflight, **changes: Any) -> None:  # noqa: ANN401 - any field
    webhook = {
        "name": "validate.policy.example.com",
        "clientConfig": {"service": {"name": "policy", "namespace": "policy"}},
        "failurePolicy": "Fail",
        "rules": [PODS],
        **changes,
    }
    kind = "ValidatingWebhookConfiguration"
    put(joining.server, named(kind, "policy", api=API, webhooks=[webhook]))


def endpoint(joining: Preflight, *, ready: bool | None) -> None:
    conditions = {} if ready is None else {"ready": ready}
    put(
        joining.server,
        named(
            "EndpointSlice",
            "policy-x",
            "policy",
            "discovery.k8s.io/v1",
            labels={"kubernetes.io/service-name": "policy"},
            endpoints=[{"addresses": ["10.244.0.9"], "conditions": conditions}],
        ),
    )


def test_a_webhook_that_nobody_is_behind_is_a_problem(joining: Preflight) -> None:
    hook(joining)
    (found,) = joining.look(CODE)
    assert found.problem == "nobody-to-ask"
    assert found.looked_at == "policy, webhook validate.policy.example.com"
    assert "--namespace policy" in found.command


@pytest.mark.parametrize(
    ("ready", "expected"), [(True, []), (None, []), (False, ["nobody-to-ask"])]
)
def test_somebody_has_to_be_ready(
    joining: Preflight, ready: bool | None, expected: list[str]
) -> None:
    hook(joining)
    endpoint(joining, ready=ready)
    assert joining.problems(CODE) == expected


NOT_ASKED: dict[str, dict[str, Any]] = {
    "it may be ignored": {"failurePolicy": "Ignore"},
    "it is somewhere else": {"clientConfig": {"url": "https://policy.example.com"}},
    "for deletions alone": {"rules": [{**PODS, "operations": ["DELETE"]}]},
    "for other kinds": {"rules": [{**PODS, "resources": ["pods/exec", "nodes"]}]},
    "for other groups": {"rules": [{**PODS, "apiGroups": ["apps"]}]},
    "for what is in no namespace": {"rules": [{**PODS, "scope": "Cluster"}]},
    "for other namespaces": {"namespaceSelector": {"matchLabels": {"policy": "on"}}},
    "for all namespaces but this": {
        "namespaceSelector": {
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [PLANE]}
            ]
        },
    },
    "for other objects": {"objectSelector": {"matchLabels": {"policy": "on"}}},
}


@pytest.mark.parametrize("why", NOT_ASKED)
def test_a_webhook_that_is_not_asked_is_in_nobodys_way(joining: Preflight, why: str) -> None:
    hook(joining, **NOT_ASKED[why])
    assert joining.problems(CODE) == []


@pytest.mark.parametrize(
    "rule",
    [
        {"apiGroups": ["*"], "resources": ["*"], "operations": ["*"]},
        {"apiGroups": [""], "resources": ["namespaces"], "operations": ["CREATE"]},
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["clusterroles"],
            "operations": ["CREATE", "UPDATE"],
            "scope": "Cluster",
        },
    ],
)
def test_other_objects_than_pods_count_too(joining: Preflight, rule: dict[str, Any]) -> None:
    hook(joining, rules=[rule])
    assert joining.problems(CODE) == ["nobody-to-ask"]


def test_without_gateways_there_are_no_pods(joining: Preflight) -> None:
    hook(joining)
    joining.propose(gateways=Gateways())
    assert joining.problems(CODE) == []


def test_labels_that_the_namespace_will_have_count(joining: Preflight) -> None:
    hook(joining, namespaceSelector={"matchLabels": {"topology.istio.io/network": "network2"}})
    assert joining.problems(CODE) == ["nobody-to-ask"]


def test_what_may_not_be_looked_at_is_unknown(joining: Preflight) -> None:
    hook(joining)
    joining.server.denied.add("/apis/discovery.k8s.io/v1/namespaces/policy/endpointslices")
    (found,) = joining.look(CODE)
    assert found.state == "unknown"
    assert "endpointslices" in found.found
