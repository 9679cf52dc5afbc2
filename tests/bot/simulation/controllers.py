"""What Kubernetes and the cloud make of objects: statuses, Pods, slices, tokens, namespaces."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from tests.bot.apiserver import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.bot.apiserver import ApiServer

Object = dict[str, Any]

CREATED = "2026-01-02T03:04:05Z"
VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.3"}
_CLUSTER_SCOPED = {
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "CustomResourceDefinition",
    "Node",
}
_CRDS = {
    "networking.istio.io": ("destinationrules", "gateways", "virtualservices"),
    "telemetry.istio.io": ("telemetries",),
}
_SYSTEM = ("default", "kube-system", "kube-public", "kube-node-lease")


def collection(item: Object) -> str:
    """The path of the collection that an object belongs to."""
    version, kind = item["apiVersion"], item["kind"]
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    name = kind.lower()
    plural = f"{name[:-1]}ies" if name.endswith("cy") else f"{name}s"
    if kind in _CLUSTER_SCOPED:
        return f"{base}/{plural}"
    return f"{base}/namespaces/{item['metadata'].get('namespace', 'default')}/{plural}"


def put(server: ApiServer, *items: Object) -> None:
    """Keep objects as an API server does, each with what it adds to the metadata."""
    for item in items:
        metadata = item["metadata"]
        metadata.setdefault("creationTimestamp", CREATED)
        metadata.setdefault("uid", f"uid-of-{item['kind'].lower()}-{metadata['name']}")
        metadata.setdefault("generation", 1)
        metadata.setdefault("resourceVersion", "1000")
        server.put(collection(item), item)


def install(server: ApiServer, items: Iterable[Object], address: str) -> None:
    """Apply objects and let the controllers of a healthy cluster do their work.

    Args:
        server: The cluster.
        items: To be applied.
        address: Of the load balancer that each Service of that type gets.
    """
    put(server, *(named("Namespace", name, labels={}) for name in _SYSTEM))
    put(server, *_crds())
    for number, item in enumerate(items):
        match item["kind"]:
            case "Deployment":
                put(server, *_of_deployment(item, number))
            case "Service":
                _of_service(item, address)
            case "HorizontalPodAutoscaler":
                item["status"] = {"currentReplicas": 1, "desiredReplicas": 1}
            case "Secret":
                item["data"] = _token_of(item)
            case "Namespace":
                item["status"] = {"phase": "Active"}
        put(server, item)
    put(server, *slices(server))
    for namespace in namespaces(server):
        put(server, named("ConfigMap", "kube-root-ca.crt", namespace, data={"ca.crt": ROOT}))
    server.objects["/version"] = dict(VERSION)


def named(kind: str, name: str, namespace: str = "", api: str = "v1", **fields: Any) -> Object:  # noqa: ANN401 - any field
    """An object; labels and annotations go into its metadata."""
    metadata: Object = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    for field in ("labels", "annotations"):
        if field in fields:
            metadata[field] = fields.pop(field)
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def namespaces(server: ApiServer) -> list[str]:
    """The names of all namespaces of a cluster."""
    found = [item for item in server.objects.values() if item.get("kind") == "Namespace"]
    return sorted(item["metadata"]["name"] for item in found)


def pod(name: str, namespace: str, template: Object, ip: str, owner: str = "") -> Object:
    """A Pod of a template that runs and is ready."""
    metadata = template.get("metadata") or {}
    spec = {"nodeName": "node-1", **json.loads(json.dumps(template["spec"]))}
    parts = {
        status: [_running(each) for each in spec.get(field) or []]
        for field, status in (
            ("initContainers", "initContainerStatuses"),
            ("containers", "containerStatuses"),
        )
    }
    made = named(
        "Pod",
        name,
        namespace,
        labels=dict(metadata.get("labels") or {}),
        annotations=dict(metadata.get("annotations") or {}),
        spec=spec,
        status={
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "startTime": CREATED,
            "conditions": [_true("Ready"), _true("ContainersReady"), _true("PodScheduled")],
            **parts,
        },
    )
    if owner:
        made["metadata"]["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "controller": True}
        ]
    return made


def slices(server: ApiServer) -> Iterator[Object]:
    """An EndpointSlice for each Service, of the Pods that it selects."""
    pods = [item for item in list(server.objects.values()) if item.get("kind") == "Pod"]
    for item in list(server.objects.values()):
        if item.get("kind") != "Service" or not item["spec"].get("selector"):
            continue
        namespace, name = item["metadata"]["namespace"], item["metadata"]["name"]
        wanted = item["spec"]["selector"].items()
        chosen = [
            each
            for each in pods
            if each["metadata"]["namespace"] == namespace
            and wanted <= each["metadata"]["labels"].items()
        ]
        yield named(
            "EndpointSlice",
            f"{name}-abcde",
            namespace,
            "discovery.k8s.io/v1",
            labels={
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": name,
            },
            addressType="IPv4",
            endpoints=[_endpoint(each) for each in chosen],
            ports=[
                {"name": each.get("name"), "port": each["port"], "protocol": "TCP"}
                for each in item["spec"]["ports"]
            ],
        )


def encoded(text: str) -> str:
    """Base64, as in a Secret."""
    return base64.b64encode(text.encode()).decode()


def _crds() -> Iterator[Object]:
    """Some of Istio's CRDs, as its chart labels them; without their schemas."""
    labels = {"app.kubernetes.io/part-of": "istio", "app.kubernetes.io/version": "1.29.1"}
    for group, plurals in _CRDS.items():
        for plural in plurals:
            kind, api = "CustomResourceDefinition", "apiextensions.k8s.io/v1"
            yield named(kind, f"{plural}.{group}", api=api, labels=labels, spec={"group": group})


def _of_deployment(item: Object, number: int) -> Iterator[Object]:
    name, namespace = item["metadata"]["name"], item["metadata"]["namespace"]
    count = item["spec"].setdefault("replicas", 1)
    ready = dict.fromkeys(
        ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas"), count
    )
    conditions = [_true("Available"), _true("Progressing")]
    item["status"] = {"observedGeneration": 1, "conditions": conditions, **ready}
    for each in range(count):
        template = item["spec"]["template"]
        made = f"{name}-5d4f8c7b9d-{'bcdfghjk'[each]}2x4z"
        yield pod(made, namespace, template, f"10.0.{number}.{each + 1}", f"{name}-5d4f8c7b9d")


def _of_service(item: Object, address: str) -> None:
    item["spec"].setdefault("clusterIP", "10.96.0.10")
    item["status"] = {"loadBalancer": {}}
    if item["spec"].get("type") == "LoadBalancer":
        item["status"] = {"loadBalancer": {"ingress": [{"ip": address}]}}


def _token_of(item: Object) -> dict[str, str]:
    """What the token controller puts into a Secret of its type."""
    namespace = item["metadata"]["namespace"]
    account = item["metadata"]["annotations"]["kubernetes.io/service-account.name"]
    data = {"ca.crt": ROOT, "namespace": namespace, "token": token(namespace, account)}
    return {name: encoded(text) for name, text in data.items()}


def token(namespace: str, account: str) -> str:
    """A long-lived token of a ServiceAccount; its signature is none."""
    claims = {
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": namespace,
        "kubernetes.io/serviceaccount/service-account.name": account,
        "sub": f"system:serviceaccount:{namespace}:{account}",
    }
    parts = (json.dumps({"alg": "RS256", "kid": "test"}), json.dumps(claims), "no signature")
    words = (base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    return ".".join(words)


def _endpoint(item: Object) -> Object:
    return {
        "addresses": [item["status"]["podIP"]],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {"kind": "Pod", "name": item["metadata"]["name"]},
    }


def _running(container: Object) -> Object:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": CREATED}},
    }


def _true(condition: str) -> Object:
    return {"type": condition, "status": "True", "lastTransitionTime": CREATED}
