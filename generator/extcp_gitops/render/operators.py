"""The IstioOperator documents that the guide has a person write, as data.

Section names are those of Istio's guide "Install Istio with an External Control Plane" in its
form with profile ``remote``. One document serves all clusters of a control plane: what differs
from one remote cluster to the next stands as a placeholder and is set in the cluster's own
Kustomize directory.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from extcp_gitops.inventory.model import INGRESS_NAMESPACE

if TYPE_CHECKING:
    from extcp_gitops.inventory.model import Cluster, ControlPlane, Mesh

Operator = dict[str, Any]

XDS_PORT: Final = 15012
WEBHOOK_PORT: Final = 15017
STATUS_PORT: Final = 15021
EAST_WEST_PORT: Final = 15443

INGRESS_GATEWAY: Final = "istio-ingressgateway"
EGRESS_GATEWAY: Final = "istio-egressgateway"
EAST_WEST_GATEWAY: Final = "istio-eastwestgateway"

NETWORK_PLACEHOLDER: Final = "set-in-the-cluster"
"""Network of an east-west gateway until a cluster's Namespace sets it."""

# The index 100 is the guide's way to append with an overlay.
_ISTIOD_VOLUMES: Final = {
    "kind": "Deployment",
    "name": "istiod",
    "patches": [
        {"path": f"spec.template.spec.{field}[100]", "value": value}
        for field, value in (
            ("volumes", "name: config-volume\nconfigMap:\n  name: istio"),
            ("volumes", "name: inject-volume\nconfigMap:\n  name: istio-sidecar-injector"),
            ("containers[0].volumeMounts", "name: config-volume\nmountPath: /etc/istio/config"),
            ("containers[0].volumeMounts", "name: inject-volume\nmountPath: /var/lib/istio/inject"),
        )
    ],
}

_SYSTEM_ROOTS = "/etc/ssl/certs/ca-certificates.crt"
_PRIVATE_CA_TEMPLATE = "control-plane-ca"
_PRIVATE_CA_GATEWAY = "control-plane-ca-gateway"
_PRIVATE_CA_ANNOTATION = "extcp-gitops.io/control-plane-ca"
_PRIVATE_CA_DIRECTORY = "/etc/extcp-gitops"

# Where Istio's own template puts the sidecar, asked in its own words; a container of that name in
# the other list would be a second one. A gateway is always an ordinary container.
_SIDECAR_LIST = (
    "{{ if ne (index .ObjectMeta.Annotations `sidecar.istio.io/nativeSidecar`"
    ' | default (printf "%t" .NativeSidecars)) "false" }}'
    "initContainers{{ else }}containers{{ end }}"
)


def injection_path(cluster: str, network: str) -> str:
    """Path of the injection webhook; istiod reads the cluster and its network from it.

    Args:
        cluster: Name of the cluster; ``/`` becomes ``--slash--`` as the guide's tip says.
        network: Its Istio network.
    """
    return f"/inject/cluster/{cluster.replace('/', '--slash--')}/net/{network}"


def webhook_url(plane: ControlPlane, path: str) -> str:
    """URL of one of istiod's webhooks through the ingress gateway."""
    return f"https://{plane.address}:{WEBHOOK_PORT}{path}"


def injection_webhook(plane: ControlPlane) -> str:
    """Name of the MutatingWebhookConfiguration on each remote cluster."""
    return f"istio-sidecar-injector-{plane.namespace}"


def validation_webhook(plane: ControlPlane) -> str:
    """Name of the control plane's own ValidatingWebhookConfiguration on the config cluster."""
    return f"istio-validator-{plane.namespace}"


def ingress_gateway() -> Operator:
    """Guide, "Set up a gateway in the external cluster": its own istiod, and the three ports."""
    ports = [("status-port", STATUS_PORT), ("tls-xds", XDS_PORT), ("tls-webhook", WEBHOOK_PORT)]
    return _operator(
        INGRESS_NAMESPACE,
        components={
            "ingressGateways": [
                {
                    "name": INGRESS_GATEWAY,
                    "enabled": True,
                    "k8s": {"service": {"ports": _ports(ports)}},
                }
            ]
        },
    )


def istiod(mesh: Mesh, plane: ControlPlane, config: Cluster) -> Operator:
    """Guide, "Set up the control plane in the external cluster".

    ``CLUSTER_ID`` and the volumes are given as in the guide: istioctl merges ``k8s.env`` with what
    the chart writes, where chart values would say ``CLUSTER_ID`` twice and break server-side
    apply; and Istio 1.28 refuses the volumes as chart values.

    Args:
        mesh: For the mesh ID.
        plane: The control plane.
        config: Its config cluster, whose name is istiod's own cluster ID.
    """
    address = f"{plane.address}:{XDS_PORT}"
    values: dict[str, Any] = {
        "global": {
            "externalIstiod": True,
            "caAddress": address,
            "istioNamespace": plane.namespace,
            "operatorManageWebhooks": True,
            "configValidation": False,
            "meshID": mesh.mesh_id,
            "multiCluster": {"clusterName": config.name},
            "network": config.network,
        },
    }
    if plane.ca_bundle is not None:
        values["sidecarInjectorWebhook"] = _private_ca_injection(plane.ca_bundle)
    default_config: dict[str, Any] = {"discoveryAddress": address}
    if not plane.is_ip_address:
        roots = _SYSTEM_ROOTS if plane.ca_bundle is None else f"{_PRIVATE_CA_DIRECTORY}/ca.crt"
        default_config["proxyMetadata"] = {"XDS_ROOT_CA": roots, "CA_ROOT_CA": roots}
    return _operator(
        plane.namespace,
        profile="empty",
        meshConfig={"rootNamespace": plane.namespace, "defaultConfig": default_config},
        components={
            "pilot": {
                "enabled": True,
                "k8s": {"overlays": [_ISTIOD_VOLUMES], "env": _environment(plane, config)},
            }
        },
        values=values,
    )


def _environment(plane: ControlPlane, config: Cluster) -> list[dict[str, str]]:
    # With a host name the certificate is not istiod's own, so istiod must not write its CA into
    # the webhooks; with an IP address it must.
    by_ip = plane.is_ip_address
    variables = {
        "INJECTION_WEBHOOK_CONFIG_NAME": injection_webhook(plane) if by_ip else "",
        "VALIDATION_WEBHOOK_CONFIG_NAME": validation_webhook(plane) if by_ip else "",
        "EXTERNAL_ISTIOD": "true",
        "LOCAL_CLUSTER_SECRET_WATCHER": "true",
        "CLUSTER_ID": config.name,
        "SHARED_MESH_CONFIG": "istio",
    }
    return [{"name": name, "value": value} for name, value in variables.items()]


def config_cluster(plane: ControlPlane) -> Operator:
    """Guide, "Set up the remote config cluster", with the default revision installed there."""
    values = _remote_values(plane)
    values["global"]["configCluster"] = True
    values["pilot"] = {"configMap": True}
    values["defaultRevision"] = "default"
    if not plane.is_ip_address:
        values["base"] = {"validationURL": webhook_url(plane, "/validate")}
        if plane.ca_bundle is not None:
            values["base"]["validationCABundle"] = _base64(plane.ca_bundle)
    return _operator(plane.namespace, profile="remote", values=values)


def remote_cluster(plane: ControlPlane) -> Operator:
    """Guide, "Register the new cluster": any remote cluster but the config cluster."""
    return _operator(plane.namespace, profile="remote", values=_remote_values(plane))


def ingress(plane: ControlPlane) -> Operator:
    """Guide, "Enable gateways": an ingress gateway on a remote cluster."""
    return _gateway(plane, "ingressGateways", {"name": INGRESS_GATEWAY})


def egress(plane: ControlPlane) -> Operator:
    """Guide, "Enable gateways": an egress gateway on a remote cluster."""
    return _gateway(plane, "egressGateways", {"name": EGRESS_GATEWAY})


def east_west(plane: ControlPlane) -> Operator:
    """Guide, "Setup east-west gateways"; the network is set where the cluster is."""
    ports = [
        ("status-port", STATUS_PORT),
        ("tls", EAST_WEST_PORT),
        ("tls-istiod", XDS_PORT),
        ("tls-webhook", WEBHOOK_PORT),
    ]
    component = {
        "name": EAST_WEST_GATEWAY,
        "label": {
            "istio": "eastwestgateway",
            "app": EAST_WEST_GATEWAY,
            "topology.istio.io/network": NETWORK_PLACEHOLDER,
        },
        "k8s": {
            "env": [{"name": "ISTIO_META_REQUESTED_NETWORK_VIEW", "value": NETWORK_PLACEHOLDER}],
            "service": {"ports": _ports(ports)},
        },
    }
    return _gateway(plane, "ingressGateways", component, template_of=INGRESS_GATEWAY)


def _operator(namespace: str, **spec: Any) -> Operator:  # noqa: ANN401 - the API's own freedom
    return {
        "apiVersion": "install.istio.io/v1alpha1",
        "kind": "IstioOperator",
        "metadata": {"namespace": namespace},
        "spec": spec,
    }


def _gateway(
    plane: ControlPlane, kind: str, component: dict[str, Any], template_of: str | None = None
) -> Operator:
    template = "gateway" if plane.ca_bundle is None else f"gateway,{_PRIVATE_CA_GATEWAY}"
    return _operator(
        plane.namespace,
        profile="empty",
        components={kind: [{**component, "namespace": plane.namespace, "enabled": True}]},
        values={
            "global": {"istioNamespace": plane.namespace},
            "gateways": {template_of or component["name"]: {"injectionTemplate": template}},
        },
    )


def _remote_values(plane: ControlPlane) -> dict[str, Any]:
    path = injection_path("set-in-the-cluster", NETWORK_PLACEHOLDER)
    if plane.is_ip_address:
        return {
            "global": {
                "istioNamespace": plane.namespace,
                "remotePilotAddress": plane.address,
            },
            "istiodRemote": {"injectionPath": path},
        }
    remote = {"injectionURL": webhook_url(plane, path)}
    if plane.ca_bundle is not None:
        remote["injectionCABundle"] = _base64(plane.ca_bundle)
    return {"global": {"istioNamespace": plane.namespace}, "istiodRemote": remote}


def _private_ca_injection(bundle: str) -> dict[str, Any]:
    """Bring a private CA into every injected Pod, so that the proxy can verify the gateway.

    A ConfigMap would have to be in every namespace of every cluster before its first Pod; an
    annotation comes with the Pod, and the downward API makes a file of it.
    """
    return {
        "defaultTemplates": ["sidecar", _PRIVATE_CA_TEMPLATE],
        "templates": {
            _PRIVATE_CA_TEMPLATE: _private_ca_template(bundle, _SIDECAR_LIST),
            _PRIVATE_CA_GATEWAY: _private_ca_template(bundle, "containers"),
        },
    }


def _private_ca_template(bundle: str, containers: str) -> str:
    pem = "".join(f"      {line}\n" for line in bundle.strip().splitlines())
    return f"""\
metadata:
  annotations:
    {_PRIVATE_CA_ANNOTATION}: |
{pem}spec:
  {containers}:
  - name: istio-proxy
    volumeMounts:
    - name: {_PRIVATE_CA_TEMPLATE}
      mountPath: {_PRIVATE_CA_DIRECTORY}
      readOnly: true
  volumes:
  - name: {_PRIVATE_CA_TEMPLATE}
    downwardAPI:
      items:
      - path: ca.crt
        fieldRef:
          fieldPath: metadata.annotations['{_PRIVATE_CA_ANNOTATION}']
"""


def _ports(ports: list[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"name": name, "port": port, "targetPort": port} for name, port in ports]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
