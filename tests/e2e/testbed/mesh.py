"""A mesh as its operator brings it up: what the generated runbook tells a person to do."""

from __future__ import annotations

import json
import ssl
import urllib.request
from typing import TYPE_CHECKING

import yaml

from .processes import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from .api import Object
    from .kubernetes import Cluster
    from .pki import Authority
    from .repository import MeshRepository
    from .testbed import Testbed

INGRESS_NAMESPACE = "istio-system"
ROOT_CONFIG_MAP = "istio-ca-root-cert"
PLANE = "external-istiod"
ADDRESS = "istiod.example.com"
TLS_SECRET = "istiod-tls"  # noqa: S105 - the name of a Secret
CLUSTER_SECONDS = 180
ISTIOD_SECONDS = 90

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

    def __init__(self, testbed: Testbed, external: Cluster, config: Cluster) -> None:
        self.testbed = testbed
        self.external = external
        self.config = config
        self.namespace = PLANE
        self.address = ADDRESS
        self.tls_secret = TLS_SECRET
        self.plugged_in: Authority | None = None

    def write_certificate(self, authority: Authority, directory: Path) -> None:
        """The gateway's certificate in the files that the runbook speaks of."""
        pair = authority.serve([self.address])
        (directory / "fullchain.pem").write_text(pair.certificate)
        (directory / "privkey.pem").write_text(pair.key)

    def write_plugged_in(self, directory: Path) -> None:
        """The plugged-in certificate authority in the files that the runbook speaks of."""
        assert self.plugged_in is not None
        pair = self.plugged_in.intermediate(f"istiod.{self.namespace}")
        root = self.plugged_in.root
        (directory / "ca-cert.pem").write_text(pair.certificate)
        (directory / "ca-key.pem").write_text(pair.key)
        (directory / "root-cert.pem").write_text(root)
        (directory / "cert-chain.pem").write_text(pair.certificate + root)

    def publish_address(self) -> None:
        """The DNS record, once the gateway's Service has its address."""
        address = wait_for(
            f"an address of the ingress gateway of {self.external.name}",
            lambda: load_balancer(self.external, INGRESS_NAMESPACE, "istio-ingressgateway"),
            CLUSTER_SECONDS,
        )
        self.testbed.set_name(self.address, address)

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

    def restart(self) -> None:
        """Have new Pods of istiod take the place of those that run, and wait until they have."""
        self.external.kubectl(
            *("rollout", "restart", "deployment/istiod", f"--namespace={self.namespace}")
        )
        self.wait_rolled_out()

    def wait_rolled_out(self) -> None:
        """Wait until istiod is ready, and no Pod of it is on its way out."""
        namespace = self.namespace
        self.external.wait_available(namespace, "istiod", ISTIOD_SECONDS)
        wait_for(
            f"the last istiod in {namespace} is gone",
            lambda: (
                len(self.external.api.list("v1/pods", namespace, "labelSelector=app=istiod"))
                == len(self.istiods())
            ),
            ISTIOD_SECONDS,
        )

    def debug(self, path: str) -> object:
        """What istiod's debug interface says."""
        command = ["/usr/local/bin/pilot-discovery", "request", "GET", f"/debug/{path}"]
        said = self.external.execute(self.namespace, self.istiods()[0], "discovery", command)
        answer: object = json.loads(said)
        return answer

    def registry(self) -> dict[str, str]:
        """The clusters that istiod knows, with their state, from ``/debug/clusterz``."""
        entries = self.debug("clusterz")
        assert isinstance(entries, list)
        return {str(entry["id"]): str(entry["syncStatus"]) for entry in entries}


def load_balancer(cluster: Cluster, namespace: str, service: str) -> str | None:
    """The address of a Service of type LoadBalancer, if it has one."""
    found = cluster.api.find("v1/services", namespace, service)
    ingress = (found or {}).get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    address: str | None = ingress[0].get("ip")
    return address


def add_stock_envoy(repository: MeshRepository, cluster: str, namespace: str) -> None:
    """The testbed's one object in the repository, in the person's own directory of a cluster."""
    item = {**TELEMETRY, "metadata": {**TELEMETRY["metadata"], "namespace": namespace}}
    directory = f"clusters/{cluster}/custom"
    repository.write(f"{directory}/stock-envoy.yaml", yaml.safe_dump(item))
    repository.write(f"{directory}/kustomization.yaml", yaml.safe_dump(CUSTOM))
