"""Which way leads to each cluster of a repository: flags, then ``bot.yaml``, then what is usual.

For each cluster, the first of: the context that a person named for it; where the source is Argo CD,
its cluster Secret; a kubeconfig context of the cluster's own name. A cluster that nothing leads to
costs itself and nobody else.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from extcp_bot import threads
from extcp_bot.access import argocd, incluster, settings
from extcp_bot.access.kubeconfig import Contexts
from extcp_bot.access.settings import Source
from extcp_bot.kube.client import Client
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.kube.transport import Limits
from extcp_bot.target import Fleet
from extcp_gitops.inventory.author import unknown_cluster
from extcp_gitops.inventory.load import find_root, load_directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extcp_bot.access.argocd import Registry
    from extcp_bot.access.model import Access
    from extcp_bot.access.plugin import Plugins
    from extcp_bot.access.settings import BotFile
    from extcp_gitops.inventory.model import Cluster, Inventory

    Way = Access | CannotLookError


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose by flags; what they leave open, ``bot.yaml`` decides.

    Attributes:
        contexts: kubeconfig context by cluster; added to those of ``bot.yaml``, or in their place.
        argocd_context: kubeconfig context of the API server that holds Argo CD's objects.
        from_argocd: Reach clusters by Argo CD's cluster Secrets.
        in_cluster: Argo CD's API server is the one of the cluster that the bot runs in.
        allow_exec: Let kubeconfigs and cluster Secrets run programs to get a credential.
        limits: What each API server may cost.
    """

    contexts: Mapping[str, str] = field(default_factory=dict)
    argocd_context: str | None = None
    from_argocd: bool = False
    in_cluster: bool = False
    allow_exec: bool = False
    limits: Limits = field(default_factory=Limits)


async def fleet(root: Path, choice: Choice) -> Fleet:
    """The mesh of a repository, and the way to each of its clusters.

    Credentials are read now and live as long as the fleet does; a run that goes on for longer
    than a token lives makes a new one from time to time.

    Args:
        root: The repository, or a directory in it.
        choice: From flags.

    Raises:
        ExtcpError: The inventory or ``bot.yaml`` is wrong, or a flag names a cluster that the
            mesh does not have (EXTCP-I015).
    """
    directory = find_root(root)
    inventory = load_directory(directory).inventory
    for name in choice.contexts:
        if name not in inventory.by_name:
            raise unknown_cluster(inventory, name)
    chosen = _combined(settings.read(directory, inventory), choice)
    return await _Resolver(directory, inventory, chosen, choice).fleet()


def _combined(file: BotFile, choice: Choice) -> BotFile:
    """What holds: a flag where there is one, else the file."""
    names_argocd = choice.in_cluster or choice.argocd_context is not None
    return replace(
        file,
        contexts={**file.contexts, **choice.contexts},
        source=Source.ARGOCD if choice.from_argocd else file.source,
        argocd_context=choice.argocd_context if names_argocd else file.argocd_context,
        in_cluster=choice.in_cluster if names_argocd else file.in_cluster,
    )


class _Resolver:
    """Finds the way to each cluster; what is in the way of one is its value."""

    def __init__(self, root: Path, inventory: Inventory, chosen: BotFile, choice: Choice) -> None:
        self._root = root
        self._inventory = inventory
        self._chosen = chosen
        self._limits = choice.limits
        self._plugins: Plugins | None = None
        if choice.allow_exec:
            from extcp_bot.access.plugin import Plugins  # noqa: PLC0415 - seldom wanted

            self._plugins = Plugins()
        self._kubeconfig = _kubeconfig(self._plugins)

    async def fleet(self) -> Fleet:
        """All of it; :func:`fleet` says more."""
        home = await threads.run(self._argocd)
        registry = None
        if home is not None and self._chosen.source is Source.ARGOCD:
            registry = await self._registry(home)
        clusters = self._inventory.clusters
        # In threads, because a plugin may take its time.
        ways = await asyncio.gather(
            *(threads.run(self._access, cluster, registry) for cluster in clusters)
        )
        access = {cluster.name: way for cluster, way in zip(clusters, ways, strict=True)}
        return Fleet(
            self._inventory,
            self._root,
            access,
            home or access[self._inventory.external.name],
            contexts={c.name: context for c in clusters if (context := self._context(c))},
            argocd_context=self._chosen.argocd_context or "",
            settings=self._chosen.settings,
            limits=self._limits,
            plugins=self._plugins,
        )

    def _argocd(self) -> Way | None:
        """The way to Argo CD's API server; None for that of the external cluster, still to come."""
        external = self._inventory.external
        try:
            if self._chosen.in_cluster:
                return incluster.access()
            if self._chosen.argocd_context is not None:
                return self._of_context(self._chosen.argocd_context)
            if self._chosen.source is not Source.ARGOCD:
                return None
            if context := self._context(external):
                return self._of_context(context)
        except CannotLookError as error:
            return error
        return CannotLookError(
            "nobody said how to reach Argo CD, which is to tell how the clusters are reached",
            "name the context of its API server: --argocd-context, or argocd in bot.yaml",
            "Argo CD's API server",
        )

    async def _registry(self, home: Way) -> Registry | CannotLookError:
        """What Argo CD knows of clusters, or why it cannot be asked."""
        if isinstance(home, CannotLookError):
            return home
        namespace = self._inventory.mesh.argocd_namespace
        try:
            async with Client(home, self._limits) as api:
                return await argocd.read(api, namespace, home, self._plugins)
        except CannotLookError as error:
            return error

    def _access(self, cluster: Cluster, registry: Registry | CannotLookError | None) -> Way:
        try:
            if registry is not None and cluster.name not in self._chosen.contexts:
                return self._registered(cluster, registry)
            context = self._context(cluster)
            return self._of_context(context) if context else _nobody_said(cluster)
        except CannotLookError as error:
            return error

    def _registered(self, cluster: Cluster, registry: Registry | CannotLookError) -> Access:
        try:
            if isinstance(registry, CannotLookError):
                raise registry
            return registry.access(cluster.destination)
        except CannotLookError:
            if context := self._context(cluster):
                return self._of_context(context)
            raise

    def _context(self, cluster: Cluster) -> str | None:
        """The context that a person named for a cluster, or that has its name."""
        named = self._chosen.contexts.get(cluster.name)
        if named is None and not isinstance(self._kubeconfig, CannotLookError):
            named = cluster.name if cluster.name in self._kubeconfig else None
        return named

    def _of_context(self, context: str) -> Access:
        if isinstance(self._kubeconfig, CannotLookError):
            raise self._kubeconfig
        return self._kubeconfig.access(context)


def _kubeconfig(plugins: Plugins | None) -> Contexts | CannotLookError:
    try:
        return Contexts.read(plugins)
    except CannotLookError as error:
        return error


def _nobody_said(cluster: Cluster) -> CannotLookError:
    return CannotLookError(
        f"nobody said how to reach {cluster.name}: the kubeconfig has no context of that name",
        f"name the context: --context {cluster.name}=CONTEXT, or contexts in bot.yaml",
        cluster.name,
    )
