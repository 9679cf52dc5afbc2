"""The objects of the external cluster that istioctl does not render.

Sections of the guide: "Set up the control plane in the external cluster", its Gateway,
VirtualService and DestinationRule. Where ours differ, the reason stands beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.inventory.model import INGRESS_NAMESPACE, CAType
from extcp_gitops.render.bases import KEEP, SYNC_OPTIONS
from extcp_gitops.render.operators import WEBHOOK_PORT, XDS_PORT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_gitops.inventory.model import ControlPlane, Inventory, Issuer
    from extcp_gitops.render.deltas import Object

ISTIOD_WEBHOOK_SERVICE_PORT: Final = 443
_PORTS: Final = ((XDS_PORT, XDS_PORT), (WEBHOOK_PORT, ISTIOD_WEBHOOK_SERVICE_PORT))
ROOT_CONFIG_MAP: Final = "istiod-root"
ROOT_KEY: Final = "ca.crt"
NETWORKING: Final = "networking.istio.io/v1"


def namespace(name: str, **metadata: Mapping[str, str]) -> Object:
    """A Namespace that no pruning may delete, since everything in it would go with it.

    Args:
        name: Of the namespace.
        metadata: Further ``labels`` and ``annotations``.
    """
    annotations = {SYNC_OPTIONS: KEEP, **metadata.get("annotations", {})}
    labels = metadata.get("labels", {})
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            **({"labels": dict(labels)} if labels else {}),
            "annotations": annotations,
        },
    }


def namespaces(inventory: Inventory) -> list[Object]:
    """istio-system and one for each control plane."""
    planes = inventory.mesh.control_planes
    return [namespace(INGRESS_NAMESPACE), *(namespace(plane.namespace) for plane in planes)]


def routing(plane: ControlPlane) -> list[Object]:
    """All that brings a request at the control plane's address to its istiod.

    Args:
        plane: The control plane.

    Returns:
        Gateway and VirtualService; for a host name DestinationRule, the root that it verifies
        istiod against (as soon as it is pinned) and, where cert-manager is used, Certificates.
    """
    if plane.is_ip_address:
        return [_passthrough_gateway(plane), _passthrough_routes(plane)]
    objects = [_gateway(plane), _routes(plane), _destination_rule(plane)]
    if plane.ca.root_certificate is not None and not plane.ca.insecure_skip_verify:
        objects.append(_root(plane, plane.ca.root_certificate))
    if plane.tls is not None and plane.tls.issuer is not None:
        objects.append(_gateway_certificate(plane, plane.tls.secret_name, plane.tls.issuer))
    if plane.ca.type is CAType.PLUGGED_IN and plane.ca.issuer is not None:
        objects.append(_ca_certificate(plane, plane.ca.issuer))
    return objects


def istiod_host(plane: ControlPlane) -> str:
    """Name of istiod's Service inside the external cluster."""
    return f"istiod.{plane.namespace}.svc.cluster.local"


def _object(plane: ControlPlane, api_version: str, kind: str, name: str, **rest: Any) -> Object:  # noqa: ANN401
    metadata = {"name": name, "namespace": plane.namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def _gateway(plane: ControlPlane) -> Object:
    secret = plane.tls.secret_name if plane.tls else ""
    servers = [
        {
            "port": {"number": number, "protocol": "HTTPS", "name": name},
            "tls": {"mode": "SIMPLE", "credentialName": secret},
            "hosts": [plane.address],
        }
        for number, name in ((XDS_PORT, "https-XDS"), (WEBHOOK_PORT, "https-WEBHOOK"))
    ]
    spec = {"selector": {"istio": "ingressgateway"}, "servers": servers}
    return _object(plane, NETWORKING, "Gateway", "external-istiod-gw", spec=spec)


def _hop(plane: ControlPlane, outside: int, inside: int, **match: Any) -> dict[str, Any]:  # noqa: ANN401
    """From a port of the gateway to a port of istiod's Service."""
    destination = {"host": istiod_host(plane), "port": {"number": inside}}
    return {"match": [{"port": outside, **match}], "route": [{"destination": destination}]}


def _routes(plane: ControlPlane) -> Object:
    routes = [_hop(plane, *ports) for ports in _PORTS]
    spec = {"hosts": [plane.address], "gateways": ["external-istiod-gw"], "http": routes}
    return _object(plane, NETWORKING, "VirtualService", "external-istiod-vs", spec=spec)


def _destination_rule(plane: ControlPlane) -> Object:
    """Encrypts the hop to istiod and verifies it against the control plane's own root.

    The guide's rule names no CA, so the gateway verifies istiod against public CAs, and the
    recommended installation answers 503. The ConfigMap is in the rule's own namespace because
    Istio's validation refuses any other.
    """
    tls: dict[str, Any] = {"mode": "SIMPLE", "sni": f"istiod.{plane.namespace}.svc"}
    if plane.ca.insecure_skip_verify:
        tls["insecureSkipVerify"] = True
    else:
        tls["credentialName"] = f"configmap://{plane.namespace}/{ROOT_CONFIG_MAP}"
        tls["subjectAltNames"] = [f"istiod.{plane.namespace}.svc"]
    settings = [
        {
            "port": {"number": XDS_PORT},
            "tls": tls,
            "connectionPool": {"http": {"h2UpgradePolicy": "UPGRADE"}},
        },
        {"port": {"number": ISTIOD_WEBHOOK_SERVICE_PORT}, "tls": tls},
    ]
    spec = {"host": istiod_host(plane), "trafficPolicy": {"portLevelSettings": settings}}
    return _object(plane, NETWORKING, "DestinationRule", "external-istiod-dr", spec=spec)


def _root(plane: ControlPlane, certificate: str) -> Object:
    return _object(plane, "v1", "ConfigMap", ROOT_CONFIG_MAP, data={ROOT_KEY: certificate})


def _gateway_certificate(plane: ControlPlane, secret: str, issuer: Issuer) -> Object:
    spec = {"secretName": secret, "dnsNames": [plane.address], "issuerRef": _reference(issuer)}
    certificate = _object(
        plane, "cert-manager.io/v1", "Certificate", f"{plane.name}-gateway", spec=spec
    )
    # The gateway reads its certificate in its own namespace.
    certificate["metadata"]["namespace"] = INGRESS_NAMESPACE
    return certificate


def _ca_certificate(plane: ControlPlane, issuer: Issuer) -> Object:
    spec = {
        "secretName": "cacerts",
        "isCA": True,
        "commonName": f"istiod.{plane.namespace}",
        "dnsNames": [f"istiod.{plane.namespace}.svc"],
        "privateKey": {"algorithm": "ECDSA", "size": 256},
        "usages": ["digital signature", "cert sign", "crl sign"],
        "issuerRef": _reference(issuer),
    }
    return _object(plane, "cert-manager.io/v1", "Certificate", "istio-ca", spec=spec)


def _reference(issuer: Issuer) -> dict[str, str]:
    return {"group": issuer.group, "kind": issuer.kind, "name": issuer.name}


def _passthrough_gateway(plane: ControlPlane) -> Object:
    servers = [
        {
            "port": {"number": number, "protocol": "TLS", "name": name},
            "tls": {"mode": "PASSTHROUGH"},
            "hosts": ["*"],
        }
        for number, name in ((XDS_PORT, "tls-XDS"), (WEBHOOK_PORT, "tls-WEBHOOK"))
    ]
    spec = {"selector": {"istio": "ingressgateway"}, "servers": servers}
    return _object(plane, NETWORKING, "Gateway", "external-istiod-gw", spec=spec)


def _passthrough_routes(plane: ControlPlane) -> Object:
    routes = [_hop(plane, *ports, sniHosts=["*"]) for ports in _PORTS]
    spec = {"hosts": ["*"], "gateways": ["external-istiod-gw"], "tls": routes}
    return _object(plane, NETWORKING, "VirtualService", "external-istiod-vs", spec=spec)
