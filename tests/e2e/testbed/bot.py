"""``extcp-bot`` as an operator runs it: with what ``extcp-bot rbac`` grants, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from .processes import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .kubernetes import Cluster
    from .standard import Mesh

Result = dict[str, Any]

NAMESPACE = ACCOUNT = "extcp-bot"
SECONDS = 120
# What the bot exits with: all is well, something is wrong, something is unknown.
EXITS = (0, 1, 5)


class Bot:
    """The bot's accounts in the clusters of a mesh, and its command.

    Attributes:
        kubeconfig: A context for each cluster, called as the cluster, with the bot's own token.
    """

    def __init__(self, mesh: Mesh, clusters: Sequence[Cluster]) -> None:
        self._mesh = mesh
        self._clusters = list(clusters)
        self.kubeconfig = mesh.testbed.base / "bot.kubeconfig"

    def install(self) -> None:
        """Make an account in each cluster, with what ``rbac`` says that it needs."""
        for cluster in self._clusters:
            is_external = cluster.name == self._mesh.external.name
            sides = ("external", "argocd") if is_external else ("config",)
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
            cluster.apply(space)
            for side in sides:
                granted = self._run(
                    "rbac", "--side", side, f"--service-account={NAMESPACE}/{ACCOUNT}"
                )
                cluster.apply(*(item for item in yaml.safe_load_all(granted) if item))
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(yaml.safe_dump(self._contexts()))

    def check(self, *options: str) -> list[Result]:
        """The results of ``extcp-bot check``."""
        said: dict[str, Any] = json.loads(self._run("check", "--output=json", *options))
        results: list[Result] = said["results"]
        return results

    def run(self, *arguments: str) -> str:
        """What a command of the bot prints."""
        return self._run(*arguments)

    def _run(self, *arguments: str) -> str:
        environment = {**self._mesh.repository.environment, "KUBECONFIG": str(self.kubeconfig)}
        return run(
            ["extcp-bot", *arguments],
            cwd=self._mesh.repository.directory,
            env=environment,
            seconds=SECONDS,
            ok=EXITS,
        ).stdout

    def _contexts(self) -> dict[str, Any]:
        merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
        for cluster in self._clusters:
            name = cluster.name
            token = cluster.kubectl(
                "create", "token", ACCOUNT, f"--namespace={NAMESPACE}", "--duration=2h"
            ).strip()
            ca = str(cluster.directory / "ca.crt")
            server = {"server": cluster.server, "certificate-authority": ca}
            context = {"cluster": name, "user": name}
            merged.setdefault("clusters", []).append({"name": name, "cluster": server})
            merged.setdefault("users", []).append({"name": name, "user": {"token": token}})
            merged.setdefault("contexts", []).append({"name": name, "context": context})
        return merged
