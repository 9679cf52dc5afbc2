"""JSON Schemas of the two files that a person writes.

They are the only description of the format: editors complete from them, ``shape`` checks
against them, ``extcp-gitops schema`` prints them. ``patternErrorMessage`` is the keyword that
editors show instead of a regular expression, so that they and we say the same words.
"""

from __future__ import annotations

from typing import Any, Final

from extcp_gitops.inventory import names
from extcp_gitops.inventory.model import DEFAULT_BOT_NAMESPACE, CAType, Forge, Role

API_VERSION: Final = "extcp-gitops.io/v1alpha1"

MESH_FILE: Final = "mesh.yaml"
CLUSTER_FILE: Final = "cluster.yaml"
MESH_SCHEMA_FILE: Final = ".extcp-gitops/mesh.schema.json"
CLUSTER_SCHEMA_FILE: Final = ".extcp-gitops/cluster.schema.json"

Schema = dict[str, Any]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _text(description: str, pattern: str, rule: str, longest: int = 253) -> Schema:
    return {
        "type": "string",
        "description": description,
        "pattern": f"^{pattern}$",
        "patternErrorMessage": rule,
        "maxLength": longest,
    }


def _one_of(description: str, *values: str) -> Schema:
    return {"type": "string", "description": description, "enum": list(values)}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description, "default": False}


def _record(description: str, properties: Schema, required: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _pem(description: str) -> Schema:
    return {"type": "string", "description": description, "maxLength": 65536}


def _name_of(description: str) -> Schema:
    rule = "lower-case letters, digits, '-' and '.', as Kubernetes asks of an object's name"
    return _text(description, names.SUBDOMAIN, rule)


def _cluster_name(description: str) -> Schema:
    rule = "lower-case letters, digits and '-', in parts joined by '/'"
    return _text(description, names.CLUSTER_NAME, rule)


def _namespace(description: str) -> Schema:
    rule = "lower-case letters, digits and '-', as Kubernetes asks of a namespace"
    return _text(description, names.LABEL, rule, 63)


_ISSUER = _record(
    "The cert-manager issuer that signs; a Certificate is generated for it.",
    {
        "name": _name_of("Name of the issuer."),
        "kind": _one_of("Kind of the issuer.", "ClusterIssuer", "Issuer"),
        "group": _name_of("API group of the issuer; cert-manager.io unless it is an external one."),
    },
    ("name",),
)

_CERTIFICATE_AUTHORITY = _record(
    "istiod's certificate authority, the root of trust of the mesh.",
    {
        "type": _one_of(
            "self-signed: istiod makes it, its key lies in the config cluster. plugged-in: Secret "
            "'cacerts' beside istiod, its key stays in the external cluster (recommended).",
            *CAType,
        ),
        "certManagerIssuer": _ISSUER,
        "rootCertificate": _pem(
            "PEM of the root, public. The ingress gateway verifies istiod against it; without it "
            "the hop from the gateway to istiod fails closed."
        ),
        "insecureSkipVerify": _flag("Let the ingress gateway verify nothing. For experiments."),
    },
)

_CONTROL_PLANE = _record(
    "One external istiod, in a namespace of its own in the external cluster.",
    {
        "name": _namespace("Name, and namespace on each cluster that this control plane serves."),
        "address": _text(
            "Public host name of the ingress gateway. An IPv4 address is for experiments only.",
            names.SUBDOMAIN,
            "a host name in lower case such as istiod.example.com, or an IPv4 address; no port",
        ),
        "configCluster": _cluster_name("The remote cluster that holds the mesh configuration."),
        "tls": _record(
            "The certificate that the ingress gateway presents for the address.",
            {
                "secretName": _name_of("TLS Secret in istio-system of the external cluster."),
                "certManagerIssuer": _ISSUER,
            },
            ("secretName",),
        ),
        "caBundle": _pem("PEM of the private CA behind that certificate; leave out a public one."),
        "certificateAuthority": _CERTIFICATE_AUTHORITY,
    },
    ("name", "address", "configCluster"),
)

_BOT = _record(
    "Where extcp-bot runs, which proves the mesh and proposes clusters that could join it.",
    {
        "schedule": _text(
            "When the forge's CI runs it: the five fields of cron, in UTC.",
            r"[0-9A-Za-z*/,-]+( [0-9A-Za-z*/,-]+){4}",
            "five fields of cron such as '*/30 * * * *'",
            100,
        ),
        "inCluster": _record(
            "It runs all the time in the external cluster, where Argo CD deploys it.",
            {
                "image": _text(
                    "Image with extcp-bot, git, kustomize and istioctl.",
                    r"[A-Za-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}",
                    "an image with its digest, such as registry.example.com/extcp-bot@sha256:...",
                    512,
                ),
                "tokenSecret": _name_of("Secret with the forge's token, under the key 'token'."),
                "namespace": _namespace(
                    f"Its namespace, where the Secrets are; {DEFAULT_BOT_NAMESPACE} by default."
                ),
                "kubeconfigSecret": _name_of(
                    "Secret with a kubeconfig under the key 'config', with a context for each "
                    "cluster. Without it, Argo CD has to run in the external cluster."
                ),
                "forgeApiUrl": _text(
                    "Base URL of the forge's API, where that is not where the repository is; say "
                    "the same as forge.apiUrl in bot.yaml.",
                    r"https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
                    r"(/[A-Za-z0-9._~-]+)*/?",
                    "https://HOST/PATH, without a user, a query or a fragment",
                    1024,
                ),
            },
            ("image", "tokenSecret"),
        ),
    },
)

_API_VERSION = {"description": "Version of this format.", "const": API_VERSION}

MESH: Final[Schema] = {
    "$schema": _DRAFT,
    "title": "extcp-gitops mesh",
    **_record(
        "A mesh with external control planes.",
        {
            "apiVersion": _API_VERSION,
            "kind": {"const": "Mesh"},
            "meshID": _text(
                "ID of the mesh.", names.MESH_ID, "lower-case letters, digits and '-'", 63
            ),
            "istioVersion": _text(
                "Release of Istio, for every cluster.",
                r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?",
                "a full version such as 1.29.1",
                32,
            ),
            "repository": _record(
                "Where Argo CD reads this repository.",
                {
                    "url": {"type": "string", "description": "Git URL, without a credential."},
                    "branch": {"type": "string", "description": "Branch that Argo CD follows."},
                    "forge": _one_of("Decides the form of the CI that is generated.", *Forge),
                },
                ("url",),
            ),
            "argocd": _record(
                "The Argo CD that syncs this mesh.",
                {"namespace": _namespace("Its namespace; argocd by default.")},
            ),
            "externalCluster": _cluster_name("The cluster that hosts the control planes."),
            "controlPlanes": {
                "type": "array",
                "description": "One or more; they share the external cluster's ingress gateway.",
                "items": _CONTROL_PLANE,
                "minItems": 1,
            },
            "bot": _BOT,
        },
        (
            "apiVersion",
            "kind",
            "meshID",
            "istioVersion",
            "repository",
            "externalCluster",
            "controlPlanes",
        ),
    ),
}

CLUSTER: Final[Schema] = {
    "$schema": _DRAFT,
    "title": "extcp-gitops cluster",
    **_record(
        "One cluster of the mesh; its name is the name of the directory.",
        {
            "apiVersion": _API_VERSION,
            "kind": {"const": "Cluster"},
            "role": _one_of("external hosts istiod, remote runs workloads.", *Role),
            "argocd": _record(
                "How Argo CD knows this cluster: by name or by server, one of the two.",
                {
                    "name": {
                        "type": "string",
                        "description": "Name of the cluster in Argo CD.",
                        "minLength": 1,
                        "maxLength": 253,
                    },
                    "server": _text(
                        "URL of the API server in Argo CD.",
                        r"https://[A-Za-z0-9.:/_\[\]-]+",
                        "an https:// URL, exactly as the cluster's Secret in Argo CD has it",
                        2048,
                    ),
                },
            ),
            "controlPlane": _namespace("The control plane that serves this cluster."),
            "network": _text(
                "Istio network of this cluster's Pods.",
                names.LABEL_VALUE,
                "letters, digits, '-', '_' and '.', as Kubernetes asks of a label's value",
                63,
            ),
            "gateways": _record(
                "Gateways to install on this cluster.",
                {
                    "ingress": _flag("istio-ingressgateway"),
                    "egress": _flag("istio-egressgateway"),
                    "eastWest": _flag("istio-eastwestgateway, for traffic from other networks"),
                },
            ),
            "labels": {
                "type": "object",
                "description": "Set on this cluster's objects in Argo CD.",
                "propertyNames": {"pattern": f"^{names.LABEL_KEY}$"},
                "additionalProperties": _text(
                    "Value of the label.",
                    f"({names.LABEL_VALUE})?",
                    "letters, digits, '-', '_' and '.', at most 63, as Kubernetes asks",
                    63,
                ),
            },
        },
        ("apiVersion", "kind", "role", "argocd"),
    ),
}

BY_KIND: Final = {"mesh": MESH, "cluster": CLUSTER}
