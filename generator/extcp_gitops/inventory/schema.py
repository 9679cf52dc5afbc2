"""JSON Schemas of the files that a person writes.

They are the only description of the format: editors complete from them, ``shape`` checks
against them, ``extcp-gitops schema`` prints them, docs/inventory.md is made of them.
"""

from __future__ import annotations

from typing import Final

from extcp_gitops.inventory import keywords as k
from extcp_gitops.inventory import names, package
from extcp_gitops.inventory.bot_schema import BOT
from extcp_gitops.inventory.model import (
    DEFAULT_ARGOCD_NAMESPACE,
    DEFAULT_BOT_NAMESPACE,
    CAType,
    Forge,
    Issuer,
    Repository,
    Role,
)

API_VERSION: Final = k.API_VERSION

MESH_FILE: Final = "mesh.yaml"
CLUSTER_FILE: Final = "cluster.yaml"
DIRECTORY: Final = ".extcp-gitops"
"""Where a repository has the schemas, for editors, each as ``KIND.schema.json``."""

Schema = k.Schema

_USUAL_ISSUER: Final = Issuer("")
_USUAL_REPOSITORY: Final = Repository("")

_ISSUER = k.record(
    "The cert-manager issuer that signs; a Certificate is generated for it.",
    {
        "name": k.name_of("Name of the issuer."),
        "kind": k.one_of(
            "Kind of the issuer. An Issuer has to be in the namespace of the Secret.",
            "ClusterIssuer",
            "Issuer",
            default=_USUAL_ISSUER.kind,
        ),
        "group": k.name_of(
            "API group of the issuer; another one for an external issuer.", _USUAL_ISSUER.group
        ),
    },
    ("name",),
)

_CERTIFICATE_AUTHORITY = k.record(
    "istiod's certificate authority, the root of trust of the mesh.",
    {
        "type": k.one_of(
            "self-signed: istiod makes it, its key lies in the config cluster. plugged-in: Secret "
            "'cacerts' beside istiod, its key stays in the external cluster (recommended).",
            *CAType,
            default=CAType.SELF_SIGNED.value,
        ),
        "certManagerIssuer": _ISSUER
        | {
            "description": "The cert-manager issuer that signs it; a Certificate is generated "
            "that fills 'cacerts'. For plugged-in only; without it you make that Secret."
        },
        "rootCertificate": k.pem(
            "PEM of the root, public. The ingress gateway verifies istiod against it; without it "
            "the hop from the gateway to istiod fails closed. 'extcp-gitops control-plane "
            "pin-root' writes it here."
        ),
        "insecureSkipVerify": k.flag(
            "Let the ingress gateway verify nothing, so that it trusts whatever answers in "
            "istiod's place. For experiments."
        ),
    },
)

_CONTROL_PLANE = k.record(
    "One external istiod, in a namespace of its own in the external cluster.",
    {
        "name": k.namespace(
            "Name, and namespace on each cluster that this control plane serves; none that "
            "Kubernetes, Istio or Argo CD uses."
        ),
        "address": k.text(
            "Public host name of the ingress gateway, of this control plane alone. An IPv4 address "
            "is for experiments only, and for a single control plane.",
            names.SUBDOMAIN,
            "a host name in lower case such as istiod.example.com, or an IPv4 address; no port",
        ),
        "configCluster": k.cluster_name(
            "The remote cluster that holds the mesh configuration; its cluster.yaml names this "
            "control plane."
        ),
        "tls": k.record(
            "The certificate that the ingress gateway presents for the address. A host name needs "
            "it; with an IP address it has no place.",
            {
                "secretName": k.name_of("TLS Secret in istio-system of the external cluster."),
                "certManagerIssuer": _ISSUER
                | {
                    "description": "The cert-manager issuer that signs; a Certificate is generated "
                    "that fills the Secret. Without it you make the Secret."
                },
            },
            ("secretName",),
        ),
        "caBundle": k.pem(
            "PEM of the private CA behind that certificate, by which proxies and API servers "
            "verify it; leave out a public one."
        ),
        "certificateAuthority": _CERTIFICATE_AUTHORITY,
    },
    ("name", "address", "configCluster"),
)

_IN_CLUSTER = k.record(
    "It runs all the time in the external cluster, where Argo CD deploys it.",
    {
        "image": k.text(
            "Image with extcp-bot, git, kustomize and the istioctl of istioVersion.",
            r"[A-Za-z0-9][A-Za-z0-9._:/-]*@sha256:[0-9a-f]{64}",
            "an image with its digest, such as registry.example.com/extcp-bot@sha256:...",
            512,
        ),
        "tokenSecret": k.name_of(
            "Secret with the forge's token under the key 'token' and, where the forge's "
            "certificate is of a private CA, its root under 'ca.crt'. You make it."
        ),
        "namespace": k.namespace(
            "Its namespace, where the Secrets are, and which nothing else uses.",
            DEFAULT_BOT_NAMESPACE,
        ),
        "kubeconfigSecret": k.name_of(
            "Secret with a kubeconfig under the key 'config', with a context for each cluster. You "
            "make it. Without it, Argo CD has to run in the external cluster: clusters are then "
            "reached by its cluster Secrets."
        ),
        "forgeApiUrl": k.text(
            "Base URL of the forge's API, where that is not where the repository is; say "
            "the same as forge.apiUrl in bot.yaml.",
            r"https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?",
            "https://HOST/PATH, without a user, a query or a fragment",
            1024,
        ),
    },
    ("image", "tokenSecret"),
)

_BOT = k.record(
    "Where extcp-bot runs, which proves the mesh and proposes clusters that could join it: on the "
    "forge by schedule, in the external cluster by inCluster, or both. It needs repository.forge.",
    {
        "schedule": k.text(
            "When the forge's CI runs it: the five fields of cron, in UTC. GitLab keeps the times "
            "itself, as a pipeline schedule that you make.",
            r"[0-9A-Za-z*/,-]+( [0-9A-Za-z*/,-]+){4}",
            "five fields of cron such as '*/30 * * * *'",
            100,
        ),
        "inCluster": _IN_CLUSTER,
    },
)

_REPOSITORY = k.record(
    "Where Argo CD reads this repository.",
    {
        "url": {
            "type": "string",
            "description": "Git URL, without a credential: https://HOST/PATH, ssh://git@HOST/PATH "
            "or git@HOST:PATH.",
        },
        "branch": {
            "type": "string",
            "description": "Branch that Argo CD follows.",
            "default": _USUAL_REPOSITORY.branch,
        },
        "forge": k.one_of(
            "Decides the form of the CI that is generated, and where the bot opens pull requests; "
            "gitea is Forgejo, too. none: no CI.",
            *Forge,
            default=_USUAL_REPOSITORY.forge.value,
        ),
        "package": {
            "type": "string",
            "description": "Requirement by which that CI lets pip install extcp-gitops: "
            f"{package.RULE}. Without it, the version that generates, from the package index.",
            "maxLength": package.MAX_LENGTH,
        },
    },
    ("url",),
)

MESH: Final[Schema] = k.file(
    "extcp-gitops mesh",
    "Mesh",
    "A mesh with external control planes.",
    {
        "meshID": k.text(
            "ID of the mesh. Istio has it as global.meshID; a cluster that is to join has it as "
            "the value of the label extcp-gitops.io/mesh.",
            names.MESH_ID,
            "lower-case letters, digits and '-'",
            63,
        ),
        "istioVersion": k.text(
            "Release of Istio, for every cluster; 1.28 or newer.",
            r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?",
            "a full version such as 1.29.1",
            32,
        ),
        "repository": _REPOSITORY,
        "argocd": k.record(
            "The Argo CD that syncs this mesh.",
            {"namespace": k.namespace("Its namespace.", DEFAULT_ARGOCD_NAMESPACE)},
        ),
        "externalCluster": k.cluster_name(
            "The cluster that hosts the control planes; its cluster.yaml says role: external."
        ),
        "controlPlanes": {
            "type": "array",
            "description": "One or more; they share the external cluster's ingress gateway.",
            "items": _CONTROL_PLANE,
            "minItems": 1,
        },
        "bot": _BOT,
    },
    "meshID",
    "istioVersion",
    "repository",
    "externalCluster",
    "controlPlanes",
)

CLUSTER: Final[Schema] = k.file(
    "extcp-gitops cluster",
    "Cluster",
    "One cluster of the mesh; its name is the name of the directory.",
    {
        "role": k.one_of("external hosts istiod, remote runs workloads.", *Role),
        "argocd": k.record(
            "How Argo CD knows this cluster: by name or by server, one of the two.",
            {
                "name": k.line("Name of the cluster in Argo CD.", 253),
                "server": k.text(
                    "URL of the API server in Argo CD.",
                    r"https://[A-Za-z0-9.:/_\[\]-]+",
                    "an https:// URL, exactly as the cluster's Secret in Argo CD has it",
                    2048,
                ),
            },
        ),
        "controlPlane": k.namespace(
            "The control plane that serves this cluster. Each remote cluster needs it; an external "
            "one has none."
        ),
        "network": k.text(
            "Istio network of this cluster's Pods: the same for clusters whose Pods reach one "
            "another directly. Each remote cluster needs it; an external one has none.",
            names.LABEL_VALUE,
            "letters, digits, '-', '_' and '.', as Kubernetes asks of a label's value",
            63,
        ),
        "gateways": k.record(
            "Gateways to install on this cluster; for remote clusters only.",
            {
                "ingress": k.flag("istio-ingressgateway, for traffic from outside of the mesh."),
                "egress": k.flag("istio-egressgateway, for traffic that leaves the mesh."),
                "eastWest": k.flag(
                    "istio-eastwestgateway, for traffic from other networks. Where one cluster "
                    "has it, the config cluster has to have it, too."
                ),
            },
        ),
        "labels": k.free(
            "Labels of this cluster's objects in Argo CD. Keys are as Kubernetes asks of a "
            "label's, such as team or example.com/team.",
            names.LABEL_KEY,
            k.text(
                "Value of the label.",
                f"({names.LABEL_VALUE})?",
                "letters, digits, '-', '_' and '.', at most 63, as Kubernetes asks",
                63,
            ),
        ),
    },
    "role",
    "argocd",
)

BY_KIND: Final = {"mesh": MESH, "cluster": CLUSTER, "bot": BOT}
