"""A mesh as its operator brings it up: what the generated runbook tells a person to do."""

from __future__ import annotations

import base64
import ssl
import urllib.request
from typing import TYPE_CHECKING

import yaml

from .parts import part
from .processes import run, wait_for
from .repository import ISTIO_VERSION, MeshRepository

if TYPE_CHECKING:
    from pathlib import Path

    from .api import Object
    from .argocd import ArgoCD
    from .kubernetes import Cluster
    from .pki import Authority
    from .testbed import Testbed

INGRESS_NAMESPACE = "istio-system"
ROOT_CONFIG_MAP = "istio-ca-root-cert"
PLANE = "external-istiod"
ADDRESS = "istiod.example.com"
TLS_SECRET = "istiod-tls"  # noqa: S105 - the name of a Secret
CLUSTER_SECONDS = 180

# Stock Envoy lacks the filter istio.stats (the other two are switched off in node/images.py).
TELEMETRY: Object = {
    "apiVersion": "telemetry.istio.io/v1",
    "kind": "Telemetry",
    "metadata": {"name": "stock-envoy", "namespace": ""},
    "spec": {
        "metrics": [
            {
                "providers": [{"name": "prometheus"}],
                "overrides": [{"match": {"metric": "ALL_METRICS"}, "disabled": True}],
            }
        ]
    },
}
CUSTOM: Object = {
    "apiVersion": "kustomize.config.k8s.io/v1alpha1",
    "kind": "Component",
    "resources": ["stock-envoy.yaml"],
}


class ControlPlane:
    """One control plane: its address, its namespace and the clusters that it leads."""

    def __init__(self, testbed: Testbed, external: Cluster, config: Cluster, **names: str) -> None:
        self.testbed = testbed
        self.external = external
        self.config = config
        self.namespace = names.get("namespace", PLANE)
        self.address = names.get("address", ADDRESS)
        self.tls_secret = names.get("tls_secret", TLS_SECRET)

    def deliver_certificate(self, authority: Authority) -> None:
        """The gateway's certificate, which the platform team has from its CA."""
        pair = authority.serve([self.address])
        secret: Object = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": self.tls_secret, "namespace": INGRESS_NAMESPACE},
            "stringData": {"tls.crt": pair.certificate, "tls.key": pair.key},
        }
        _wait_namespace(self.external, INGRESS_NAMESPACE)
        self.external.apply(secret)

    def publish_address(self) -> None:
        """The DNS record, once the gateway's Service has its address."""
        address = wait_for(
            f"an address of the ingress gateway of {self.external.name}",
            lambda: load_balancer(self.external, INGRESS_NAMESPACE, "istio-ingressgateway"),
            CLUSTER_SECONDS,
        )
        self.testbed.set_name(self.address, address)

    def deliver_config_credential(self) -> None:
        """``istio-kubeconfig``: istiod's way to its config cluster."""
        secret = self._remote_secret(self.config, "--type=config", "--service-account=istiod")
        # With this label istiod registers a second cluster called `config`.
        secret["metadata"].get("labels", {}).pop("istio/multiCluster", None)
        _wait_namespace(self.external, self.namespace)
        self.external.apply(secret)

    def deliver_remote_secret(self, cluster: Cluster, *, in_order: bool = True) -> None:
        """A further cluster's credential, once its namespace says whom it belongs to."""
        if in_order:
            wait_for(
                f"the namespace {self.namespace} of {cluster.name} names its control plane",
                lambda: self._names_control_plane(cluster),
                CLUSTER_SECONDS,
            )
        self.external.apply(self._remote_secret(cluster, "--type=remote"))

    def withdraw_remote_secret(self, cluster: Cluster) -> None:
        """Take a cluster's credential away."""
        name = f"istio-remote-secret-{cluster.name}"
        self.external.api.delete("v1/secrets", self.namespace, name)

    def root(self) -> str:
        """The root that istiod has published in its config cluster, as soon as it has."""

        def published() -> str | None:
            found = self.config.api.find("v1/configmaps", self.namespace, ROOT_CONFIG_MAP)
            return str(found["data"]["root-cert.pem"]) if found else None

        what = f"{ROOT_CONFIG_MAP} of {self.namespace} in {self.config.name}"
        return str(wait_for(what, published, CLUSTER_SECONDS))

    def answers(self, root: str) -> bool:
        """Whether istiod says that it is ready, through the gateway and with verified TLS."""
        context = ssl.create_default_context(cadata=root)
        url = f"https://{self.address}:15017/ready"
        with urllib.request.urlopen(url, timeout=3, context=context) as response:
            return bool(response.status == 200)

    def istiods(self) -> list[str]:
        """Names of the running istiod Pods."""
        pods = self.external.pods(self.namespace, "app=istiod")
        return [pod["metadata"]["name"] for pod in pods]

    def debug(self, path: str) -> object:
        """What istiod's debug interface says."""
        return self.external.json(self.namespace, self.istiods()[0], 8080, f"debug/{path}")

    def registry(self) -> dict[str, str]:
        """The clusters that istiod knows, with their state, from ``/debug/clusterz``."""
        entries = self.debug("clusterz")
        assert isinstance(entries, list)
        return {str(entry["id"]): str(entry["syncStatus"]) for entry in entries}

    def _names_control_plane(self, cluster: Cluster) -> bool:
        found = cluster.api.find("v1/namespaces", None, self.namespace)
        annotations = (found or {}).get("metadata", {}).get("annotations", {})
        names = annotations.get("topology.istio.io/controlPlaneClusters", "")
        return self.config.name in names.split(",")

    def _remote_secret(self, cluster: Cluster, *options: str) -> Object:
        account = "istiod" if "--type=config" in options else "istio-reader-service-account"
        token = f"{account}-istio-remote-secret-token"

        def filled() -> bool:
            found = cluster.api.find("v1/secrets", self.namespace, token)
            return bool(found and found.get("data", {}).get("token"))

        wait_for(f"the token Secret {token} of {cluster.name}", filled, CLUSTER_SECONDS)
        words: list[str | Path] = [
            "create-remote-secret",
            "--kubeconfig",
            cluster.kubeconfig,
            *options,
        ]
        names = ["--name", cluster.name, "--namespace", self.namespace]
        istioctl = part(f"istioctl-{ISTIO_VERSION}")
        text = run([istioctl, *words, *options, *names]).stdout
        secret: Object = yaml.safe_load(text)
        return secret


def load_balancer(cluster: Cluster, namespace: str, service: str) -> str | None:
    """The address of a Service of type LoadBalancer, if it has one."""
    found = cluster.api.find("v1/services", namespace, service)
    ingress = (found or {}).get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    address: str | None = ingress[0].get("ip")
    return address


def add_stock_envoy(repository: MeshRepository, cluster: Cluster, namespace: str) -> None:
    """The testbed's one object in the repository, in the person's own directory of a cluster."""
    item = {**TELEMETRY, "metadata": {**TELEMETRY["metadata"], "namespace": namespace}}
    directory = f"clusters/{cluster.name}/custom"
    repository.write(f"{directory}/stock-envoy.yaml", yaml.safe_dump(item))
    repository.write(f"{directory}/kustomization.yaml", yaml.safe_dump(CUSTOM))


def hand_over(repository: MeshRepository, argocd: ArgoCD) -> None:
    """``kubectl apply -k argocd/``: Argo CD does the rest."""
    argocd.home.kubectl("apply", "-k", repository.directory / "argocd")


def decoded(secret: Object, key: str) -> str:
    """One value of a Secret."""
    return base64.b64decode(secret["data"][key]).decode()


def _wait_namespace(cluster: Cluster, namespace: str) -> None:
    wait_for(
        f"the namespace {namespace} of {cluster.name}",
        lambda: cluster.api.find("v1/namespaces", None, namespace),
        CLUSTER_SECONDS,
    )
