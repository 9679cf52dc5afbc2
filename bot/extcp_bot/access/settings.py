"""``bot.yaml``: what a mesh's people say once about how the bot reaches clusters and what it wants.

It lies beside ``mesh.yaml``, nothing is generated from it, and without it the defaults hold. Codes
``EXTCP-B001`` to ``EXTCP-B005`` say of it what ``EXTCP-I001`` to ``EXTCP-I005`` say of the
inventory.
"""

from __future__ import annotations

import difflib
import enum
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.proposals.policy import Documents, Policy
from extcp_bot.target import Settings
from extcp_gitops.errors import ExtcpError, Finding
from extcp_gitops.inventory import names, shape
from extcp_gitops.inventory.load import MAX_FILE_BYTES
from extcp_gitops.inventory.schema import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from extcp_gitops.inventory.model import Inventory
    from extcp_gitops.inventory.schema import Schema
    from extcp_gitops.yamlio.load import Document

FILE: Final = "bot.yaml"
_PERCENT: Final = 100


class Source(enum.StrEnum):
    """Where the way to a cluster comes from, unless a context is named for it."""

    KUBECONFIG = "kubeconfig"
    ARGOCD = "argocd"


@dataclass(frozen=True, slots=True)
class BotFile:
    """What ``bot.yaml`` says.

    Attributes:
        contexts: kubeconfig context by cluster.
        source: Of the clusters without one.
        argocd_context: kubeconfig context of the API server that holds Argo CD's objects.
        in_cluster: Argo CD's API server is the one of the cluster that the bot runs in.
        settings: For the checks.
        policy: For pull requests.
    """

    contexts: Mapping[str, str] = field(default_factory=dict)
    source: Source = Source.KUBECONFIG
    argocd_context: str | None = None
    in_cluster: bool = False
    settings: Settings = field(default_factory=Settings)
    policy: Policy = field(default_factory=Policy)


def _record(description: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "additionalProperties": False,
    }


def _number(description: str, least: int, most: int) -> Schema:
    return {"type": "integer", "description": description, "minimum": least, "maximum": most}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description, "minLength": 1, "maxLength": 1024}


_CONTEXT: Final[Schema] = {
    "type": "string",
    "description": "kubeconfig context.",
    "minLength": 1,
    "maxLength": 1024,
}

SCHEMA: Final[Schema] = {
    **_record(
        "How extcp-bot looks at this mesh.",
        apiVersion={"description": "Version of this format.", "const": API_VERSION},
        kind={"description": "What this is.", "const": "Bot"},
        source={
            "type": "string",
            "description": "Where the way to a cluster comes from that has no context here: a "
            "kubeconfig context of the cluster's own name, or Argo CD's cluster Secrets.",
            "enum": [each.value for each in Source],
        },
        contexts={
            "type": "object",
            "description": "kubeconfig context by the cluster's name.",
            "propertyNames": {"pattern": "^.+$"},
            "additionalProperties": _CONTEXT,
        },
        argocd=_record(
            "The API server that holds Argo CD's objects; that of the external cluster by default.",
            context=_CONTEXT,
            inCluster={
                "type": "boolean",
                "description": "It is that of the cluster that the bot runs in, as a Pod.",
                "default": False,
            },
        ),
        checks=_record(
            "What the checks want.",
            probeNamespace={
                "type": "string",
                "description": "Where Pods are created for a dry run; by default an injected "
                "namespace of each cluster.",
                "pattern": f"^{names.LABEL}$",
                "patternErrorMessage": "lower-case letters, digits and '-', as Kubernetes asks of "
                "a namespace",
                "maxLength": 63,
            },
            expiryPercent=_number(
                "Share of a credential's life that is left when its end becomes a warning.", 1, 99
            ),
            certificateDays=_number(
                "Days before the end of a certificate at which it becomes a warning.", 1, 3650
            ),
            minimumReplicas=_number(
                "Fewer ready replicas of istiod or of its gateway are a warning.", 1, 100
            ),
        ),
        forge=_record(
            "How the forge is reached; the repository's URL in mesh.yaml says which one it is.",
            apiUrl={
                "type": "string",
                "description": "Base URL of its API, where that is not where the repository is.",
                "maxLength": 1024,
            },
            rootsFile={
                "type": "string",
                "description": "PEM file with the roots of a private CA, relative to mesh.yaml; "
                "for its API and for Git.",
                "minLength": 1,
                "maxLength": 1024,
            },
        ),
        credentials=_record(
            "How remote secrets go into Git as documents; without this they are delivered "
            "straight to the external cluster.",
            externalSecret=_record(
                "A reference, for External Secrets Operator.",
                store=_text("Name of the store."),
                kind={
                    "type": "string",
                    "description": "Of the store.",
                    "enum": ["ClusterSecretStore", "SecretStore"],
                },
                key=_text("In the store; {cluster} stands for the name."),
                property=_text("Of a key that holds several."),
            )
            | {"required": ["store"]},
            sealedSecret=_record(
                "Encrypted, for the controller of Sealed Secrets.",
                certificateFile=_text("PEM of the controller's, relative to mesh.yaml."),
            )
            | {"required": ["certificateFile"]},
        ),
        proposals=_record(
            "When the bot opens pull requests, and how many.",
            passes=_number(
                "Consecutive healthy passes before a pull request opens, or unhealthy ones before "
                "one opens that takes a merged cluster out again.",
                1,
                100,
            ),
            maxOpen=_number(
                "Additions that may be open or on their way into the mesh at a time.", 1, 100
            ),
            writesPerHour=_number("Writes to the forge and to Git in an hour.", 5, 10_000),
            evidenceHours=_number("Hours after which evidence is renewed.", 1, 720),
            proofMinutes=_number(
                "Minutes after a merge at which a cluster that does not work has failed.", 1, 1440
            ),
            excusedChecks={
                "type": "array",
                "description": "Codes of checks that need not be healthy for a pull request.",
                "items": {
                    "type": "string",
                    "description": "Code.",
                    "pattern": "^EXTCP-[A-Z][0-9]{2}$",
                    "patternErrorMessage": "a code such as EXTCP-H16",
                },
            },
            commitName={
                "type": "string",
                "description": "Author of the bot's commits.",
                "pattern": "^[^<>\\x00-\\x1f\\x7f]+$",
                "patternErrorMessage": "a name without '<', '>' and control characters",
                "maxLength": 100,
            },
            commitEmail={
                "type": "string",
                "description": "Author of the bot's commits; nobody else may commit with it.",
                "pattern": "^[^\\s<>@]+@[^\\s<>@]+$",
                "patternErrorMessage": "an e-mail address",
                "maxLength": 254,
            },
        ),
    ),
    "required": ["apiVersion", "kind"],
}


def read(root: Path, inventory: Inventory) -> BotFile:
    """What ``bot.yaml`` says; the defaults where there is none.

    Args:
        root: The repository.
        inventory: Of it.

    Raises:
        ExtcpError: With every problem of the file: EXTCP-B001 to EXTCP-B005 for its shape,
            EXTCP-B006 for a cluster that the mesh does not have, EXTCP-B007 for two ways to
            one thing, EXTCP-B008 where it cannot be read, EXTCP-Ynnn where it is no YAML.
    """
    raw = _content(root / FILE)
    if raw is None:
        return BotFile()
    from extcp_gitops.yamlio.load import parse  # noqa: PLC0415 - yaml is loaded when needed

    document = parse(raw, FILE)
    findings = [
        replace(finding, code=finding.code.replace("EXTCP-I", "EXTCP-B"))
        for finding in shape.check(document, SCHEMA)
    ] or list(_disagreements(document, inventory))
    if findings:
        raise ExtcpError(*findings)
    return _of(document)


def _content(path: Path) -> bytes | None:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        what = "is not a regular file"
        raise ExtcpError.of("EXTCP-B008", what, "replace it with a file of this repository", FILE)
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ExtcpError.of("EXTCP-B008", what, "mend its permissions", FILE) from error


def _disagreements(document: Document, inventory: Inventory) -> Iterator[Finding]:
    for name in document.data.get("contexts", {}):
        if name not in inventory.by_name:
            close = difflib.get_close_matches(name, inventory.by_name, n=1)
            remedy = f"did you mean '{close[0]}'?" if close else "see 'extcp-gitops cluster list'"
            message = f"there is no cluster '{name}'"
            mark = document.key_mark("contexts", name)
            yield Finding("EXTCP-B006", message, remedy, FILE, *mark)
    argocd = document.data.get("argocd", {})
    if "context" in argocd and argocd.get("inCluster"):
        message = "argocd has both a context and inCluster"
        mark = document.key_mark("argocd", "inCluster")
        yield Finding("EXTCP-B007", message, "leave one of the two out", FILE, *mark)
    if len(document.data.get("credentials", {})) > 1:
        message = "credentials has both externalSecret and sealedSecret"
        mark = document.key_mark("credentials", "sealedSecret")
        yield Finding("EXTCP-B007", message, "leave one of the two out", FILE, *mark)


def _of(document: Document) -> BotFile:
    data = document.data
    argocd, checks, defaults = data.get("argocd", {}), data.get("checks", {}), Settings()
    percent = checks.get("expiryPercent")
    return BotFile(
        contexts=data.get("contexts", {}),
        source=Source(data.get("source", Source.KUBECONFIG)),
        argocd_context=argocd.get("context"),
        in_cluster=argocd.get("inCluster", False),
        settings=Settings(
            probe_namespace=checks.get("probeNamespace", defaults.probe_namespace),
            expiry=defaults.expiry if percent is None else percent / _PERCENT,
            certificate_days=checks.get("certificateDays", defaults.certificate_days),
            minimum_replicas=checks.get("minimumReplicas", defaults.minimum_replicas),
        ),
        policy=_policy(data.get("forge", {}), data.get("proposals", {}), _documents(data)),
    )


def _policy(
    forge: Mapping[str, Any], proposals: Mapping[str, Any], documents: Documents | None
) -> Policy:
    usual = Policy()
    return Policy(
        passes=proposals.get("passes", usual.passes),
        max_open=proposals.get("maxOpen", usual.max_open),
        writes_per_hour=proposals.get("writesPerHour", usual.writes_per_hour),
        evidence_hours=proposals.get("evidenceHours", usual.evidence_hours),
        proof_minutes=proposals.get("proofMinutes", usual.proof_minutes),
        excused=frozenset(proposals.get("excusedChecks", usual.excused)),
        name=proposals.get("commitName", usual.name),
        email=proposals.get("commitEmail", usual.email),
        api_url=forge.get("apiUrl"),
        roots_file=forge.get("rootsFile"),
        documents=documents,
    )


def _documents(data: Mapping[str, Any]) -> Documents | None:
    said = data.get("credentials", {})
    if reference := said.get("externalSecret"):
        usual = Documents("external-secret", reference["store"])
        return replace(
            usual,
            store_kind=reference.get("kind", usual.store_kind),
            key=reference.get("key", usual.key),
            property=reference.get("property", usual.property),
        )
    if sealed := said.get("sealedSecret"):
        return Documents("sealed-secret", certificate_file=sealed["certificateFile"])
    return None
