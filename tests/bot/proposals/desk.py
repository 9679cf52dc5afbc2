"""A generated mesh on a real Gitea, with clusters of which a test says what is seen there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from extcp_bot.access.resolve import Choice
from extcp_bot.forge.open import open_forge
from extcp_bot.passes import Plan
from extcp_bot.proposals.reconcile import Ways, reconcile
from extcp_gitops.generate import Options
from extcp_gitops.inventory.load import load_directory
from tests import gitrepo, meshes, repositories
from tests.bot.proposals.script import Script, Scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from extcp_bot.checks.model import Check
    from extcp_bot.forge.model import Forge
    from extcp_bot.proposals.asked import Asked
    from extcp_bot.proposals.clusters import Clusters, OpenClusters
    from extcp_bot.proposals.limits import Meter
    from extcp_bot.proposals.outcome import Outcome
    from extcp_bot.proposals.policy import Policy
    from extcp_bot.service.gate import Gate
    from extcp_gitops.inventory.model import Inventory
    from tests.gitea import Account, Repository

_BOT_YAML = """\
apiVersion: extcp-gitops.io/v1alpha1
kind: Bot
forge:
  rootsFile: {roots}
proposals:
{more}
"""


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
