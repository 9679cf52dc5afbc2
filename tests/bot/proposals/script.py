"""Clusters of which a test says what is seen there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from extcp_bot.access.resolve import Choice
from extcp_bot.candidates.model import Candidate
from extcp_bot.checks.model import State
from extcp_bot.credentials.model import Delivery
from extcp_bot.credentials.model import Outcome as Secrets
from extcp_bot.joining.model import Progress, Stage
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.passes import Plan
from extcp_bot.proposals import kinds
from extcp_bot.proposals.clusters import FLEET, Clusters
from extcp_bot.proposals.model import Evidence, Part
from extcp_bot.proposals.policy import Documents, Policy
from extcp_bot.target import Fleet
from extcp_gitops.inventory.author import NewCluster
from tests.bot import reports

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_bot.proposals.asked import NewMember
    from extcp_bot.proposals.model import Proposal
    from extcp_bot.result import Report
    from extcp_gitops.inventory.model import Inventory

NOBODY = CannotLookError("nobody can look", "look", "clusters of the test")
NEW = "remote-cluster-3"
ADD = f"extcp/add-cluster/{NEW}"
_KUSTOMIZATION = b"""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [external-secret.yaml]
"""
_DOCUMENT = """\
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: istio-remote-secret-remote-cluster-3
  namespace: external-istiod
  annotations:
    number: "{number}"
"""


def candidate(name: str = NEW, network: str = "network1", problem: str = "") -> Candidate:
    """A cluster that Argo CD knows, labelled for the mesh."""
    return Candidate(
        NewCluster(name, network),
        "external-istiod",
        NOBODY,
        by_hand=False,
        problem=problem,
        origin=f"Secret argocd/{name}",
        argocd=NOBODY,
    )


@dataclass
class Script:
    """What is seen of the clusters.

    Attributes:
        candidates: In Argo CD; None where it cannot be asked.
        state: Of the mesh and of each candidate.
        found: What a check says that it has found.
        late: How much time has gone by.
        progress: How far merged clusters have come, one look after the other; the last one stays.
        roots: Published by control planes.
        looks: How often a candidate was looked at.
        acts: The clusters whose credential was delivered.
        leaves: What becomes of the remote secret of a cluster that leaves, likewise.
        left: The clusters whose remote secret was taken away.
        documents: Whether remote secrets go into Git.
    """

    candidates: list[Candidate] | None = field(default_factory=list)
    state: State = State.HEALTHY
    found: str = "as it should be"
    late: timedelta = timedelta()
    progress: list[tuple[Stage, State]] = field(
        default_factory=lambda: [(Stage.PROVEN, State.HEALTHY)]
    )
    roots: dict[str, str] = field(default_factory=dict)
    looks: int = 0
    acts: list[str] = field(default_factory=list)
    leaves: list[Secrets] = field(default_factory=lambda: [Secrets.UNCHANGED])
    left: list[str] = field(default_factory=list)
    documents: bool = False

    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC) + self.late


class Scripted(Clusters):
    """Clusters of which a script says what is seen there."""

    def __init__(self, inventory: Inventory, root: Path, script: Script) -> None:
        fleet = Fleet(inventory, root, {}, NOBODY, now=script.now)
        super().__init__(fleet, Plan(root, Choice(), ()), Policy())
        self.script = script

    async def report(self) -> Report:
        """One result for each cluster."""
        results = [
            reports.result(self.inventory, each.name, self.script.state, found=self.script.found)
            for each in self.inventory.clusters
        ]
        made = reports.report(self.inventory, *results)
        return replace(made, started=self.script.now())

    async def candidates(self) -> tuple[Candidate, ...]:
        """As the script says."""
        if self.script.candidates is None:
            raise NOBODY
        there = self.inventory.by_name
        return tuple(each for each in self.script.candidates if each.name not in there)

    async def named(self, new: NewMember) -> Candidate:
        """Any cluster."""
        return replace(candidate(new.name, new.network or "network1"), by_hand=True)

    async def addition(self, candidate: Candidate) -> Evidence:
        """The fleet's report alone."""
        self.script.looks += 1
        if candidate.problem:
            return Evidence(self.script.now(), (), obstacle=candidate.problem)
        part = Part(FLEET, await self.report(), self.inventory)
        return Evidence(self.script.now(), (part,))

    async def removal(self, name: str) -> Evidence:
        """The same."""
        del name
        part = Part(FLEET, await self.report(), self.inventory)
        return Evidence(self.script.now(), (part,))

    async def progress(self, name: str, *, act: bool) -> Progress:
        """As the script says."""
        script = self.script
        stage, state = script.progress[0]
        if act:
            script.acts.append(name)
        if len(script.progress) > 1 and (act or stage is not Stage.CREDENTIAL):
            script.progress.pop(0)
        result = reports.result(self.inventory, name, state, found=script.found)
        return Progress(name, stage, (result,), state, f"{stage} is {state}", wrote=act)

    def wants_document(self, name: str) -> bool:
        """As the script says, until it is there."""
        return self.script.documents and not self.inventory.by_name[name].credential

    def document_path(self, name: str) -> str:
        """Where the document is."""
        return f"clusters/{name}/credential/external-secret.yaml"

    async def credential(self, name: str, before: bytes | None) -> Proposal:
        """A document whose text is another one each time, unless it was there before."""
        self.script.looks += 1
        raw = before or _DOCUMENT.format(number=self.script.looks).encode()
        directory = f"clusters/{name}/credential"
        files = {self.document_path(name): raw, f"{directory}/kustomization.yaml": _KUSTOMIZATION}
        return kinds.credential(name, "external-istiod", Documents("external-secret", "v"), files)

    async def leave(self, name: str, control_plane: str, *, dry_run: bool) -> Delivery:
        """As the script says; a dry run of a removal is not the removal."""
        leaves = self.script.leaves
        outcome = leaves[0]
        if len(leaves) > 1 and not (dry_run and outcome is Secrets.REMOVED):
            leaves.pop(0)
        if outcome is Secrets.REMOVED and not dry_run:
            self.script.left.append(name)
        return Delivery(name, f"{control_plane}/x", outcome, "so it is", dry_run=dry_run)

    async def root(self, control_plane: str) -> str:
        """As the script says."""
        return self.script.roots.get(control_plane, "")
