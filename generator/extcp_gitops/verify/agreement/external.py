"""The external cluster: each control plane's istiod, and the way to it through the gateway.

As in ``remote``, names and forms are written out here and not taken from the renderer.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.errors import ExtcpError
from extcp_gitops.verify.agreement import facts
from extcp_gitops.verify.agreement.facts import Facts
from extcp_gitops.verify.objects import at, mapping, sequence

if TYPE_CHECKING:
    from extcp_gitops.errors import Finding
    from extcp_gitops.inventory.model import Cluster, ControlPlane, Inventory
    from extcp_gitops.verify.objects import Built, Object

_INGRESS_NAMESPACE: Final = "istio-system"
_GATEWAY: Final = "external-istiod-gw"
_WEBHOOK_OF_SERVICE: Final = 443
_DESTINATIONS: Final = {facts.XDS: facts.XDS, facts.WEBHOOK: _WEBHOOK_OF_SERVICE}


def check(inventory: Inventory, built: Built) -> list[Finding]:
    """Everything about the external cluster that is not what the inventory says."""
    found = Facts(built)
    found.require("Namespace", "", _INGRESS_NAMESPACE)
    service = found.require("Service", _INGRESS_NAMESPACE, "istio-ingressgateway")
    found.expect(
        facts.ROUTE,
        f"the ports of Service {_INGRESS_NAMESPACE}/istio-ingressgateway",
        sorted(map(str, facts.ports(service))),
        sorted(map(str, (facts.STATUS, facts.XDS, facts.WEBHOOK))),
    )
    for plane in inventory.mesh.control_planes:
        _Plane(inventory, plane, found).check()
    return found.findings


class _Plane:
    def __init__(self, inventory: Inventory, plane: ControlPlane, found: Facts) -> None:
        self._mesh_id = inventory.mesh.mesh_id
        self._plane = plane
        self._config: Cluster = inventory.config_cluster_of(plane)
        self._facts = found
        self._namespace = plane.namespace
        self._host = f"istiod.{plane.namespace}.svc.cluster.local"
        self._xds = f"{plane.address}:{facts.XDS}"

    def check(self) -> None:
        self._facts.require("Namespace", "", self._namespace)
        self._istiod()
        self._mesh_config()
        self._injector()
        self._gateway()
        self._routes()
        if not self._plane.is_ip_address:
            self._destination_rule()
            self._certificates()

    def _expect(self, code: str, what: str, found: object, wanted: object) -> None:
        self._facts.expect(code, f"{what} of control plane {self._plane.name}", found, wanted)

    def _require(self, kind: str, name: str) -> Object:
        return self._facts.require(kind, self._namespace, name)

    def _istiod(self) -> None:
        deployment = self._require("Deployment", "istiod")
        # A name that stands twice breaks server-side apply, and the guide's own has CLUSTER_ID so.
        names = Counter(name for name, _ in facts.environment(deployment))
        for name, count in names.items():
            if count > 1:
                message = f"{name} stands {count} times in the environment of istiod"
                self._facts.add(facts.CONFIG_CLUSTER, f"{message} of {self._plane.name}")
        by_ip = self._plane.is_ip_address
        for code, name, wanted in (
            (facts.CONFIG_CLUSTER, "CLUSTER_ID", self._config.name),
            (facts.CREDENTIAL, "EXTERNAL_ISTIOD", "true"),
            (facts.CREDENTIAL, "LOCAL_CLUSTER_SECRET_WATCHER", "true"),
            (facts.CREDENTIAL, "SHARED_MESH_CONFIG", "istio"),
            (
                facts.TRUST,
                "INJECTION_WEBHOOK_CONFIG_NAME",
                f"istio-sidecar-injector-{self._namespace}" if by_ip else "",
            ),
            (
                facts.TRUST,
                "VALIDATION_WEBHOOK_CONFIG_NAME",
                f"istio-validator-{self._namespace}" if by_ip else "",
            ),
        ):
            values = facts.values_of(deployment, name)
            found = values[0] if len(values) == 1 else values
            self._expect(code, f"{name} of istiod", found, wanted)
        ports = facts.ports(self._require("Service", "istiod"))
        for port in _DESTINATIONS.values():
            if port not in ports:
                self._facts.add(facts.ROUTE, f"Service {self._namespace}/istiod lacks port {port}")

    def _mesh_config(self) -> None:
        mesh = _yaml(at(self._require("ConfigMap", "istio"), "data", "mesh"))
        default = mapping(mesh, "defaultConfig")
        self._expect(facts.ADDRESS, "discoveryAddress", default.get("discoveryAddress"), self._xds)
        self._expect(facts.MESH_ID, "meshId", default.get("meshId"), self._mesh_id)
        self._expect(
            facts.CONFIG_CLUSTER, "rootNamespace", mesh.get("rootNamespace"), self._namespace
        )

    def _injector(self) -> None:
        config_map = self._require("ConfigMap", "istio-sidecar-injector")
        values = mapping(_json(at(config_map, "data", "values")), "global")
        self._expect(facts.ADDRESS, "caAddress", values.get("caAddress"), self._xds)
        self._expect(facts.MESH_ID, "meshID of the injector", values.get("meshID"), self._mesh_id)
        self._expect(
            facts.CONFIG_CLUSTER,
            "clusterName of the injector",
            at(values, "multiCluster", "clusterName"),
            self._config.name,
        )
        self._expect(
            facts.NETWORK, "network of the injector", values.get("network"), self._config.network
        )
        if self._plane.ca_bundle is not None:
            templates = str(at(config_map, "data", "config"))
            lines = self._plane.ca_bundle.split("\n")
            if not all(line.strip() in templates for line in lines):
                message = "the injection template lacks the CA bundle"
                self._facts.add(facts.TRUST, f"{message} of control plane {self._plane.name}")

    def _gateway(self) -> None:
        servers = sequence(self._require("Gateway", _GATEWAY), "spec", "servers")
        found = sorted(str(at(server, "port", "number")) for server in servers)
        wanted = sorted(map(str, _DESTINATIONS))
        self._expect(facts.ROUTE, "the ports of the Gateway", found, wanted)
        tls = self._plane.tls
        for server in servers:
            port = at(server, "port", "number")
            where = f"port {port} of the Gateway"
            hosts = ["*"] if self._plane.is_ip_address else [self._plane.address]
            self._expect(facts.ADDRESS, f"hosts at {where}", at(server, "hosts"), hosts)
            secret = at(server, "tls", "credentialName")
            wanted_secret = tls.secret_name if tls else None
            self._expect(facts.TRUST, f"credentialName at {where}", secret, wanted_secret)

    def _routes(self) -> None:
        item = self._require("VirtualService", "external-istiod-vs")
        by_ip = self._plane.is_ip_address
        self._expect(
            facts.ADDRESS,
            "the hosts of the VirtualService",
            at(item, "spec", "hosts"),
            ["*"] if by_ip else [self._plane.address],
        )
        self._expect(
            facts.ROUTE,
            "the gateways of the VirtualService",
            at(item, "spec", "gateways"),
            [_GATEWAY],
        )
        found = [
            (at(match, "port"), _destinations(route))
            for route in sequence(item, "spec", "tls" if by_ip else "http")
            for match in sequence(route, "match")
        ]
        wanted = [(port, [(self._host, inside)]) for port, inside in _DESTINATIONS.items()]
        self._expect(facts.ROUTE, "the routes of the VirtualService", found, wanted)

    def _destination_rule(self) -> None:
        item = self._require("DestinationRule", "external-istiod-dr")
        self._expect(
            facts.ROUTE, "the host of the DestinationRule", at(item, "spec", "host"), self._host
        )
        settings = sequence(item, "spec", "trafficPolicy", "portLevelSettings")
        found = sorted(str(at(setting, "port", "number")) for setting in settings)
        wanted = sorted(map(str, _DESTINATIONS.values()))
        self._expect(facts.ROUTE, "the ports of the DestinationRule", found, wanted)
        ca = self._plane.ca
        insecure = True if ca.insecure_skip_verify else None
        reference = f"configmap://{self._namespace}/istiod-root"
        names = [f"istiod.{self._namespace}.svc"]
        for setting in settings:
            where = f"port {at(setting, 'port', 'number')} of the DestinationRule"
            tls = mapping(setting, "tls")
            for key, value in (
                ("mode", "SIMPLE"),
                ("insecureSkipVerify", insecure),
                ("credentialName", None if insecure else reference),
                ("subjectAltNames", None if insecure else names),
            ):
                self._expect(facts.TRUST, f"{key} at {where}", tls.get(key), value)
        root = self._facts.built.find("ConfigMap", self._namespace, "istiod-root")
        pinned = None if insecure else ca.root_certificate
        self._facts.expect_same(
            facts.TRUST,
            f"the root certificate in ConfigMap {self._namespace}/istiod-root",
            _stripped(at(root, "data", "ca.crt")),
            _stripped(pinned),
        )

    def _certificates(self) -> None:
        tls = self._plane.tls
        if tls is None or tls.issuer is None:
            return
        name = f"{self._plane.name}-gateway"
        item = self._facts.require("Certificate", _INGRESS_NAMESPACE, name)
        self._expect(
            facts.ADDRESS,
            "dnsNames of the Certificate",
            at(item, "spec", "dnsNames"),
            [self._plane.address],
        )
        self._expect(
            facts.TRUST,
            "secretName of the Certificate",
            at(item, "spec", "secretName"),
            tls.secret_name,
        )


def _destinations(route: object) -> list[tuple[Any, Any]]:
    destinations = [mapping(part, "destination") for part in sequence(route, "route")]
    return [(item.get("host"), at(item, "port", "number")) for item in destinations]


def _yaml(text: object) -> Object:
    from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml is loaded when needed

    try:
        objects = load_objects(text) if isinstance(text, str) else []
    except ExtcpError:
        objects = []
    return objects[0] if objects else {}


def _json(text: object) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}


def _stripped(pem: object) -> str | None:
    return None if pem is None else str(pem).strip()
