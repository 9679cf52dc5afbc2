"""What istiod and people add to the clusters of a mesh: roots, locks, credentials, sidecars."""

from __future__ import annotations

import base64
import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.bot.apiserver import ROOT, ApiServer
from tests.bot.simulation import reviews, roots
from tests.bot.simulation.controllers import encoded, named, namespaces, pod, put, slices

if TYPE_CHECKING:
    from collections.abc import Callable

    from extcp_gitops.inventory.model import Cluster, Inventory

Object = dict[str, Any]

PLANE = "external-istiod"
SAMPLE = "sample"
LABEL = "istio/multiCluster"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_LEADER = "control-plane.alpha.kubernetes.io/leader"
_IMAGE = "docker.io/istio/proxyv2:1.29.1"


def external(server: ApiServer, address: str, remotes: dict[str, ApiServer], config: str) -> None:
    """The Secrets that people deliver to the external cluster, and the roots that istiod writes."""
    pair = roots.gateway_pair(address)
    data = {"tls.crt": encoded(pair.certificate), "tls.key": encoded(pair.key)}
    put(
        server,
        named("Secret", "istiod-tls", "istio-system", type="kubernetes.io/tls", data=data),
        named("Namespace", "argocd"),
        *(
            remote_secret(name, remote, is_config=name == config)
            for name, remote in remotes.items()
        ),
    )
    for namespace in namespaces(server):
        put(server, _root(namespace))


def remote_secret(cluster: str, server: ApiServer, *, is_config: bool) -> Object:
    """The Secret by which istiod reaches a remote cluster, as istioctl makes it."""
    account = _account(is_config=is_config)
    delivered = f"/api/v1/namespaces/{PLANE}/secrets/{account}-istio-remote-secret-token"
    token = base64.b64decode(server.objects[delivered]["data"]["token"]).decode()
    server.accepted.add(token)
    address = f"https://{cluster}.clusters.test:{server.port}"
    name = "istio-kubeconfig" if is_config else f"istio-remote-secret-{cluster}"
    key = "config" if is_config else cluster
    return named(
        "Secret",
        name,
        PLANE,
        labels={} if is_config else {LABEL: "true"},
        annotations={"networking.istio.io/cluster": cluster},
        type="Opaque",
        data={key: encoded(kubeconfig(cluster, address, ROOT, token))},
    )


def _account(*, is_config: bool) -> str:
    return "istiod" if is_config else "istio-reader-service-account"


def kubeconfig(cluster: str, server: str, ca: str, token: str) -> str:
    """A kubeconfig with an inline token."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {"server": server, "certificate-authority-data": encoded(ca)},
            }
        ],
        "users": [{"name": cluster, "user": {"token": token}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "current-context": cluster,
    }
    return json.dumps(document)


def remote(server: ApiServer, inventory: Inventory, cluster: Cluster) -> None:
    """An injected namespace with a Service, and what istiod writes into a remote cluster."""
    put(server, named("Namespace", SAMPLE, labels={"istio-injection": "enabled"}))
    labels = {"app": "helloworld", "version": "v1"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "helloworld", "image": "example.com/helloworld:1"}]},
    }
    service = named(
        "Service",
        "helloworld",
        SAMPLE,
        labels={"app": "helloworld"},
        spec={"selector": {"app": "helloworld"}, "ports": [{"name": "http", "port": 5000}]},
    )
    plain = pod("helloworld-v1-7c9f6d5b8-x2x4z", SAMPLE, template, "10.0.50.1", "helloworld-v1")
    put(server, service, injected(plain, inventory, cluster))
    put(server, *slices(server))
    for item in [each for each in server.objects.values() if each.get("kind") == "Pod"]:
        if any(each["image"] == "auto" for each in item["spec"]["containers"]):
            put(server, injected(item, inventory, cluster))
    for namespace in namespaces(server):
        put(server, _root(namespace))
    for lock in ("istio-namespace-controller-election", "istio-leader"):
        put(server, _lock(lock))
    server.posts.update(_admission(server, inventory, cluster))
    is_config = cluster.name == inventory.control_plane_of(cluster).config_cluster
    if is_config:
        keys = {"ca-cert.pem": encoded(roots.mesh().root), "ca-key.pem": encoded(roots.ca_key())}
        put(server, named("Secret", "istio-ca-secret", PLANE, type="istio.io/ca-root", data=keys))
    account = _account(is_config=is_config)
    uid = f"uid-of-serviceaccount-{account}"
    reviews.allow_all(server, f"system:serviceaccount:{PLANE}:{account}", uid)


def injected(item: Object, inventory: Inventory, cluster: Cluster) -> Object:
    """A Pod as istiod's webhook changes it: with a sidecar, or as a gateway."""
    result = copy.deepcopy(item)
    plane = inventory.control_plane_of(cluster)
    proxy = {"discoveryAddress": f"{plane.address}:15012", "image": {"imageType": "distroless"}}
    variables = {
        "PILOT_CERT_PROVIDER": "istiod",
        "CA_ADDR": f"{plane.address}:15012",
        "PROXY_CONFIG": json.dumps(proxy),
        "ISTIO_META_CLUSTER_ID": cluster.name,
        "ISTIO_META_NETWORK": cluster.network,
        "ISTIO_META_MESH_ID": inventory.mesh.mesh_id,
        "TRUST_DOMAIN": "cluster.local",
    }
    env = [{"name": name, "value": value} for name, value in variables.items()]
    spec, metadata = result["spec"], result["metadata"]
    own = [each for each in spec["containers"] if each["name"] == "istio-proxy"]
    for container in own:
        container.update(image=_IMAGE, env=[*container.get("env", []), *env])
    if not own:
        sidecar = {"name": "istio-proxy", "image": _IMAGE, "args": ["proxy", "sidecar"], "env": env}
        start = {"name": "istio-init", "image": _IMAGE, "args": ["istio-iptables"]}
        spec["initContainers"] = [*spec.get("initContainers", []), start]
        spec["containers"] = [sidecar, *spec["containers"]]
        metadata.setdefault("labels", {})["security.istio.io/tlsMode"] = "istio"
        for state in result.get("status", {}).get("containerStatuses", [])[:1]:
            states = result["status"]["containerStatuses"]
            states.insert(0, {**state, "name": "istio-proxy", "image": _IMAGE})
    metadata["labels"]["service.istio.io/canonical-name"] = metadata["name"].partition("-")[0]
    status = {"containers": ["istio-proxy", "istio-validation"], "revision": "default"}
    metadata.setdefault("annotations", {})["sidecar.istio.io/status"] = json.dumps(status)
    return result


def _root(namespace: str) -> Object:
    data = {"root-cert.pem": roots.mesh().root}
    labels = {"istio.io/config": "true"}
    return named("ConfigMap", "istio-ca-root-cert", namespace, labels=labels, data=data)


def _lock(name: str) -> Object:
    """A lock that an istiod of the external cluster holds."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = {
        "holderIdentity": "istiod-5d4f8c7b9d-b2x4z",
        "holderKey": "^default",
        "leaseDurationSeconds": 30,
        "acquireTime": now,
        "renewTime": now,
        "leaderTransitions": 0,
    }
    return named("ConfigMap", name, PLANE, annotations={_LEADER: json.dumps(record)})


def _admission(
    server: ApiServer, inventory: Inventory, cluster: Cluster
) -> dict[str, Callable[[Object], Object | tuple[int, str]]]:
    """Dry runs as they end with istiod's webhooks."""

    def make(item: Object) -> Object:
        metadata = item["metadata"]
        metadata["name"] = metadata.get("name") or f"{metadata['generateName']}x2x4z"
        metadata.setdefault("labels", {})
        return injected(item, inventory, cluster)

    return {
        f"/apis/networking.istio.io/v1/namespaces/{PLANE}/virtualservices": _validated,
        **{f"/api/v1/namespaces/{name}/pods": make for name in namespaces(server)},
    }


def _validated(item: Object) -> Object | tuple[int, str]:
    """A VirtualService as istiod's validation webhook judges it, as far as one route goes."""
    if all(
        {"route", "redirect", "direct_response"} & route.keys() for route in item["spec"]["http"]
    ):
        return item
    hook, why = "validation.istio.io", "HTTP route, redirect or direct_response is required"
    denied = f'admission webhook "{hook}" denied the request'
    return 400, f"{denied}: configuration is invalid: {why}"
