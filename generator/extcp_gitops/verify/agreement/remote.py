"""A remote cluster: each fact wherever the guide has it stand, read out of the built objects.

Names and forms are Istio's own and are written out here once more: this is the other side of what
the renderer writes, and shares no code with it.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from extcp_gitops.verify.agreement import facts
from extcp_gitops.verify.agreement.facts import Facts
from extcp_gitops.verify.objects import at, mapping, sequence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_gitops.errors import Finding
    from extcp_gitops.inventory.model import Cluster, ControlPlane, Inventory
    from extcp_gitops.verify.objects import Built

_NETWORK: Final = "topology.istio.io/network"
_CONTROL_PLANE_CLUSTERS: Final = "topology.istio.io/controlPlaneClusters"
_PLACEHOLDER: Final = "set-in-the-cluster"
_TLS_PORT: Final = 15443
_EAST_WEST: Final = "istio-eastwestgateway"


def check(inventory: Inventory, cluster: Cluster, built: Built) -> list[Finding]:
    """Everything about one remote cluster that is not what the inventory says."""
    return _Remote(inventory, cluster, built).check()


class _Remote:
    def __init__(self, inventory: Inventory, cluster: Cluster, built: Built) -> None:
        self._cluster = cluster
        self._plane: ControlPlane = inventory.control_plane_of(cluster)
        self._is_config = inventory.is_config_cluster(cluster)
        self._facts = Facts(built)

    def check(self) -> list[Finding]:
        self._namespace()
        self._injection()
        self._validation()
        self._credential()
        self._gateways()
        if self._plane.is_ip_address:
            self._endpoint()
        for document in self._facts.built.documents:
            if _PLACEHOLDER in document.text:
                self._facts.add(facts.PLACEHOLDER, f"{document} still says '{_PLACEHOLDER}'")
        return self._facts.findings

    def _namespace(self) -> None:
        name = self._plane.namespace
        item = self._facts.require("Namespace", "", name)
        self._facts.expect(
            facts.NETWORK,
            f"label {_NETWORK} of Namespace {name}",
            facts.label(item, _NETWORK),
            self._cluster.network,
        )
        self._facts.expect(
            facts.CONFIG_CLUSTER,
            f"annotation {_CONTROL_PLANE_CLUSTERS} of Namespace {name}",
            mapping(item, "metadata", "annotations").get(_CONTROL_PLANE_CLUSTERS),
            None if self._is_config else self._plane.config_cluster,
        )

    def _injection(self) -> None:
        name = f"istio-sidecar-injector-{self._plane.namespace}"
        webhooks = self._webhooks("MutatingWebhookConfiguration", name)
        for where, path in webhooks:
            # /inject/cluster/<cluster>/net/<network>; istiod reads pairs, and '--slash--' as '/'.
            parts = [part.replace("--slash--", "/") for part in path.split("/")]
            pairs = dict(zip(parts[2::2], parts[3::2], strict=False))
            if parts[:2] != ["", "inject"] or set(pairs) != {"cluster", "net"} or len(parts) % 2:
                self._facts.add(facts.CLUSTER_ID, f"the path of {where} is not one of istiod's")
                continue
            self._facts.expect(
                facts.CLUSTER_ID, f"the cluster of {where}", pairs["cluster"], self._cluster.name
            )
            self._facts.expect(
                facts.NETWORK, f"the network of {where}", pairs["net"], self._cluster.network
            )

    def _validation(self) -> None:
        for name in (f"istio-validator-{self._plane.namespace}", "istiod-default-validator"):
            if self._is_config:
                webhooks = self._webhooks("ValidatingWebhookConfiguration", name)
                for where, path in webhooks:
                    self._facts.expect(facts.ROUTE, f"the path of {where}", path, "/validate")
            elif self._facts.built.find("ValidatingWebhookConfiguration", "", name):
                self._facts.add(
                    facts.CONFIG_CLUSTER, f"{name} is for the config cluster, and this is not it"
                )

    def _webhooks(self, kind: str, name: str) -> list[tuple[str, str]]:
        """The path of each entry; that it leads to this control plane is checked here."""
        item = self._facts.require(kind, "", name)
        entries = sequence(item, "webhooks")
        if item and not entries:
            self._facts.add(facts.MISSING, f"{kind} {name} has no webhooks")
        found = []
        for entry in entries:
            where = f"{at(entry, 'name')} in {name}"
            client = mapping(entry, "clientConfig")
            path = self._by_service if self._plane.is_ip_address else self._by_url
            found.append((where, path(where, client)))
            self._facts.expect_same(
                facts.TRUST,
                f"the CA bundle of {where}",
                _decoded(client.get("caBundle")),
                self._plane.ca_bundle.strip() if self._plane.ca_bundle else None,
            )
        return found

    def _by_url(self, where: str, client: Mapping[str, Any]) -> str:
        url = urlsplit(str(client.get("url", "")))
        self._facts.expect(
            facts.ADDRESS,
            f"the address of {where}",
            f"{url.scheme}://{url.netloc}",
            f"https://{self._plane.address}:{facts.WEBHOOK}",
        )
        return url.path

    def _by_service(self, where: str, client: Mapping[str, Any]) -> str:
        service = mapping(client, "service")
        self._facts.expect(
            facts.ADDRESS,
            f"the Service of {where}",
            f"{service.get('namespace')}/{service.get('name')}",
            f"{self._plane.namespace}/istiod",
        )
        return str(service.get("path", ""))

    def _credential(self) -> None:
        account = "istiod" if self._is_config else "istio-reader-service-account"
        namespace = self._plane.namespace
        self._facts.require("ServiceAccount", namespace, account)
        name = f"{account}-istio-remote-secret-token"
        secret = self._facts.require("Secret", namespace, name)
        if secret:
            self._facts.expect(
                facts.CREDENTIAL,
                f"the service account of Secret {namespace}/{name}",
                mapping(secret, "metadata", "annotations").get(
                    "kubernetes.io/service-account.name"
                ),
                account,
            )

    def _gateways(self) -> None:
        wanted = self._cluster.gateways
        for name, asked in (
            ("istio-ingressgateway", wanted.ingress),
            ("istio-egressgateway", wanted.egress),
            (_EAST_WEST, wanted.east_west),
        ):
            if asked:
                self._facts.require("Deployment", self._plane.namespace, name)
                self._facts.require("Service", self._plane.namespace, name)
        if wanted.east_west:
            self._east_west()

    def _east_west(self) -> None:
        namespace, network = self._plane.namespace, self._cluster.network
        deployment = self._facts.require("Deployment", namespace, _EAST_WEST)
        service = self._facts.require("Service", namespace, _EAST_WEST)
        template = ("spec", "template", "metadata", "labels")
        for what, found in (
            ("label of the Deployment", facts.label(deployment, _NETWORK)),
            (
                "selector of the Deployment",
                facts.label(deployment, _NETWORK, "spec", "selector", "matchLabels"),
            ),
            ("label of the Pods", facts.label(deployment, _NETWORK, *template)),
            ("label of the Service", facts.label(service, _NETWORK)),
            ("selector of the Service", facts.label(service, _NETWORK, "spec", "selector")),
        ):
            where = f"{_NETWORK} as {what} {namespace}/{_EAST_WEST}"
            self._facts.expect(facts.NETWORK, where, found, network)
        variable = "ISTIO_META_REQUESTED_NETWORK_VIEW"
        self._facts.expect(
            facts.NETWORK,
            f"{variable} of Deployment {namespace}/{_EAST_WEST}",
            facts.values_of(deployment, variable),
            [network],
        )
        if _TLS_PORT not in facts.ports(service):
            self._facts.add(facts.ROUTE, f"Service {namespace}/{_EAST_WEST} lacks port {_TLS_PORT}")
        if self._is_config:
            self._cross_network_gateway()

    def _cross_network_gateway(self) -> None:
        item = self._facts.require("Gateway", self._plane.namespace, "cross-network-gateway")
        found = [at(server, "port", "number") for server in sequence(item, "spec", "servers")]
        where = "the ports of Gateway cross-network-gateway"
        self._facts.expect(facts.ROUTE, where, found, [_TLS_PORT])

    def _endpoint(self) -> None:
        """The guide's variant with an IP address: a Service without selector, and its endpoint."""
        namespace = self._plane.namespace
        self._facts.require("Service", namespace, "istiod")
        item = self._facts.require("EndpointSlice", namespace, "istiod")
        where = f"EndpointSlice {namespace}/istiod"
        found = [at(endpoint, "addresses") for endpoint in sequence(item, "endpoints")]
        self._facts.expect(
            facts.ADDRESS, f"the endpoint in {where}", found, [[self._plane.address]]
        )
        self._facts.expect(
            facts.ROUTE,
            f"the Service of {where}",
            facts.label(item, "kubernetes.io/service-name"),
            "istiod",
        )


def _decoded(bundle: object) -> str | None:
    if bundle is None:
        return None
    try:
        return base64.b64decode(str(bundle), validate=True).decode().strip()
    except (binascii.Error, UnicodeDecodeError):
        return ""
