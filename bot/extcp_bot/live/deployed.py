"""The live objects that are compared with the repository: those that other checks read anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.live import deployments, gateway, namespaces, webhooks
from extcp_gitops.inventory.model import INGRESS_NAMESPACE
from extcp_gitops.render.external_cluster import routing
from extcp_gitops.render.operators import INGRESS_GATEWAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.kube.client import Client
    from extcp_bot.target import Target
    from extcp_gitops.verify.objects import Built, Document

    Object = dict[str, Any]

_NAMESPACE: Final = "Namespace"
_IDENTITY: Final = ("apiVersion", "kind", "metadata", "status")
_HOOKS: Final = {
    "MutatingWebhookConfiguration": (webhooks.MUTATING, "app=sidecar-injector"),
    "ValidatingWebhookConfiguration": (webhooks.VALIDATING, "app=istiod"),
}
_ISTIO: Final = f"/apis/{gateway.GROUP}/v1"
_NAMED: Final = {
    "Deployment": (f"/apis/{deployments.GROUP}/v1", deployments.RESOURCE),
    "Service": ("/api/v1", "services"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Gateway": (_ISTIO, gateway.GATEWAYS),
    "VirtualService": (_ISTIO, gateway.VIRTUAL_SERVICES),
    "DestinationRule": (_ISTIO, gateway.DESTINATION_RULES),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Kind, namespace and name of an object."""

    kind: str
    namespace: str
    name: str


def compared(target: Target, built: Built) -> list[Document]:
    """Those of a cluster's objects that are compared: what carries istiod to its clusters.

    On a remote cluster the webhook configurations and the control plane's namespace; on the
    external one also the way from its gateway to istiod. What people add is theirs.

    Args:
        target: The cluster.
        built: All that the repository wants there.
    """
    places = set(_external(target)) if target.is_external else set()
    own = {_NAMESPACE, *_HOOKS}
    return [
        document
        for document in built.documents
        if document.kind in own or Place(document.kind, document.namespace, document.name) in places
    ]


def content(item: Object) -> Object:
    """What is compared of an object of the repository: not which object it is."""
    metadata = item.get("metadata") or {}
    kept = {name: metadata[name] for name in ("labels", "annotations") if metadata.get(name)}
    rest = {name: value for name, value in item.items() if name not in _IDENTITY}
    return {"metadata": kept, **rest}


async def find(target: Target, document: Document) -> Object | None:
    """The live object; None where it is not there.

    Raises:
        CannotLookError: The cluster does not show it.
    """
    if document.kind == _NAMESPACE:
        return await _namespace(target.api, document.name)
    if document.kind in _HOOKS:
        plural, labels = _HOOKS[document.kind]
        found = await target.api.list(f"/apis/{webhooks.GROUP}/v1/{plural}", labels=labels)
        return next((each for each in found if each["metadata"].get("name") == document.name), None)
    base, plural = _NAMED[document.kind]
    return await target.api.find(f"{base}/namespaces/{document.namespace}/{plural}/{document.name}")


async def _namespace(api: Client, name: str) -> Object | None:
    for each in await namespaces.of(api):
        if each.name == name:
            return {"metadata": {"labels": each.labels, "annotations": each.annotations}}
    return None


def _external(target: Target) -> Iterator[Place]:
    yield Place("Deployment", INGRESS_NAMESPACE, INGRESS_GATEWAY)
    yield Place("Deployment", INGRESS_NAMESPACE, deployments.ISTIOD)
    yield Place("Service", INGRESS_NAMESPACE, INGRESS_GATEWAY)
    for plane in target.fleet.inventory.mesh.control_planes:
        yield Place("Deployment", plane.namespace, deployments.ISTIOD)
        for item in routing(plane):
            if item["kind"] in _NAMED:
                metadata = item["metadata"]
                yield Place(item["kind"], metadata["namespace"], metadata["name"])
