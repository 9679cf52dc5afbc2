"""What is kept of a run that failed: logs, the state of each cluster, and the lines that matter."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import yaml

from .argocd import APPLICATIONS, NAMESPACE
from .errors import TestbedError
from .processes import tail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .api import Object
    from .kubernetes import Cluster
    from .testbed import Testbed

KINDS = (
    "v1/namespaces",
    "v1/nodes",
    "v1/pods",
    "v1/services",
    "v1/configmaps",
    "v1/secrets",
    "v1/events",
    "apps/v1/deployments",
    "apps/v1/replicasets",
    "autoscaling/v2/horizontalpodautoscalers",
    "discovery.k8s.io/v1/endpointslices",
    "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "networking.istio.io/v1/gateways",
    "networking.istio.io/v1/virtualservices",
    "networking.istio.io/v1/destinationrules",
    "telemetry.istio.io/v1/telemetries",
    APPLICATIONS,
    "argoproj.io/v1alpha1/appprojects",
)
LINES = 10
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def collect(testbed: Testbed, into: Path) -> list[str]:
    """Keep everything in one directory; gives the lines that matter."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    shutil.copytree(testbed.logs, into / "logs")
    lines: list[str] = []
    for cluster in testbed.clusters.values():
        directory = into / cluster.name
        directory.mkdir()
        _copy_container_logs(cluster, directory)
        try:
            _dump(cluster, directory)
            lines += _troubles(cluster)
        except TestbedError as error:
            lines.append(f"{cluster.name}: {error}")
    return lines[:LINES]


def redacted(secret: Object) -> Object:
    """A Secret without what is secret in it."""
    data = secret.get("data") or {}
    hidden = {key: f"<{len(str(value))} characters>" for key, value in data.items()}
    secret["metadata"].get("annotations", {}).pop(LAST_APPLIED, None)
    return {**secret, "data": hidden}


def _dump(cluster: Cluster, directory: Path) -> None:
    for resource in KINDS:
        items = cluster.api.list(resource)
        if not items:
            continue
        for item in items:
            item["metadata"].pop("managedFields", None)
        shown = [redacted(item) for item in items] if resource == "v1/secrets" else items
        name = resource.rpartition("/")[2]
        (directory / f"{name}.yaml").write_text(yaml.safe_dump_all(shown, sort_keys=False))


def _copy_container_logs(cluster: Cluster, directory: Path) -> None:
    for log in (cluster.directory / "pods").glob("*/*.log"):
        shutil.copy(log, directory / f"{log.parent.name}.{log.name}")


def _troubles(cluster: Cluster) -> Iterator[str]:
    for app in cluster.api.list(APPLICATIONS, NAMESPACE):
        status = app.get("status", {})
        sync, health = (status.get(k, {}).get("status") for k in ("sync", "health"))
        if (sync, health) != ("Synced", "Healthy"):
            why = _why(status)
            yield f"Application {app['metadata']['name']}: {sync}, {health}: {why}"
    for pod in cluster.api.list("v1/pods"):
        name = f"{cluster.name}: Pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
        status = pod.get("status", {})
        for container in status.get("containerStatuses", []):
            if not container["ready"]:
                log = cluster.directory / "pods" / name.rpartition(" ")[2].replace("/", "_")
                said = tail(log / f"{container['name']}.log", 1)
                state = json.dumps(container["state"])
                yield f"{name} {container['name']} is not ready: {state}: {said}"[:400]


def _why(status: dict[str, Any]) -> str:
    conditions = [c.get("message", "") for c in status.get("conditions", [])]
    message = status.get("operationState", {}).get("message", "")
    return "; ".join([message, *conditions])[:300]
