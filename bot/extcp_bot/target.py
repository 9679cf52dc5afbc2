"""What a check is given: a cluster, its control plane, and the way to all clusters of the mesh."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from extcp_bot import dns
from extcp_bot.kube.client import Client
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.kube.transport import Limits, Lookup
from extcp_bot.once import Once

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from extcp_bot.access.model import Access
    from extcp_bot.access.plugin import Plugins
    from extcp_gitops.inventory.model import Cluster, ControlPlane, Inventory


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may choose for the checks; ``bot.yaml`` and flags.

    Attributes:
        probe_namespace: Where Pods are created for a dry run; empty for an injected namespace of
            each cluster.
        expiry: Share of a credential's life that is left when its end becomes a warning.
        certificate_days: Days before the end of a certificate at which it becomes a warning.
        minimum_replicas: Fewer ready replicas of istiod or of its gateway are a warning.
    """

    probe_namespace: str = ""
    expiry: float = 0.2
    certificate_days: int = 14
    minimum_replicas: int = 1


@dataclass
class Fleet:
    """All clusters of the mesh, as they can be reached in this run.

    Attributes:
        inventory: What should be.
        root: The repository, for what else is in it.
        access: How each cluster is reached, by name, or why it is not.
        argocd: How the API server that holds Argo CD's objects is reached, or why it is not.
        contexts: kubeconfig context by cluster, for the commands of remedies.
        argocd_context: That of the API server that holds Argo CD's objects; empty where it is that
            of the external cluster.
        settings: For the checks.
        limits: For each API server.
        now: The time; tests set it.
        connect_to: Where an address of a control plane leads in place of what DNS says, as with
            curl's option of that name: host and port to host and port.
        lookup: The IP addresses of a host; tests set it.
        plugins: Runs the programs that kubeconfigs and cluster Secrets name for a credential; None
            refuses to.
        keeps_reads: Whether what was read of a cluster stays when its checks are done, for whoever
            wants to see it; of a thousand clusters that is more than a hundred megabytes.
        before_write: Called before each request that changes something; may raise, and then none
            is made.
        once: What several checks want done once, other than reads of API servers.
    """

    inventory: Inventory
    root: Path
    access: Mapping[str, Access | CannotLookError]
    argocd: Access | CannotLookError
    contexts: Mapping[str, str] = field(default_factory=dict)
    argocd_context: str = ""
    settings: Settings = field(default_factory=Settings)
    limits: Limits = field(default_factory=Limits)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    connect_to: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    lookup: Lookup = dns.lookup
    plugins: Plugins | None = None
    keeps_reads: bool = False
    before_write: Callable[[], None] = field(default=lambda: None, repr=False)
    once: Once = field(default_factory=Once, init=False, repr=False)
    _clients: dict[str, Client] = field(default_factory=dict, init=False, repr=False)

    def api(self, cluster: str) -> Client:
        """The API server of a cluster.

        Raises:
            CannotLookError: Nobody said how to reach it.
        """
        return self._client(cluster, self.access.get(cluster) or _nobody_said(cluster))

    @property
    def argocd_api(self) -> Client:
        """The API server that holds Argo CD's objects; raises as :meth:`api`."""
        return self._client(self._argocd_name, self.argocd)

    def client(self, access: Access) -> Client:
        """A client of its own for another way to a server; whoever asks closes it."""
        return Client(access, self.limits, self.lookup)

    def targets(self) -> list[Target]:
        """The external cluster with each control plane, then each remote cluster with its own."""
        external, inventory = self.inventory.external, self.inventory
        planes = [Target(self, external, plane) for plane in inventory.mesh.control_planes]
        remotes = (Target(self, c, inventory.control_plane_of(c)) for c in inventory.remotes)
        return [*planes, *remotes]

    @property
    def hubs(self) -> Collection[str]:
        """The clusters that are read for the sake of others: the external one, config clusters."""
        mesh = self.inventory.mesh
        return {mesh.external_cluster, *(plane.config_cluster for plane in mesh.control_planes)}

    async def close(self) -> None:
        """End what is under way, and give all connections back."""
        await self.once.close()
        await asyncio.gather(*(client.close() for client in self._clients.values()))

    @cached_property
    def _argocd_name(self) -> str:
        """The name of the cluster that holds Argo CD's objects; empty where it is none of ours."""
        same = (name for name, access in self.access.items() if access == self.argocd)
        return next(same, "")

    def _client(self, name: str, access: Access | CannotLookError) -> Client:
        if isinstance(access, CannotLookError):
            raise access
        if name not in self._clients:
            self._clients[name] = self.client(access)
        return self._clients[name]


@dataclass(frozen=True)
class Target:
    """One cluster in one control plane; for the external cluster there is one for each.

    Attributes:
        fleet: All of the mesh.
        cluster: Whose results these are.
        plane: The control plane that it belongs to.
    """

    fleet: Fleet = field(repr=False)  # or each of a thousand targets would write out all clusters
    cluster: Cluster
    plane: ControlPlane

    @property
    def api(self) -> Client:
        """The API server of this cluster."""
        return self.fleet.api(self.cluster.name)

    @property
    def external(self) -> Client:
        """The API server of the external cluster."""
        return self.fleet.api(self.fleet.inventory.external.name)

    @property
    def config(self) -> Client:
        """The API server of the control plane's config cluster."""
        return self.fleet.api(self.plane.config_cluster)

    @property
    def is_external(self) -> bool:
        """Whether this is the external cluster."""
        return self.cluster is self.fleet.inventory.external

    @property
    def is_config(self) -> bool:
        """Whether this is the config cluster of its control plane."""
        return self.cluster.name == self.plane.config_cluster

    @cached_property
    def words(self) -> Mapping[str, str]:
        """What remedies and commands may name; contexts where a cluster is meant."""
        names, contexts = self.fleet.inventory, self.fleet.contexts
        external, config = names.external.name, self.plane.config_cluster
        return {
            "cluster": self.cluster.name,
            "directory": self.cluster.directory,
            "external_directory": names.external.directory,
            "context": contexts.get(self.cluster.name, self.cluster.name),
            "external": contexts.get(external, external),
            "argocd": self.fleet.argocd_context or contexts.get(external, external),
            "config": contexts.get(config, config),
            "config_cluster": config,
            "namespace": self.plane.namespace,
            "plane": self.plane.name,
            "network": self.cluster.network or "",
            "address": self.plane.address,
        }


def _nobody_said(cluster: str) -> CannotLookError:
    return CannotLookError(
        f"nobody said how to reach {cluster}",
        f"name its kubeconfig context: --context {cluster}=CONTEXT, or in bot.yaml",
        cluster,
    )
