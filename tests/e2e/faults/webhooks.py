"""Faults of the webhooks: whom they trust, whom they call, what they say."""

from __future__ import annotations

import base64
import copy
from typing import TYPE_CHECKING

from tests.e2e.testbed.api import url
from tests.e2e.testbed.pki import Authority

from .model import fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.testbed.api import Object
    from tests.e2e.testbed.kubernetes import Cluster

    from .model import Stage

MUTATING = "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
VALIDATING = "admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


def _each(
    stage: Stage, cluster: Cluster, kind: str, name: str, change: Callable[[Object], None]
) -> None:
    def all_of(configuration: Object) -> None:
        for hook in configuration["webhooks"]:
            change(hook["clientConfig"])

    stage.change(cluster, kind, None, name, all_of)


def _injector(stage: Stage) -> str:
    return f"istio-sidecar-injector-{stage.mesh.plane.namespace}"


@fault(
    "the injection webhooks of a cluster trust a foreign CA",
    names="H03 remote-cluster-2 foreign-bundle",
    follows=("H10 remote-cluster-2 webhook-failed",),
)
def foreign_ca_bundle(stage: Stage) -> Iterator[None]:
    bundle = base64.b64encode(Authority("Foreign Root").root.encode()).decode()

    def change(client: Object) -> None:
        client["caBundle"] = bundle

    _each(stage, stage.second, MUTATING, _injector(stage), change)
    yield


@fault(
    "the caBundle of the webhooks behind a private CA is emptied",
    names="H03 payments-1 emptied-bundle",
    follows=("H10 payments-1 webhook-failed", "H18 payments-1 drift"),
)
def emptied_ca_bundle(stage: Stage) -> Iterator[None]:
    def change(client: Object) -> None:
        client.pop("caBundle")

    name = f"istio-sidecar-injector-{stage.payments.namespace}"
    _each(stage, stage.payments.config, MUTATING, name, change)
    yield


@fault(
    "the injection webhooks of a cluster select no namespace any more",
    names="H10 remote-cluster-2 not-injected",
    follows=("H18 remote-cluster-2 drift",),
)
def nobody_is_injected(stage: Stage) -> Iterator[None]:
    def change(configuration: Object) -> None:
        for hook in configuration["webhooks"]:
            hook["namespaceSelector"] = {"matchLabels": {"injected": "nowhere"}}

    stage.change(stage.second, MUTATING, None, _injector(stage), change)
    yield


@fault(
    "the path of a cluster's injection webhooks names another cluster than the remote secret",
    names="H04 remote-cluster-2 wrong-webhook",
    follows=("H10 remote-cluster-2 wrong-cluster", "H18 remote-cluster-2 drift"),
)
def another_cluster_in_the_webhook(stage: Stage) -> Iterator[None]:
    def change(client: Object) -> None:
        client["url"] = client["url"].replace("/cluster/remote-cluster-2/", "/cluster/another/")

    _each(stage, stage.second, MUTATING, _injector(stage), change)
    yield


@fault(
    "the validation webhooks call a port at which nobody listens, and let everything pass",
    names="H11 remote-cluster-1 wrong-url",
    follows=("H03 remote-cluster-1 wrong-host", "H18 remote-cluster-1 drift"),
)
def validation_unreachable(stage: Stage) -> Iterator[None]:
    def change(client: Object) -> None:
        client["url"] = client["url"].replace(":15017/", ":15018/")

    namespace = stage.mesh.plane.namespace
    for name in (f"istio-validator-{namespace}", "istiod-default-validator"):
        _each(stage, stage.config, VALIDATING, name, change)
    yield


@fault(
    "a second injector wants the same namespaces",
    names="H15 remote-cluster-2 two-injectors",
)
def second_injector(stage: Stage) -> Iterator[None]:
    api = stage.second.api
    other = copy.deepcopy(api.get(MUTATING, None, _injector(stage)))
    other["metadata"] = {"name": "istio-sidecar-injector", "labels": other["metadata"]["labels"]}
    for hook in other["webhooks"]:
        hook["failurePolicy"] = "Ignore"
        hook["clientConfig"] = {"url": "https://istiod.example.org:15017/inject"}
    api.call("POST", url(MUTATING), other)
    try:
        yield
    finally:
        if api.find(MUTATING, None, "istio-sidecar-injector"):
            api.delete(MUTATING, None, "istio-sidecar-injector")
