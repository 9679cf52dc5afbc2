"""Faults of what runs: proxies, gateways, istiod itself."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from tests.e2e.testbed.processes import wait_for

from .gateway import UNREACHABLE
from .model import fault
from .webhooks import MUTATING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.testbed.api import Object

    from .model import Stage

DEPLOYMENTS, PODS = "apps/v1/deployments", "v1/pods"
EAST_WEST = "istio=eastwestgateway"
DEAF = "istiod-deaf"
REMOTES = ("remote-cluster-1", "remote-cluster-2")
WATCHER = "LOCAL_CLUSTER_SECRET_WATCHER"


@fault(
    "a gateway's Pod was made while the injector was away: its image is auto",
    names="H12 remote-cluster-2 image-auto",
    follows=("H13 remote-cluster-2 gateway-not-ready", "H17 remote-cluster-2 unknown"),
)
def image_auto(stage: Stage) -> Iterator[None]:
    cluster, namespace = stage.second, stage.mesh.plane.namespace
    stage.remove(cluster, MUTATING, None, f"istio-sidecar-injector-{namespace}")

    def is_auto() -> bool:
        """The API server may go on to call a webhook for a moment that is gone."""
        pods = cluster.pods(namespace, EAST_WEST)
        injected = [pod["metadata"]["name"] for pod in pods if not _is_auto(pod)]
        for name in injected:
            cluster.api.delete(PODS, namespace, name, now=True)
        return bool(pods) and not injected

    wait_for("a Pod with the image auto", is_auto, 90, every=3)
    stage.restore()
    try:
        yield
    finally:
        for pod in filter(_is_auto, cluster.pods(namespace, EAST_WEST)):
            cluster.api.delete(PODS, namespace, pod["metadata"]["name"], now=True)


def _is_auto(pod: Object) -> bool:
    return any(container["image"] == "auto" for container in pod["spec"]["containers"])


@fault(
    "a second replica of istiod does not know a cluster",
    names="H08 remote-cluster-2 replica-lacks",
)
def deaf_replica(stage: Stage) -> Iterator[None]:
    cluster, namespace = stage.external, stage.mesh.plane.namespace
    template = copy.deepcopy(cluster.api.get(DEPLOYMENTS, namespace, "istiod"))["spec"]["template"]
    template["metadata"].update({"name": DEAF, "namespace": namespace})
    (container,) = template["spec"]["containers"]
    # It looks for remote secrets in the config cluster, where there are none.
    container["env"] = [each for each in container["env"] if each["name"] != WATCHER]
    container["env"].append({"name": WATCHER, "value": "false"})
    cluster.apply({"apiVersion": "v1", "kind": "Pod", **template})

    def is_ready() -> bool:
        pod = cluster.api.get(PODS, namespace, DEAF)
        conditions = pod.get("status", {}).get("conditions") or []
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    wait_for("the second replica of istiod is ready", is_ready, 60)
    try:
        yield
    finally:
        cluster.api.delete(PODS, namespace, DEAF, now=True)


@fault(
    "istiod is scaled to nothing",
    names="H16 remote-cluster-1 scaled-to-zero",
    follows=(
        *UNREACHABLE,
        "H01 external-cluster istiod-not-ready",
        "H08 external-cluster no-replica",
        "H16 remote-cluster-2 scaled-to-zero",
        *(f"{code} {cluster} unknown" for code in ("H08", "H09", "H12") for cluster in REMOTES),
    ),
    # The lock for a cluster's roots is nobody's any more, a minute later.
    may_follow=tuple(f"H09 {cluster} no-leader" for cluster in REMOTES),
)
def no_istiod(stage: Stage) -> Iterator[None]:
    def change(deployment: Object) -> None:
        deployment["spec"]["replicas"] = 0

    namespace = stage.mesh.plane.namespace
    stage.change(stage.external, DEPLOYMENTS, namespace, "istiod", change)
    wait_for("istiod is gone", lambda: not stage.external.pods(namespace, "app=istiod"), 30)
    yield


@fault(
    "a Pod runs a proxy that is far too old",
    names="H17 remote-cluster-2 proxy-too-old",
    by_hand=True,
)
def old_proxy(stage: Stage) -> Iterator[None]:
    cluster = stage.second
    annotation = {"sidecar.istio.io/proxyImage": "docker.io/istio/proxyv2:1.20.0"}
    name, namespace = "old-proxy", "sample"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotation},
        "spec": {"containers": [{"name": "app", "image": "pause"}]},
    }
    cluster.apply(pod)
    try:
        yield
    finally:
        cluster.api.delete(PODS, namespace, name, now=True)
