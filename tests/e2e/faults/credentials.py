"""Faults of the credentials by which istiod reads the clusters."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

import yaml

from tests.e2e.testbed.processes import wait_for

from .model import fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.testbed.api import Object

    from .model import Stage

SECRETS, NAMESPACES, MAPS = "v1/secrets", "v1/namespaces", "v1/configmaps"
ROLES = "rbac.authorization.k8s.io/v1/clusterroles"
ANNOTATION = "topology.istio.io/controlPlaneClusters"
ROOT = "istio-ca-root-cert"
READER = "istio-reader-service-account"


def _secret(stage: Stage) -> str:
    return f"istio-remote-secret-{stage.second.name}"


def _kubeconfig(stage: Stage, change: Callable[[Object], None]) -> None:
    """Change the kubeconfig in the second cluster's remote secret."""
    key = stage.second.name

    def edit(secret: Object) -> None:
        document = yaml.safe_load(base64.b64decode(secret["data"][key]))
        change(document)
        secret["data"][key] = base64.b64encode(yaml.safe_dump(document).encode()).decode()

    stage.change(stage.external, SECRETS, stage.mesh.plane.namespace, _secret(stage), edit)


@fault(
    "a remote secret has lost its label",
    names="H05 remote-cluster-2 not-labelled",
    follows=("H08 external-cluster missing",),
)
def secret_without_label(stage: Stage) -> Iterator[None]:
    def change(secret: Object) -> None:
        del secret["metadata"]["labels"]["istio/multiCluster"]

    stage.change(stage.external, SECRETS, stage.mesh.plane.namespace, _secret(stage), change)
    yield


@fault(
    "a remote secret names a server on localhost",
    names="H05 remote-cluster-2 localhost",
    by_hand=True,
)
def secret_with_localhost(stage: Stage) -> Iterator[None]:
    def change(document: Object) -> None:
        document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:6443"

    _kubeconfig(stage, change)
    yield
    stage.restore()


@fault(
    "a remote secret runs a program to get its token",
    names="H05 remote-cluster-2 refused",
    by_hand=True,
)
def secret_with_exec(stage: Stage) -> Iterator[None]:
    def change(document: Object) -> None:
        plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws"}
        document["users"][0]["user"] = {"exec": plugin}

    _kubeconfig(stage, change)
    yield
    stage.restore()


@fault(
    "the token of a remote secret has been revoked",
    names="H06 remote-cluster-2 revoked",
    by_hand=True,
)
def token_revoked(stage: Stage) -> Iterator[None]:
    namespace, cluster = stage.mesh.plane.namespace, stage.second
    token = f"{READER}-istio-remote-secret-token"
    empty = cluster.api.get(SECRETS, namespace, token)
    cluster.api.delete(SECRETS, namespace, token)
    yield
    # "Deliver it again": the token Secret as the repository has it, then the runbook's step.
    metadata = empty["metadata"]
    kept = {key: metadata[key] for key in ("name", "namespace", "annotations")}
    kept["annotations"] = {"kubernetes.io/service-account.name": READER}
    cluster.apply(
        {**{k: empty[k] for k in ("type",)}, "apiVersion": "v1", "kind": "Secret", "metadata": kept}
    )
    names = {"CLUSTER": cluster.name, "CTX": cluster.name, "NAMESPACE": namespace}
    wait_for(
        "a new token",
        lambda: (cluster.api.get(SECRETS, namespace, token).get("data") or {}).get("token"),
        30,
    )
    stage.mesh.repository.runbook.follow("Add a remote cluster", 4, **names)


@fault(
    "a rule is gone from the ClusterRole that istiod reads a cluster with",
    names="H07 remote-cluster-2 missing",
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
)
def annotation_after_the_secret(stage: Stage) -> Iterator[None]:
    namespace, cluster = stage.mesh.plane.namespace, stage.second
    secret = stage.external.api.get(SECRETS, namespace, _secret(stage))
    stage.external.api.delete(SECRETS, namespace, _secret(stage))
    time.sleep(3)  # istiod lets the cluster go

    def annotate(value: str | None) -> None:
        change = {"metadata": {"annotations": {ANNOTATION: value}}}
        cluster.api.merge(NAMESPACES, None, namespace, change)

    annotate(None)
    for item in cluster.api.list(MAPS, None, f"fieldSelector=metadata.name={ROOT}"):
        cluster.api.delete(MAPS, item["metadata"]["namespace"], ROOT)
    for key in ("resourceVersion", "uid", "creationTimestamp", "managedFields"):
        secret["metadata"].pop(key, None)
    stage.external.api.create(SECRETS, namespace, secret)
    wait_for(
        "istiod knows the cluster",
        lambda: stage.mesh.plane.registry().get(cluster.name) == "synced",
        30,
    )
    annotate(stage.config.name)
    yield
