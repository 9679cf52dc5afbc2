"""What the replicas of istiod say of the clusters of a healthy mesh, on their debug interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from extcp_bot.live import (
    certificates,
    connections,
    istiod,
    proxies,
    registry,
    services,
    signer,
)
from tests.bot.forwarding import serving
from tests.bot.simulation import roots
from tests.bot.simulation.istio import PLANE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.bot.apiserver import ApiServer

Object = dict[str, Any]

_TYPES = ("cluster.v3.Cluster", "listener.v3.Listener")
_TAKEN = {"sent": "1", "acked": "1", "sentTime": "2026-01-02T03:04:05Z"}


def serve(external: ApiServer, remotes: Mapping[str, ApiServer], config: str) -> None:
    """Let port-forwarding to each istiod of the control plane answer.

    Args:
        external: The external cluster.
        remotes: The clusters of the control plane, with all that is in them.
        config: Its config cluster.
    """
    replicas = [each for each in _pods(external) if _labels(each).get("app") == "istiod"]
    own = [each for each in replicas if each["metadata"]["namespace"] == PLANE]
    for number, pod in enumerate(own):
        pages = {
            registry.CLUSTERS: [_member(name, is_config=name == config) for name in remotes],
            registry.ENDPOINTS: _endpoints(remotes),
            # Each proxy is connected to one of the replicas.
            connections.PATH: list(_connections(remotes))[number :: len(own)],
            istiod.METRICS: metrics(roots.mesh().root),
        }
        path = f"/api/v1/namespaces/{PLANE}/pods/{pod['metadata']['name']}/portforward"
        external.handlers[path] = serving(pages)


def metrics(root: str, chain: str = "") -> str:
    """What a replica exposes to Prometheus, as Go writes it.

    Args:
        root: Its roots, PEM.
        chain: What it signs with, and what stands between that and a root; where it has made its
            root itself, nothing does.
    """
    ends = [
        f"{name} {certificate.end.timestamp():.9e}"
        for name, bundle in ((signer.ROOT_END, root), (signer.CHAIN_END, chain))
        for certificate in certificates.of_pem(bundle)[:1]
    ]
    return "".join(f"{line}\n" for line in ('pilot_info{version="1.29.1"} 1', *ends))


def _member(name: str, *, is_config: bool) -> Object:
    secret = "" if is_config else f"{PLANE}/istio-remote-secret-{name}"
    return {"id": name, "secretName": secret, "syncStatus": registry.SYNCED}


def _endpoints(remotes: Mapping[str, ApiServer]) -> Object:
    found: Object = {}
    for cluster, server in remotes.items():
        for item in _kind(server, "EndpointSlice"):
            namespace, name = item["metadata"]["namespace"], _labels(item)[services.SERVICE]
            service = found.setdefault(f"{name}.{namespace}.svc.cluster.local", {})
            shards = service.setdefault(namespace, {"Shards": {}})["Shards"]
            shards[f"Kubernetes/{cluster}"] = [
                {"Addresses": each["addresses"], "NodeName": "node-1"} for each in item["endpoints"]
            ]
    return found


def _connections(remotes: Mapping[str, ApiServer]) -> Iterator[Object]:
    for cluster, server in remotes.items():
        for pod in _pods(server):
            if any(each["name"] == proxies.CONTAINER for each in pod["spec"]["containers"]):
                metadata = pod["metadata"]
                yield {
                    "cluster_id": cluster,
                    "proxy": f"{metadata['name']}.{metadata['namespace']}",
                    "resources": {
                        f"type.googleapis.com/envoy.config.{each}": _TAKEN for each in _TYPES
                    },
                }


def _pods(server: ApiServer) -> list[Object]:
    return _kind(server, "Pod")


def _kind(server: ApiServer, kind: str) -> list[Object]:
    return [item for item in server.objects.values() if item.get("kind") == kind]


def _labels(item: Object) -> Object:
    return dict(item["metadata"].get("labels") or {})
