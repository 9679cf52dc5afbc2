"""``bot.yaml``: what a mesh's people say once about how the bot reaches clusters and what it wants.

It lies beside ``mesh.yaml``, nothing is generated from it, and without it the defaults hold. What
is wrong with it, the generator's ``inventory/bot_file.py`` says, for ``validate`` as well.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.proposals.policy import Documents, Policy
from extcp_bot.target import Settings
from extcp_gitops.inventory import bot_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extcp_gitops.inventory.model import Inventory
    from extcp_gitops.yamlio.load import Document

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


def read(root: Path, inventory: Inventory) -> BotFile:
    """What ``bot.yaml`` says; the defaults where there is none.

    Args:
        root: The repository.
        inventory: Of it.

    Raises:
        ExtcpError: As ``bot_file.read``, with every problem of the file.
    """
    document = bot_file.read(root, inventory)
    return BotFile() if document is None else _of(document)


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
