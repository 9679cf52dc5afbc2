from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops.verify.objects import Reader
from extcp_gitops.verify.schemas import kubernetes
from tests.repositories import put, spoilt

if TYPE_CHECKING:
    from tests.repositories import Change, Scene

POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)
GATEWAY = ("Deployment", "istio-eastwestgateway")
REMOTE = "clusters/remote-cluster-2"


@pytest.mark.parametrize(
    ("item", "change", "problem"),
    [
        (GATEWAY, put(1, "spec", "replica"), "there is no field spec.replica"),
        (GATEWAY, put("2", "spec", "replicas"), "spec.replicas should be a valid integer"),
        (GATEWAY, put(None, *POD, "containers"), "the field spec.template.spec.containers is mis"),
        (GATEWAY, put({}, *CONTAINER, "x"), "there is no field spec.template.spec.containers[0].x"),
        (GATEWAY, put(True, *CONTAINER, "env", 0, "value"), "env[0].value should be"),
        (GATEWAY, put(5, "metadata", "labels", "a"), "metadata.labels.a should be a valid string"),
        (
            GATEWAY,
            put({}, *POD, "security_context"),
            "there is no field spec.template.spec.security_context",
        ),
        (("Service", GATEWAY[1]), put("80", "spec", "ports", 0, "port"), "spec.ports[0].port"),
        (
            ("HorizontalPodAutoscaler", GATEWAY[1]),
            put(50, "spec", "targetCPUUtilizationPercentage"),
            "there is no field spec.targetCPUUtilizationPercentage",
        ),
        (
            ("MutatingWebhookConfiguration", "istio-sidecar-injector-external-istiod"),
            put(None, "webhooks", 0, "sideEffects"),
            "the field webhooks[0].sideEffects is missing",
        ),
        (
            ("ClusterRole", "istio-reader-clusterrole-external-istiod"),
            put("get", "rules", 0, "verbs"),
            "rules[0].verbs should be a valid list",
        ),
    ],
)
def test_what_the_api_server_would_refuse_is_found(
    host_name: Scene, item: tuple[str, str], change: Change, problem: str
) -> None:
    built = spoilt(host_name.built[REMOTE], *item, change)
    found = [text for doc in built.documents for text in kubernetes.problems(doc) or ()]
    assert len(found) == 1
    assert problem in found[0]


def test_what_is_generated_fits(host_name: Scene, ip_address: Scene) -> None:
    checked = set()
    for scene in (host_name, ip_address):
        for part in scene.built.values():
            for document in part.documents:
                problems = kubernetes.problems(document)
                assert not problems, str(document)
                if problems is not None:
                    checked.add(f"{document.api_version} {document.kind}")
    assert checked >= {
        "admissionregistration.k8s.io/v1 MutatingWebhookConfiguration",
        "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration",
        "apiextensions.k8s.io/v1 CustomResourceDefinition",
        "apps/v1 Deployment",
        "autoscaling/v2 HorizontalPodAutoscaler",
        "discovery.k8s.io/v1 EndpointSlice",
        "rbac.authorization.k8s.io/v1 ClusterRoleBinding",
        "v1 Namespace",
        "v1 Secret",
        "v1 Service",
    }


def test_a_number_is_a_quantity_as_to_the_api_server(host_name: Scene) -> None:
    change = put({"limits": {"cpu": 1, "memory": "1Gi"}}, *CONTAINER, "resources")
    built = spoilt(host_name.built[REMOTE], *GATEWAY, change)
    (deployment,) = [doc for doc in built.documents if (doc.kind, doc.name) == GATEWAY]
    assert kubernetes.problems(deployment) == []


def test_no_value_is_shown() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: {hidden: value}\n"
    (document,) = Reader().read(text)
    assert kubernetes.problems(document) == ["data.a should be a valid string"]


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("serving.knative.dev/v1", "Service"),  # not the Service that the client knows
        ("gateway.networking.k8s.io/v1", "Gateway"),
        ("cert-manager.io/v1", "Certificate"),
        ("v1", "Gateway"),
        ("v2", "Pod"),
        ("apps/../v1", "Deployment"),
        ("", ""),
        ("apps/", "Deployment"),
    ],
)
def test_other_kinds_are_not_checked_here(api_version: str, kind: str) -> None:
    (document,) = Reader().read(f'apiVersion: "{api_version}"\nkind: "{kind}"\n')
    assert kubernetes.problems(document) is None


def test_kinds_that_two_groups_have_are_told_apart() -> None:
    core, events = Reader().read(
        "apiVersion: v1\nkind: Event\nmetadata: {name: x}\ninvolvedObject: {}\n"
        "---\napiVersion: events.k8s.io/v1\nkind: Event\nmetadata: {name: x}\n"
        "involvedObject: {}\neventTime: 2026-01-01T00:00:00Z\n"
    )
    assert kubernetes.problems(core) == []
    assert kubernetes.problems(events) == ["there is no field involvedObject"]
