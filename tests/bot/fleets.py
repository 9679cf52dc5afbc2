"""A small mesh whose clusters are simulated API servers, and checks run on it alone."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from extcp_bot import run
from extcp_bot.checks import all_checks
from extcp_bot.kube.transport import Limits
from extcp_bot.target import Fleet, Settings
from extcp_gitops.inventory.load import load
from tests import meshes
from tests.bot.apiserver import ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extcp_bot.access.model import Access
    from extcp_bot.kube.failure import CannotLookError
    from extcp_bot.result import Report, Result

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EXTERNAL, CONFIG, SECOND = "external-cluster", "remote-cluster-1", "remote-cluster-2"
PLANE, ADDRESS = "external-istiod", "istiod.example.com"
QUICK = Limits(connect=1.0, request=1.0, pause=0.05)


@dataclass
class World:
    """Three clusters and the fleet that leads to them.

    Attributes:
        servers: By the cluster's name; Argo CD's objects are in the external one.
        fleet: To be handed to a run; made anew by :meth:`check`, so that nothing is remembered.
    """

    servers: Mapping[str, ApiServer]
    fleet: Fleet

    @property
    def external(self) -> ApiServer:
        """The external cluster's."""
        return self.servers[EXTERNAL]

    @property
    def config(self) -> ApiServer:
        """The config cluster's."""
        return self.servers[CONFIG]

    @property
    def second(self) -> ApiServer:
        """That of the second remote cluster."""
        return self.servers[SECOND]

    def reach(self, cluster: str, access: Access | CannotLookError) -> None:
        """Reach a cluster another way from now on."""
        self.fleet.access = {**self.fleet.access, cluster: access}

    def check(self, code: str, cluster: str = "", *, seconds: float = 5.0) -> list[Result]:
        """Run one check on all clusters, or on one, and give back what it said.

        Args:
            code: Such as ``EXTCP-H05``.
            cluster: Its name; empty for all.
            seconds: The check's time limit.
        """
        return self.check_all(code, cluster=cluster, seconds=seconds).results

    def check_all(self, *codes: str, cluster: str = "", seconds: float = 5.0) -> Report:
        """Run several checks, or all where none is named, as ``extcp-bot check`` does."""
        known = all_checks()
        fleet = replace(self.fleet)
        work = run.jobs(
            fleet, [known[code] for code in codes or known], [cluster] if cluster else []
        )
        return asyncio.run(run.run(fleet, work, run.Pace(check=seconds)))


@contextlib.contextmanager
def world(
    changes: Mapping[str, str | None] | None = None, settings: Settings | None = None
) -> Iterator[World]:
    """A mesh of :func:`tests.meshes.mesh` whose API servers hold nothing yet."""
    loaded = load(meshes.mesh(changes))
    inventory = loaded.inventory
    with ExitStack() as stack:
        servers = {c.name: stack.enter_context(ApiServer()) for c in inventory.clusters}
        access = {name: server.access for name, server in servers.items()}
        fleet = Fleet(
            inventory,
            Path(),
            access,
            access[inventory.external.name],
            settings=settings or Settings(),
            limits=QUICK,
            now=lambda: NOW,
        )
        yield World(servers, fleet)
