"""The IstioOperator documents that Istio's guide has a person write, for any cluster of a mesh.

This is the other side of law 1, so it is written from the guide ("Install Istio with an External
Control Plane", in its form with profile ``remote``) and shares no code with the generator, with
one exception: bringing a private CA into injected Pods is our own addition, and stands in the
person's document as it stands in ours.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from extcp_gitops.render import operators

if TYPE_CHECKING:
    from extcp_gitops.inventory.model import Cluster, ControlPlane, Inventory

Operator = dict[str, Any]


def documents(inventory: Inventory, cluster: Cluster) -> list[Operator]:
    """All documents that a person would give to istioctl for one cluster."""
    if cluster.name == inventory.mesh.external_cluster:
        planes = inventory.mesh.control_planes
        return [_controlplane_gateway(), *(_external_istiod(inventory, plane) for plane in planes)]
    plane = inventory.control_planes[str(cluster.control_plane)]
    is_config = plane.config_cluster == cluster.name
    wanted = cluster.gateways
    result = [_remote_cluster(plane, cluster, is_config=is_config)]
    if wanted.ingress:
        result.append(_gateway(plane, "ingress"))
    if wanted.egress:
        result.append(_gateway(plane, "egress"))
    if wanted.east_west:
        result.append(_eastwest(plane, str(cluster.network)))
    return result


def _operator(spec: dict[str, Any], namespace: str | None = None) -> Operator:
    metadata = {"namespace": namespace} if namespace else {"name": "install"}
    return {
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": metadata,
        "spec": spec,
    }


def _controlplane_gateway() -> Operator:
    ports = [
        {"port": 15021, "targetPort": 15021, "name": "status-port"},
        {"port": 15012, "targetPort": 15012, "name": "tls-xds"},
        {"port": 15017, "targetPort": 15017, "name": "tls-webhook"},
    ]
    gateway = {
        "name": "istio-ingressgateway",
        "enabled": True,
        "k8s": {"service": {"ports": ports}},
    }
    return _operator({"components": {"ingressGateways": [gateway]}}, "istio-system")


def _external_istiod(inventory: Inventory, plane: ControlPlane) -> Operator:
    namespace, address = plane.name, plane.address
    config = inventory.by_name[plane.config_cluster]
    default_config: dict[str, Any] = {"discoveryAddress": f"{address}:15012"}
    injection, validation = "", ""
    if plane.is_ip_address:
        injection = f"istio-sidecar-injector-{namespace}"
        validation = f"istio-validator-{namespace}"
    else:
        roots = "/etc/ssl/certs/ca-certificates.crt"
        if plane.ca_bundle:
            roots = "/etc/extcp-gitops/ca.crt"
        default_config["proxyMetadata"] = {"XDS_ROOT_CA": roots, "CA_ROOT_CA": roots}
    patches = [
        ("volumes[100]", "name: config-volume\nconfigMap:\n  name: istio"),
        ("volumes[100]", "name: inject-volume\nconfigMap:\n  name: istio-sidecar-injector"),
        ("containers[0].volumeMounts[100]", "name: config-volume\nmountPath: /etc/istio/config"),
        (
            "containers[0].volumeMounts[100]",
            "name: inject-volume\nmountPath: /var/lib/istio/inject",
        ),
    ]
    environment = {
        "INJECTION_WEBHOOK_CONFIG_NAME": injection,
        "VALIDATION_WEBHOOK_CONFIG_NAME": validation,
        "EXTERNAL_ISTIOD": "true",
        "LOCAL_CLUSTER_SECRET_WATCHER": "true",
        "CLUSTER_ID": config.name,
        "SHARED_MESH_CONFIG": "istio",
    }
    values: dict[str, Any] = {
        "global": {
            "externalIstiod": True,
            "caAddress": f"{address}:15012",
            "istioNamespace": namespace,
            "operatorManageWebhooks": True,
            "configValidation": False,
            "meshID": inventory.mesh.mesh_id,
            "multiCluster": {"clusterName": config.name},
            "network": config.network,
        }
    }
    if plane.ca_bundle:
        ours = operators.istiod(inventory.mesh, plane, config)
        values["sidecarInjectorWebhook"] = ours["spec"]["values"]["sidecarInjectorWebhook"]
    overlay = {
        "kind": "Deployment",
        "name": "istiod",
        "patches": [
            {"path": f"spec.template.spec.{path}", "value": value} for path, value in patches
        ],
    }
    spec = {
        "profile": "empty",
        "meshConfig": {"rootNamespace": namespace, "defaultConfig": default_config},
        "components": {
            "pilot": {
                "enabled": True,
                "k8s": {
                    "overlays": [overlay],
                    "env": [{"name": key, "value": value} for key, value in environment.items()],
                },
            }
        },
        "values": values,
    }
    return _operator(spec, namespace)


def _remote_cluster(plane: ControlPlane, cluster: Cluster, *, is_config: bool) -> Operator:
    shown = cluster.name.replace("/", "--slash--")
    path = f"/inject/cluster/{shown}/net/{cluster.network}"
    webhook = f"https://{plane.address}:15017"
    values: dict[str, Any] = {"global": {"istioNamespace": plane.name}}
    bundle = base64.b64encode((plane.ca_bundle or "").encode()).decode()
    if plane.is_ip_address:
        values["global"]["remotePilotAddress"] = plane.address
        values["istiodRemote"] = {"injectionPath": path}
    else:
        values["istiodRemote"] = {"injectionURL": webhook + path}
        if bundle:
            values["istiodRemote"]["injectionCABundle"] = bundle
    if is_config:
        values["global"]["configCluster"] = True
        values["pilot"] = {"configMap": True}
        values["defaultRevision"] = "default"  # the guide's --set
        if not plane.is_ip_address:
            values["base"] = {"validationURL": f"{webhook}/validate"}
            if bundle:
                values["base"]["validationCABundle"] = bundle
    return _operator({"profile": "remote", "values": values}, plane.name)


def _template(plane: ControlPlane) -> str:
    return "gateway,control-plane-ca-gateway" if plane.ca_bundle else "gateway"


def _gateway(plane: ControlPlane, kind: str) -> Operator:
    name = f"istio-{kind}gateway"
    gateway = {"namespace": plane.name, "name": name, "enabled": True}
    spec = {
        "profile": "empty",
        "components": {f"{kind}Gateways": [gateway]},
        "values": {
            "global": {"istioNamespace": plane.name},  # the guide's --set
            "gateways": {name: {"injectionTemplate": _template(plane)}},
        },
    }
    return _operator(spec)


def _eastwest(plane: ControlPlane, network: str) -> Operator:
    """As the samples' script prints it, with the namespace that the guide sets."""
    ports = [("status-port", 15021), ("tls", 15443), ("tls-istiod", 15012), ("tls-webhook", 15017)]
    gateway = {
        "name": "istio-eastwestgateway",
        "label": {
            "istio": "eastwestgateway",
            "app": "istio-eastwestgateway",
            "topology.istio.io/network": network,
        },
        "enabled": True,
        "k8s": {
            "env": [{"name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": network}],
            "service": {
                "ports": [{"name": name, "port": port, "targetPort": port} for name, port in ports]
            },
        },
    }
    spec = {
        "revision": "",
        "profile": "empty",
        "components": {"ingressGateways": [gateway]},
        "values": {
            "gateways": {"istio-ingressgateway": {"injectionTemplate": _template(plane)}},
            "global": {"network": network, "istioNamespace": plane.name},
        },
    }
    return _operator(spec)
