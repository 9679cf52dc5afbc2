"""JSON Schema of ``bot.yaml``: how extcp-bot reaches the clusters, and what it wants of them.

The bot reads the file; nothing is generated from it. The schema is here so that editors and
``validate`` know it, too, and the defaults in it are those of the bot's own code.
"""

from __future__ import annotations

from typing import Final

from extcp_gitops.inventory import keywords as k

BOT_FILE: Final = "bot.yaml"

_CHECKS = k.record(
    "What the checks want.",
    {
        "probeNamespace": k.namespace(
            "Namespace in which Pods are created for a dry run. Without it, an injected namespace "
            "of each cluster is looked for."
        ),
        "expiryPercent": k.number(
            "Percentage of a credential's life that is left when its end becomes a warning.",
            1,
            99,
            20,
        ),
        "certificateDays": k.number(
            "Days before the end of the gateway's certificate at which it becomes a warning.",
            1,
            3650,
            14,
        ),
        "minimumReplicas": k.number(
            "Fewer ready replicas of istiod or of the ingress gateway before it are a warning. "
            "With 2 or more, a PodDisruptionBudget is asked for, too.",
            1,
            100,
            1,
        ),
    },
)

_PROPOSALS = k.record(
    "When the bot opens pull requests, and how many.",
    {
        "passes": k.number(
            "Consecutive healthy passes before a pull request opens, or unhealthy ones before one "
            "opens that takes a merged cluster out again.",
            1,
            100,
            2,
        ),
        "maxOpen": k.number(
            "Additions that may be open or on their way into the mesh at a time.", 1, 100, 1
        ),
        "writesPerHour": k.number("Writes to the forge and to Git in an hour.", 5, 10_000, 60),
        "evidenceHours": k.number("Hours after which evidence is renewed.", 1, 720, 6),
        "proofMinutes": k.number(
            "Minutes after a merge at which a cluster that is seen not to work has failed.",
            1,
            1440,
            30,
        ),
        "excusedChecks": {
            "type": "array",
            "description": "Checks that need not be healthy for a pull request, by their codes; "
            "docs/checks.md lists them.",
            "items": k.text(
                "Code of a check.", r"EXTCP-[A-Z][0-9]{2}", "a code such as EXTCP-H16", 9
            ),
            "default": [],
        },
        "commitName": k.text(
            "Name of the author of the bot's commits.",
            r"[^<>\x00-\x1f\x7f]+",
            "a name without '<', '>' and control characters",
            100,
            "extcp-bot",
        ),
        "commitEmail": k.text(
            "E-mail address of the author of the bot's commits. The bot knows its own commits by "
            "it, so nobody else may commit with it.",
            r"[^\s<>@]+@[^\s<>@]+",
            "an e-mail address",
            254,
            "extcp-bot@noreply.invalid",
        ),
    },
)

_CREDENTIALS = k.record(
    "How remote secrets go into Git as documents; externalSecret or sealedSecret, not both. "
    "Without this they are delivered straight to the external cluster.",
    {
        "externalSecret": k.record(
            "As a reference, for External Secrets Operator.",
            {
                "store": k.line("Name of the store."),
                "kind": k.one_of(
                    "Kind of the store.",
                    "ClusterSecretStore",
                    "SecretStore",
                    default="ClusterSecretStore",
                ),
                "key": k.line(
                    "Key in the store; {cluster} stands for the cluster's name.",
                    default="istio-remote-secret-{cluster}",
                ),
                "property": k.line("Property of the key, where that holds several."),
            },
            ("store",),
        ),
        "sealedSecret": k.record(
            "Encrypted, for the controller of Sealed Secrets.",
            {
                "certificateFile": k.line(
                    "File with the controller's public certificate in PEM, relative to mesh.yaml."
                )
            },
            ("certificateFile",),
        ),
    },
)

BOT: Final[k.Schema] = k.file(
    "extcp-gitops bot",
    "Bot",
    "How extcp-bot reaches the clusters of this mesh, what it wants of them, and what it proposes.",
    {
        "source": k.one_of(
            "Where the way to a cluster comes from that contexts does not name. kubeconfig: a "
            "context of the cluster's own name. argocd: Argo CD's cluster Secrets.",
            "kubeconfig",
            "argocd",
            default="kubeconfig",
        ),
        "contexts": k.free(
            "kubeconfig context by the cluster's name, where it is not that name.",
            ".+",
            k.line("kubeconfig context."),
        ),
        "argocd": k.record(
            "The API server that holds Argo CD's objects: context or inCluster, not both. Without "
            "either it is that of the external cluster.",
            {
                "context": k.line("kubeconfig context of that API server."),
                "inCluster": k.flag(
                    "It is that of the cluster that the bot runs in, as a Pod. What bot.inCluster "
                    "in mesh.yaml makes says so by itself, where it has no kubeconfigSecret."
                ),
            },
        ),
        "checks": _CHECKS,
        "forge": k.record(
            "How the forge is reached; repository in mesh.yaml says which one it is.",
            {
                "apiUrl": {
                    "type": "string",
                    "description": "Base URL of its API, where that is not where the repository "
                    "is. Say the same as bot.inCluster.forgeApiUrl in mesh.yaml.",
                    "maxLength": 1024,
                },
                "rootsFile": k.line(
                    "PEM file with the roots of a private CA, relative to mesh.yaml; for the "
                    "forge's API and for Git."
                ),
            },
        ),
        "credentials": _CREDENTIALS,
        "proposals": _PROPOSALS,
    },
)
