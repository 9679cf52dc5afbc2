"""A mesh's repository as its operator has it: a checkout, the tool's commands, and the forge."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .parts import directory as parts_directory
from .processes import run
from .runbook import Runbook
from .testbed import EXTERNAL

if TYPE_CHECKING:
    from .gitea import Gitea
    from .testbed import Testbed

COMMAND_SECONDS = 120


class MeshRepository:
    """One repository: what a person does to it, a person's own way."""

    def __init__(self, testbed: Testbed, gitea: Gitea, name: str, external: str = EXTERNAL) -> None:
        self.name = name
        self.url = gitea.create_repository(name)
        self.directory = testbed.base / "checkouts" / name
        self._external = external
        self._testbed = testbed
        self._gitea = gitea
        self._home = testbed.base / "home"
        self._home.mkdir(exist_ok=True)
        identity = "[user]\n\tname = Mesh Operator\n\temail = operator@example.com\n"
        (self._home / ".gitconfig").write_text(identity)

    def init(self, *arguments: str) -> str:
        """``extcp-gitops init``."""
        self.directory.parent.mkdir(exist_ok=True)
        words = ["init", str(self.directory), "--repo-url", self.url]
        said = self._extcp(Path("/"), *words, *arguments)
        # Keys lie here for a moment, as the runbook has it; no command may pick them up.
        (self.directory / ".git" / "info").mkdir(exist_ok=True)
        (self.directory / ".git" / "info" / "exclude").write_text("*.pem\n")
        return said

    def extcp(self, *arguments: str, ok: tuple[int, ...] = (0,)) -> str:
        """A command of ``extcp-gitops`` in this repository; gives stdout and stderr."""
        return self._extcp(self.directory, *arguments, ok=ok)

    @property
    def runbook(self) -> Runbook:
        """The runbook as it is now; the contexts are called as it supposes, but Argo CD's."""
        contexts = {"CTX_ARGOCD": EXTERNAL, "CTX_EXTERNAL": self._external}
        return Runbook(self.directory / "README.md", self.environment, contexts)

    def git(self, *arguments: str) -> str:
        """A command of git in this repository."""
        return run(["git", *arguments], cwd=self.directory, env=self.environment, seconds=60).stdout

    def write(self, path: str, content: str) -> None:
        """A person's own file."""
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)

    def commit(self, message: str) -> None:
        """Commit everything that has changed and push it."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        self.git("push", "--quiet", "--set-upstream", "origin", "HEAD")

    def merge(self, branch: str, message: str) -> list[str]:
        """Merge a pushed branch by pull request; gives the paths that it changed."""
        self._gitea.merge(self.name, branch, message)
        self.git("switch", "--quiet", "main")
        self.git("pull", "--quiet", "--ff-only")
        return self.git("diff", "--name-only", "HEAD~1").split()

    def _extcp(self, cwd: Path, *arguments: str, ok: tuple[int, ...] = (0,)) -> str:
        done = run(
            ["extcp-gitops", *arguments],
            cwd=cwd,
            env=self.environment,
            seconds=COMMAND_SECONDS,
            ok=ok,
        )
        return done.stdout + done.stderr

    @property
    def environment(self) -> dict[str, str]:
        """What the person's commands run with."""
        tools = [self._testbed.tools, parts_directory()]
        return {
            **self._gitea.git_environment(),
            "PATH": ":".join([*map(str, tools), os.environ["PATH"]]),
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "EXTCP_CACHE_DIR": str(self._testbed.cache),
            "KUBECONFIG": str(self._testbed.kubeconfig),
        }
