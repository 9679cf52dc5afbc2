"""``extcp-bot`` as an operator runs it: with what ``extcp-bot rbac`` grants, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from . import workloads
from .processes import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .kubernetes import Cluster
    from .standard import Mesh

Result = dict[str, Any]

NAMESPACE = ACCOUNT = "extcp-bot"
PROBE = "extcp-probe"
SECONDS = 120
SETTINGS = f"""\
apiVersion: extcp-gitops.io/v1alpha1
kind: Bot
checks:
  probeNamespace: {PROBE}
"""
# What the bot exits with: all is well, something is wrong, something is unknown.
EXITS = (0, 1, 5)


class Bot:
    """The bot's accounts in the clusters of a mesh, and its command.

    Attributes:
        kubeconfig: A context for each cluster, called as the cluster, with the bot's own token.
        environment: What its commands run with besides.
    """

    def __init__(self, mesh: Mesh, clusters: Sequence[Cluster]) -> None:
        self._mesh = mesh
        self._clusters = list(clusters)
        self.kubeconfig = mesh.testbed.base / "bot.kubeconfig"
        self.environment: dict[str, str] = {}

    def install(self) -> None:
        """Make an account in each cluster, with what ``rbac`` says that it needs.

        ``bot.yaml`` names the one namespace in which it may ask for a Pod.
        """
        self._mesh.repository.write("bot.yaml", SETTINGS)
        self._mesh.repository.commit("Say where the bot may ask for a Pod")
        for cluster in self._clusters:
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
            cluster.apply(space)
            if cluster.name == self._mesh.external.name:
                self.grant(cluster, "--side=argocd")
            else:
                workloads.create_namespace(cluster, PROBE)
            self.grant(cluster, f"--cluster={cluster.name}")
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(yaml.safe_dump(self._contexts()))

    def check(self, *options: str) -> list[Result]:
        """The results of ``extcp-bot check``."""
        said: dict[str, Any] = json.loads(self.run("check", "--output=json", *options))
        results: list[Result] = said["results"]
        return results

    def run(self, *arguments: str, ok: Sequence[int] = EXITS, seconds: float = SECONDS) -> str:
        """What a command of the bot prints, with nothing but the bot's own rights."""
        usual, own = self._mesh.repository.environment, {"KUBECONFIG": str(self.kubeconfig)}
        return run(
            ["extcp-bot", *arguments],
            cwd=self._mesh.repository.directory,
            env={**usual, **own, **self.environment},
            seconds=seconds,
            ok=ok,
        ).stdout

    def grant(self, cluster: Cluster, *whose: str) -> None:
        """Apply the roles that the bot prints."""
        printed = self.run("rbac", *whose, f"--service-account={NAMESPACE}/{ACCOUNT}", ok=(0,))
        cluster.apply(*(item for item in yaml.safe_load_all(printed) if item))

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
