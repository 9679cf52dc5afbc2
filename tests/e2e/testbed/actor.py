"""The bot that acts, as its operator runs it: an account on Gitea, and the rights to deliver."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tests.gitea import Gitea as Accounts
from tests.gitea import Repository

from .bot import PROBE
from .processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .bot import Bot
    from .kubernetes import Cluster
    from .standard import Mesh

Outcome = dict[str, Any]

PASSES = 2
PASS_SECONDS = 240
# Done or nothing to do, changes pending, and something that is still unknown.
ENDS = (0, 4, 5)


@dataclass
class Actor:
    """The bot with what lets it act, and its pull requests as people see them.

    Attributes:
        mesh: The standard mesh.
        bot: The bot's accounts in the clusters.
        repository: On Gitea, where it has an account of its own, and so has a person.
    """

    mesh: Mesh
    bot: Bot
    repository: Repository

    @classmethod
    def install(cls, mesh: Mesh, bot: Bot, members: Sequence[Cluster]) -> Actor:
        """Give the bot its account and token, and in the clusters what ``rbac`` says it takes."""
        roots = mesh.testbed.base / "gitea-roots.pem"
        roots.write_text(mesh.testbed.public.root)
        accounts = Accounts(mesh.gitea, roots)
        repository = Repository(accounts, f"{mesh.gitea.user}/{mesh.repository.name}")
        for account in (accounts.bot, accounts.person):
            repository.allow(account, "write")
        token = mesh.testbed.base / "forge-token"
        token.touch(mode=0o600)
        token.write_text(accounts.bot.token)
        bot.environment["EXTCP_FORGE_TOKEN_FILE"] = str(token)
        for cluster in members:
            bot.grant(cluster, f"--cluster={cluster.name}", "--credentials", "--rotation")
        bot.grant(mesh.external, "--side=argocd", "--from-argocd")
        mesh.repository.write("bot.yaml", yaml.safe_dump(_settings(mesh, members)))
        mesh.repository.commit("Let the bot act")
        return cls(mesh, bot, repository)

    def reconcile(self, *options: str) -> Outcome:
        """One pass; gives its outcome."""
        return self._outcome("reconcile", *options, ok=ENDS)

    def propose(self, *options: str, ok: Sequence[int] = (0,)) -> Outcome:
        """What a person asks the bot to propose; gives the outcome."""
        return self._outcome("propose", "--pause=0", *options, ok=ok)

    def reconcile_until_quiet(self) -> list[str]:
        """Passes until one has nothing to do and follows nothing; gives all writes."""
        written: list[str] = []

        def is_quiet() -> bool:
            outcome = self.reconcile()
            written.extend(each["what"] for each in outcome["writes"])
            rows = [each for each in outcome["proposals"] if each["standing"] != "declined"]
            return not outcome["writes"] and not rows

        wait_for("a pass with nothing left to do", is_quiet, PASS_SECONDS)
        return written

    def pulls(self, state: str = "open") -> list[Any]:
        """Pull requests of the bot, the newest first."""
        found = self.repository.call("GET", f"/pulls?state={state}")
        return [each for each in found if each["user"]["login"] == self.repository.gitea.bot.name]

    def changed(self, number: int) -> list[str]:
        """The files that a pull request changes."""
        files = self.repository.call("GET", f"/pulls/{number}/files?limit=100")
        return [each["filename"] for each in files]

    def status(self, sha: str) -> str:
        """The state of ``extcp/validate`` on a commit."""
        found = self.repository.call("GET", f"/commits/{sha}/status")["statuses"] or []
        return next((s["status"] for s in found if s["context"] == "extcp/validate"), "none")

    def dashboard(self) -> str:
        """The text of the one dashboard."""
        (only,) = self.repository.call("GET", "/issues?type=issues&state=open")
        return str(only["body"])

    def merge(self, number: int) -> None:
        """A person merges a pull request, and Argo CD hears of it."""
        self.repository.merge(number, by=self.repository.gitea.person)
        self.mesh.repository.git("switch", "--quiet", "main")
        self.mesh.repository.git("pull", "--quiet", "--ff-only")
        self.mesh.argocd.refresh()

    def _outcome(self, *arguments: str, ok: Sequence[int]) -> Outcome:
        outcome: Outcome = json.loads(self.bot.run(*arguments, "--output=json", ok=ok))
        return outcome


def _settings(mesh: Mesh, members: Sequence[Cluster]) -> dict[str, Any]:
    """``bot.yaml``: its own accounts where it has them, and Argo CD's for whatever joins."""
    return {
        "apiVersion": "extcp-gitops.io/v1alpha1",
        "kind": "Bot",
        "source": "argocd",
        "argocd": {"context": mesh.external.name},
        "contexts": {cluster.name: cluster.name for cluster in members},
        "checks": {"probeNamespace": PROBE},
        "proposals": {"passes": PASSES},
    }
