"""A generated mesh on a real Gitea, with clusters of which a test says what is seen there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from extcp_bot.access.resolve import Choice
from extcp_bot.candidates.model import Candidate
from extcp_bot.checks.model import State
from extcp_bot.credentials.model import Delivery
from extcp_bot.credentials.model import Outcome as Secrets
from extcp_bot.forge.open import open_forge
from extcp_bot.joining.model import Progress, Stage
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.passes import Plan
from extcp_bot.proposals import kinds
from extcp_bot.proposals.clusters import FLEET, Clusters
from extcp_bot.proposals.model import Evidence, Part
from extcp_bot.proposals.policy import Documents
from extcp_bot.proposals.reconcile import Ways, reconcile
from extcp_bot.target import Fleet
from extcp_gitops.generate import Options
from extcp_gitops.inventory.author import NewCluster
from extcp_gitops.inventory.load import load_directory
from tests import gitrepo, meshes, repositories
from tests.bot import reports

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from extcp_bot.checks.model import Check
    from extcp_bot.forge.model import Forge
    from extcp_bot.proposals.asked import Asked, NewMember
    from extcp_bot.proposals.clusters import OpenClusters
    from extcp_bot.proposals.limits import Meter
    from extcp_bot.proposals.model import Proposal
    from extcp_bot.proposals.outcome import Outcome
    from extcp_bot.proposals.policy import Policy
    from extcp_bot.result import Report
    from extcp_bot.service.gate import Gate
    from extcp_gitops.inventory.model import Inventory
    from tests.gitea import Account, Repository

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
_BOT_YAML = """\
apiVersion: extcp-gitops.io/v1alpha1
kind: Bot
forge:
  rootsFile: {roots}
proposals:
{more}
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
        super().__init__(fleet, _plan(root), policy=_usual())
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


@dataclass
class Desk:
    """A mesh on a forge, a script, and passes over both.

    Attributes:
        repository: On Gitea.
        root: A person's clone of it.
        script: What is seen of the clusters.
        options: For the generator.
        wrap: Makes something else of the forge of each pass.
        live: The clusters of a repository, in place of those of the script.
        checks: Of the mesh's health, where it is live.
    """

    repository: Repository
    root: Path
    script: Script
    options: Options
    wrap: Callable[[Forge], Forge] = lambda forge: forge
    live: OpenClusters | None = None
    checks: tuple[Check, ...] = ()

    def reconcile(
        self, *, dry_run: bool = False, asked: Asked | None = None, gate: Gate | None = None
    ) -> Outcome:
        """One pass."""
        return asyncio.run(self.one_pass(dry_run=dry_run, asked=asked, gate=gate))

    async def one_pass(
        self,
        *,
        dry_run: bool = False,
        asked: Asked | None = None,
        gate: Gate | None = None,
        meter: Meter | None = None,
    ) -> Outcome:
        """One pass, beside others."""
        ways = Ways(self._forge, self._clusters, self.options)
        plan = replace(_plan(self.root), checks=self.checks)
        return await reconcile(
            plan, gate=gate, dry_run=dry_run, asked=asked, through=ways, meter=meter
        )

    def _forge(self, inventory: Inventory, policy: Policy, root: Path) -> Forge:
        del policy, root
        repository = inventory.mesh.repository
        environment = {"EXTCP_FORGE_TOKEN": self.repository.gitea.bot.token}
        roots = self.repository.gitea.roots
        opened = open_forge(repository.forge, repository.url, environment, roots=roots)
        return self.wrap(opened)

    async def _clusters(
        self, root: Path, plan: Plan, policy: Policy, *, may_probe: bool
    ) -> Clusters:
        if self.live is not None:
            return await self.live(root, plan, policy, may_probe=may_probe)
        return Scripted(load_directory(root).inventory, root, self.script)

    # What people see

    def pulls(self, state: str = "all") -> list[Any]:
        """The pull requests, the newest first."""
        return list(self.repository.call("GET", f"/pulls?state={state}"))

    def pull(self) -> Any:  # noqa: ANN401 - JSON
        """The only pull request."""
        (only,) = self.pulls()
        return only

    def comments(self, number: int) -> list[Any]:
        """What was said on one."""
        return list(self.repository.call("GET", f"/issues/{number}/comments"))

    def say(self, number: int, text: str, by: Account | None = None) -> int:
        """Say something on one; gives the id of the comment."""
        who = by or self.repository.gitea.person
        path = f"/issues/{number}/comments"
        return int(self.repository.call("POST", path, {"body": text}, who)["id"])

    def eyes(self, comment: int) -> bool:
        """Whether the bot has shown that it has read a comment."""
        found = self.repository.call("GET", f"/issues/comments/{comment}/reactions") or []
        return any(each["user"]["login"] == self.repository.gitea.bot.name for each in found)

    def status(self, sha: str) -> tuple[str, str] | None:
        """The state and the description of ``extcp/validate``."""
        found = self.repository.call("GET", f"/commits/{sha}/status")["statuses"] or []
        for each in found:
            if each["context"] == "extcp/validate":
                return each["status"], each["description"]
        return None

    def labels(self, number: int) -> set[str]:
        """Of a pull request."""
        return {each["name"] for each in self.repository.call("GET", f"/issues/{number}/labels")}

    def dashboard(self) -> Any:  # noqa: ANN401 - JSON
        """The only one."""
        (only,) = self.repository.call("GET", "/issues?type=issues&state=all")
        return only


def begin(
    root: Path, repository: Repository, istioctl: Path, cache: Path, more: str = "  passes: 1"
) -> Desk:
    """Generate the mesh, and push it to main.

    Args:
        root: Where a person's clone is to be.
        repository: On Gitea.
        istioctl: The real one.
        cache: Of rendered manifests.
        more: Of ``proposals`` in ``bot.yaml``.
    """
    mesh = moved(meshes.MESH, repository)
    return begin_with(root, repository, istioctl, cache, meshes.mesh({"mesh.yaml": mesh}), more)


def moved(mesh: str, repository: Repository) -> str:
    """A ``mesh.yaml`` that says where the repository really is."""
    url = "https://git.example.com/platform/mesh.git"
    return meshes.replaced(mesh, url, f"{repository.url}\n  forge: gitea")


def begin_with(  # noqa: PLR0917 - as begin
    root: Path,
    repository: Repository,
    istioctl: Path,
    cache: Path,
    files: Mapping[str, bytes],
    more: str = "  passes: 1",
) -> Desk:
    """The same for a mesh of a test's own; see :func:`begin`."""
    repositories.create(root, files, istioctl, cache)
    bot = _BOT_YAML.format(roots=repository.gitea.roots, more=more)
    (root / "bot.yaml").write_text(bot)
    repositories.commit(root)
    push(root, repository, "main")
    return Desk(repository, root, Script(), Options(istioctl=istioctl))


def push(root: Path, repository: Repository, branch: str) -> None:
    """Push what is checked out, as the owner, whatever the branch was."""
    _remote(root, repository, "push", f"HEAD:refs/heads/{branch}")


def fetch(root: Path, repository: Repository, branch: str) -> None:
    """Fetch a branch, to FETCH_HEAD."""
    _remote(root, repository, "fetch", branch)


def _remote(root: Path, repository: Repository, verb: str, what: str) -> None:
    owner = repository.gitea.owner
    url = repository.url.replace("https://", f"https://{owner.name}:{owner.token}@")
    roots = f"http.sslCAInfo={repository.gitea.roots}"
    gitrepo.git(root, "-c", roots, verb, "--quiet", "--force", url, what)


def _plan(root: Path) -> Plan:
    return Plan(root, Choice(), ())


def _usual() -> Policy:
    from extcp_bot.proposals.policy import Policy  # noqa: PLC0415 - a name for typing above

    return Policy()
