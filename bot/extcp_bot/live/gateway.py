"""The way from the external cluster's load balancer to istiod, as its objects describe it.

What is wanted comes from the generator, and is read with the same eyes as what is found, so that
both variants, by host name and by IP address, are judged by what is written for them.
"""

from __future__ import annotations

import base64
import binascii
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.live import fields
from extcp_gitops.inventory.model import INGRESS_NAMESPACE
from extcp_gitops.render import external_cluster
from extcp_gitops.render.operators import INGRESS_GATEWAY, WEBHOOK_PORT, XDS_PORT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.kube.answers import Object
    from extcp_bot.target import Target
    from extcp_gitops.inventory.model import ControlPlane

PORTS: Final = (XDS_PORT, WEBHOOK_PORT)
GROUP: Final = "networking.istio.io"
GATEWAYS: Final = "gateways"
VIRTUAL_SERVICES: Final = "virtualservices"
DESTINATION_RULES: Final = "destinationrules"
SERVICE: Final = f"Service {INGRESS_NAMESPACE}/{INGRESS_GATEWAY}"
_LOAD_BALANCER: Final = "LoadBalancer"
_EVERYTHING: Final = "*"


@dataclass(frozen=True, slots=True)
class Service:
    """The ingress gateway's Service.

    Attributes:
        is_load_balancer: Whether the cloud is asked for a load balancer.
        addresses: IP addresses that lead to it.
        host_names: Host names that lead to it.
        ports: Its ports.
    """

    is_load_balancer: bool
    addresses: tuple[str, ...]
    host_names: tuple[str, ...]
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a Gateway: its port, hosts, TLS mode and the Secret with its certificate."""

    port: int
    hosts: tuple[str, ...]
    mode: str
    credential: str

    @property
    def tls(self) -> str:
        """How it ends TLS, for people."""
        return f"{self.mode or 'none'}, credentialName {self.credential or 'none'}"


@dataclass(frozen=True, slots=True)
class Route:
    """One route of a VirtualService.

    Attributes:
        port: Of the gateway; 0 for every port.
        destinations: ``host:port`` of each.
    """

    port: int
    destinations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VirtualService:
    """What brings requests from the gateway to a Service."""

    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    routes: tuple[Route, ...]

    def destinations(self, port: int) -> tuple[str, ...]:
        """Where requests at a port of the gateway go: the first route that takes them."""
        fitting = (route for route in self.routes if route.port in (port, 0))
        return next((route.destinations for route in fitting), ())


@dataclass(frozen=True, slots=True)
class Hop:
    """How the gateway speaks to one port of istiod (a DestinationRule's port settings).

    Attributes:
        mode: Of TLS.
        sni: The name that it asks for.
        names: The names of which it takes one in istiod's certificate.
        root: Where it has the root from that it verifies istiod with; empty for public roots.
        is_unverified: Whether it verifies nothing.
        upgrade: Its h2UpgradePolicy.
    """

    mode: str
    sni: str
    names: tuple[str, ...]
    root: str
    is_unverified: bool
    upgrade: str

    @property
    def words(self) -> str:
        """For people, but for :attr:`trust`."""
        parts = {"mode": self.mode, "sni": self.sni, "subjectAltNames": " ".join(self.names)}
        if self.upgrade:
            parts["h2UpgradePolicy"] = self.upgrade
        return ", ".join(f"{name} {value or 'none'}" for name, value in parts.items())

    @property
    def trust(self) -> str:
        """With what it verifies istiod, for people."""
        if self.is_unverified:
            return "insecureSkipVerify"
        return f"credentialName {self.root or 'none'}"


@dataclass(frozen=True, slots=True)
class DestinationRule:
    """How the gateway speaks to istiod: its host, and a hop by istiod's port."""

    host: str
    hops: Mapping[int, Hop]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the generator writes for a control plane.

    Attributes:
        servers: Of its Gateway.
        virtual_service: Its routes.
        destination_rule: None in the variant by IP address, where TLS is passed through.
    """

    servers: tuple[Server, ...]
    virtual_service: VirtualService
    destination_rule: DestinationRule | None


@functools.cache
def wanted(plane: ControlPlane) -> Wanted:
    """What should be there."""
    written = _written(plane)
    rule = written.get(DESTINATION_RULES)
    return Wanted(
        _servers(written[GATEWAYS]),
        _virtual_service(written[VIRTUAL_SERVICES]),
        _destination_rule(rule) if rule else None,
    )


def place(target: Target, plural: str) -> str:
    """The Gateway, the VirtualService or the DestinationRule of a control plane, for people."""
    written = _written(target.plane)[plural]
    return f"{written['kind']} {target.plane.namespace}/{written['metadata']['name']}"


async def service(target: Target) -> Service | None:
    """The ingress gateway's Service; None where there is none.

    Raises:
        CannotLookError: The external cluster does not show it.
    """
    path = f"/api/v1/namespaces/{INGRESS_NAMESPACE}/services/{INGRESS_GATEWAY}"
    found = await target.external.find(path)
    if found is None:
        return None
    spec = fields.mapping(found.get("spec"))
    entries = fields.items(fields.at(found, "status", "loadBalancer", "ingress"))
    return Service(
        spec.get("type") == _LOAD_BALANCER,
        (*_texts(entries, "ip"), *fields.strings(spec.get("externalIPs"))),
        _texts(entries, "hostname"),
        tuple(fields.number(port.get("port")) for port in fields.items(spec.get("ports"))),
    )


async def servers(target: Target) -> tuple[Server, ...] | None:
    """The servers of the control plane's Gateway; None where there is none; raises as above."""
    found = await _live(target, GATEWAYS)
    return None if found is None else _servers(found)


async def virtual_service(target: Target) -> VirtualService | None:
    """The control plane's VirtualService; None where there is none; raises as above."""
    found = await _live(target, VIRTUAL_SERVICES)
    return None if found is None else _virtual_service(found)


async def destination_rule(target: Target) -> DestinationRule | None:
    """The control plane's DestinationRule; None where there is none; raises as above."""
    found = await _live(target, DESTINATION_RULES)
    return None if found is None else _destination_rule(found)


async def pinned_root(target: Target) -> str:
    """PEM of the root that the gateway verifies istiod with; empty for none; raises as above."""
    namespace, name = target.plane.namespace, external_cluster.ROOT_CONFIG_MAP
    found = await target.external.find(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
    return fields.string(fields.at(found, "data", external_cluster.ROOT_KEY))


async def certificate(target: Target) -> str | None:
    """PEM in the gateway's TLS Secret, whose key nobody looks at.

    istiod takes ``cert`` where it has a ``key`` beside it, as in Secrets of the type Opaque, and
    ``tls.crt`` otherwise (pilot/pkg/credentials/kube/secrets.go).

    Returns:
        Empty where it holds no text; None where there is no Secret.

    Raises:
        CannotLookError: The external cluster does not show it.
    """
    name = target.plane.tls.secret_name if target.plane.tls else ""
    path = f"/api/v1/namespaces/{INGRESS_NAMESPACE}/secrets/{name}"
    found = await target.external.find(path)
    if found is None:
        return None
    data = fields.mapping(found.get("data"))
    is_generic = data.get("cert") and data.get("key")
    encoded = fields.string(data.get("cert" if is_generic else "tls.crt"))
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def covers(hosts: tuple[str, ...], host: str) -> bool:
    """Whether the hosts of a Gateway or of a VirtualService take requests for a host."""
    return any(_covers(each.rpartition("/")[2], host) for each in hosts)


def _covers(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return pattern in (_EVERYTHING, host)


@functools.cache
def _written(plane: ControlPlane) -> Mapping[str, Object]:
    return {f"{item['kind'].lower()}s": item for item in external_cluster.routing(plane)}


async def _live(target: Target, plural: str) -> Object | None:
    metadata = _written(target.plane)[plural]["metadata"]
    path = f"/apis/{GROUP}/v1/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"
    return await target.external.find(path)


def _servers(item: Object) -> tuple[Server, ...]:
    return tuple(
        Server(
            fields.number(fields.at(each, "port", "number")),
            fields.strings(each.get("hosts")),
            fields.string(fields.at(each, "tls", "mode")),
            fields.string(fields.at(each, "tls", "credentialName")),
        )
        for each in fields.items(fields.at(item, "spec", "servers"))
    )


def _virtual_service(item: Object) -> VirtualService:
    spec = fields.mapping(item.get("spec"))
    routes = [*fields.items(spec.get("http")), *fields.items(spec.get("tls"))]
    return VirtualService(
        fields.strings(spec.get("hosts")),
        fields.strings(spec.get("gateways")),
        tuple(
            Route(fields.number(match.get("port")), _destinations(route))
            for route in routes
            for match in fields.items(route.get("match")) or [{}]
        ),
    )


def _destinations(route: dict[str, Any]) -> tuple[str, ...]:
    found = [each.get("destination") for each in fields.items(route.get("route"))]
    return tuple(
        f"{fields.string(fields.at(each, 'host'))}:"
        f"{fields.number(fields.at(each, 'port', 'number'))}"
        for each in found
    )


def _destination_rule(item: Object) -> DestinationRule:
    settings = fields.items(fields.at(item, "spec", "trafficPolicy", "portLevelSettings"))
    return DestinationRule(
        fields.string(fields.at(item, "spec", "host")),
        {fields.number(fields.at(each, "port", "number")): _hop(each) for each in settings},
    )


def _hop(settings: dict[str, Any]) -> Hop:
    tls = fields.mapping(settings.get("tls"))
    return Hop(
        fields.string(tls.get("mode")),
        fields.string(tls.get("sni")),
        fields.strings(tls.get("subjectAltNames")),
        fields.string(tls.get("credentialName")) or fields.string(tls.get("caCertificates")),
        tls.get("insecureSkipVerify") is True,
        fields.string(fields.at(settings, "connectionPool", "http", "h2UpgradePolicy")),
    )


def _texts(entries: list[dict[str, Any]], name: str) -> tuple[str, ...]:
    return tuple(filter(None, (fields.string(entry.get(name)) for entry in entries)))
