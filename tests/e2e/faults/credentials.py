"""Faults of the credentials by which istiod reads the clusters."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import yaml

from tests.e2e.testbed import tokens
from tests.e2e.testbed.processes import wait_for

from .model import fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.testbed.api import Object

    from .model import Stage

SECRETS, NAMESPACES, MAPS = "v1/secrets", "v1/namespaces", "v1/configmaps"
ROLES = "rbac.authorization.k8s.io/v1/clusterroles"
ANNOTATION = "topology.istio.io/controlPlaneClusters"
ROOT, ELECTION = "istio-ca-root-cert", "istio-namespace-controller-election"
KEPT = ("name", "namespace", "labels", "annotations")
READER = "istio-reader-service-account"
TOKEN = f"{READER}-istio-remote-secret-token"
# istiod lets go of the lock for a cluster's roots; another one might take it, within a minute.
NOBODY_LEADS = ("H09 remote-cluster-2 unknown", "H09 remote-cluster-2 no-leader")


def _secret(stage: Stage) -> str:
    return f"istio-remote-secret-{stage.second.name}"


def _changed(stage: Stage, secret: Object, change: Callable[[Object], None]) -> Object:
    """The second cluster's remote secret with another kubeconfig."""
    key = stage.second.name
    document = yaml.safe_load(base64.b64decode(secret["data"][key]))
    change(document)
    text = base64.b64encode(yaml.safe_dump(document).encode()).decode()
    return {**secret, "data": {key: text}}


def _deliver(stage: Stage, change: Callable[[Object], None]) -> None:
    """Deliver the second cluster's remote secret anew, with another kubeconfig.

    It is deleted and made again: changed in place, it would be a fault of its own (istio#59875).
    """
    secret = stage.external.api.get(SECRETS, stage.mesh.plane.namespace, _secret(stage))
    _take_away(stage)
    _give(stage, _changed(stage, secret, change))


def _take_away(stage: Stage) -> None:
    """Take the second cluster's remote secret from istiod."""
    stage.remove(stage.external, SECRETS, stage.mesh.plane.namespace, _secret(stage))
    wait_for("istiod lets the cluster go", lambda: not _is_known(stage), 30)


def _give(stage: Stage, secret: Object) -> None:
    metadata = {key: secret["metadata"][key] for key in KEPT if key in secret["metadata"]}
    stage.external.api.create(SECRETS, stage.mesh.plane.namespace, {**secret, "metadata": metadata})


def _is_known(stage: Stage) -> bool:
    return stage.second.name in stage.mesh.plane.registry()


def _deliver_again(stage: Stage) -> None:
    """Take the secret away and make it anew, as the runbook says under "Add a remote cluster"."""
    namespace = stage.mesh.plane.namespace
    stage.external.api.delete(SECRETS, namespace, _secret(stage))
    wait_for("istiod lets the cluster go", lambda: not _is_known(stage), 30)
    names = {"CLUSTER": stage.second.name, "CTX": stage.second.name, "NAMESPACE": namespace}
    stage.mesh.repository.runbook.follow("Add a remote cluster", 4, **names)


@fault(
    "a remote secret has lost its label",
    names="H05 remote-cluster-2 not-labelled",
    follows=("H08 remote-cluster-2 not-registered",),
    may_follow=NOBODY_LEADS,
)
def secret_without_label(stage: Stage) -> Iterator[None]:
    def change(secret: Object) -> None:
        del secret["metadata"]["labels"]["istio/multiCluster"]

    stage.change(stage.external, SECRETS, stage.mesh.plane.namespace, _secret(stage), change)
    yield


@fault(
    "the key in a remote secret is another cluster ID than the webhook's",
    names="H05 remote-cluster-2 wrong-key",
    follows=(
        "H08 external-cluster foreign",
        "H08 remote-cluster-2 not-registered",
    ),
    by_hand=True,
)
def secret_with_another_key(stage: Stage) -> Iterator[None]:
    def change(secret: Object) -> None:
        secret["data"] = {"another": secret["data"].pop(stage.second.name)}

    stage.change(stage.external, SECRETS, stage.mesh.plane.namespace, _secret(stage), change)
    yield
    _deliver_again(stage)


@fault(
    "a remote secret names a server on localhost",
    names="H05 remote-cluster-2 localhost",
    follows=(
        "H06 remote-cluster-2 unknown",
        "H07 remote-cluster-2 unknown",
        "H08 remote-cluster-2 stopped",
    ),
    then="H08 remote-cluster-2 stopped",
    by_hand=True,
)
def secret_with_localhost(stage: Stage) -> Iterator[None]:
    """Changed in place, as ``kubectl apply`` does; the next one comes as a new one."""

    def change(document: Object) -> None:
        document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:6443"

    def edit(secret: Object) -> None:
        secret.update(_changed(stage, secret, change))

    stage.change(stage.external, SECRETS, stage.mesh.plane.namespace, _secret(stage), edit)
    yield
    stage.restore()


@fault(
    "a remote secret runs a program to get its token",
    names="H05 remote-cluster-2 refused",
    follows=(
        "H06 remote-cluster-2 unknown",
        "H07 remote-cluster-2 unknown",
        "H08 remote-cluster-2 not-registered",
    ),
    may_follow=NOBODY_LEADS,
    by_hand=True,
)
def secret_with_exec(stage: Stage) -> Iterator[None]:
    def change(document: Object) -> None:
        plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws"}
        document["users"][0]["user"] = {"exec": plugin}

    _deliver(stage, change)
    yield
    _deliver_again(stage)


@fault(
    "the token of a remote secret has been revoked",
    names="H06 remote-cluster-2 revoked",
    follows=("H07 remote-cluster-2 unknown",),
    may_follow=NOBODY_LEADS,
    by_hand=True,
)
def token_revoked(stage: Stage) -> Iterator[None]:
    stage.remove(stage.second, SECRETS, stage.mesh.plane.namespace, TOKEN)
    yield
    # As Argo CD makes it anew from the repository; the cluster then fills it.
    namespace, api = stage.mesh.plane.namespace, stage.second.api
    metadata = {
        "name": TOKEN,
        "namespace": namespace,
        "annotations": {"kubernetes.io/service-account.name": READER},
    }
    kind = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token"}
    stage.second.apply({**kind, "metadata": metadata})
    wait_for(
        "a token", lambda: (api.get(SECRETS, namespace, TOKEN).get("data") or {}).get("token"), 30
    )
    _deliver_again(stage)


@fault(
    "the token of a remote secret ends soon, and nobody renews it",
    names="H06 remote-cluster-2 expiring",
    then="H08 remote-cluster-2 stopped",
)
def token_near_its_end(stage: Stage) -> Iterator[None]:
    cluster, namespace = stage.second, stage.mesh.plane.namespace
    asked = ("create", "token", READER, f"--namespace={namespace}", "--duration=10h")
    old = tokens.aged(cluster, cluster.kubectl(*asked).strip(), hours=9)

    def change(document: Object) -> None:
        document["users"][0]["user"]["token"] = old

    _deliver(stage, change)
    yield


@fault(
    "a rule is gone from the ClusterRole that istiod reads a cluster with",
    names="H07 remote-cluster-2 missing-rights",
)
def rule_removed(stage: Stage) -> Iterator[None]:
    def change(role: Object) -> None:
        role["rules"] = [
            rule for rule in role["rules"] if "endpointslices" not in rule.get("resources", [])
        ]

    name = f"istio-reader-clusterrole-{stage.mesh.plane.namespace}"
    stage.change(stage.second, ROLES, None, name, change)
    yield


@fault(
    "the annotation came to a cluster after its remote secret",
    names="H09 remote-cluster-2 join-order-trap",
    follows=("H14 remote-cluster-2 unknown",),
)
def annotation_after_the_secret(stage: Stage) -> Iterator[None]:
    namespace, cluster = stage.mesh.plane.namespace, stage.second
    secret = stage.external.api.get(SECRETS, namespace, _secret(stage))
    stage.change(cluster, NAMESPACES, None, namespace, _without_annotation)
    _take_away(stage)
    # As on a cluster that istiod has never led.
    for name in (ROOT, ELECTION):
        for item in cluster.api.list(MAPS, None, f"fieldSelector=metadata.name={name}"):
            cluster.api.delete(MAPS, item["metadata"]["namespace"], name)
    _give(stage, secret)
    wait_for(
        "istiod knows the cluster",
        lambda: stage.mesh.plane.registry().get(cluster.name) == "synced",
        30,
    )
    change = {"metadata": {"annotations": {ANNOTATION: stage.config.name}}}
    cluster.api.merge(NAMESPACES, None, namespace, change)
    yield


def _without_annotation(namespace: Object) -> None:
    del namespace["metadata"]["annotations"][ANNOTATION]
