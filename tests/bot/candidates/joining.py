"""A healthy mesh, and beside it a cluster that could join; a test spoils one thing and looks."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extcp_bot import run
from extcp_bot.candidates import model
from extcp_bot.candidates.checks import all_preflight_checks
from extcp_bot.candidates.model import Candidate
from extcp_bot.candidates.preflight import preflight
from extcp_bot.run import Pace
from extcp_gitops.inventory.author import NewCluster
from extcp_gitops.inventory.model import Gateways
from tests.bot.apiserver import ApiServer
from tests.bot.candidates.clusters import NAME
from tests.bot.healthy import healthy
from tests.bot.simulation import candidate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.result import Report, Result
    from tests.bot.fleets import World
    from tests.bot.simulation.candidate import Joining
    from tests.bot.simulation.generated import Generated

PACE = Pace(check=15.0)


@dataclass
class Preflight:
    """A mesh and a candidate.

    Attributes:
        mesh: As it is.
        joining: The candidate's cluster.
        candidate: To be changed by :meth:`propose`.
    """

    mesh: World
    joining: Joining
    candidate: Candidate

    @property
    def server(self) -> ApiServer:
        """The candidate's API server."""
        return self.joining.server

    def propose(self, **fields: object) -> None:
        """Propose the cluster otherwise; the fields of ``NewCluster``."""
        new = replace(self.candidate.cluster, **fields)  # type: ignore[arg-type]
        self.candidate = replace(self.candidate, cluster=new)

    def report(self, *, may_probe: bool = True) -> Report:
        """All preflight checks."""
        looking = preflight(self.mesh.fleet, self.candidate, Pace(check=15.0), may_probe=may_probe)
        return asyncio.run(looking)

    def look(self, code: str, *, probes: bool = True) -> list[Result]:
        """What one of the checks says, the most severe first."""
        target = model.target(self.mesh.fleet, self.candidate, probes=probes)
        job = run.Job(all_preflight_checks()[code], target)
        return asyncio.run(run.run(target.fleet, [job], PACE)).sorted()

    def problems(self, code: str) -> list[str]:
        """The names of the problems that a check finds; ``unknown`` for what it could not see."""
        return [
            each.problem or each.state.value for each in self.look(code) if each.state != "healthy"
        ]


@contextlib.contextmanager
def beside(repository: Generated) -> Iterator[Preflight]:
    """The mesh of a repository, with a candidate that nothing keeps from joining."""
    with ExitStack() as stack:
        mesh = stack.enter_context(healthy(repository))
        server = stack.enter_context(ApiServer())
        joining = candidate.install(server)
        access = replace(
            server.access, server=f"https://{NAME}.clusters.test:{server.port}", origin="Secret x"
        )
        (plane,) = mesh.fleet.inventory.mesh.control_planes
        new = NewCluster(NAME, "network2", gateways=Gateways(east_west=True))
        proposed = Candidate(new, plane.name, access, by_hand=False, argocd=access)
        yield Preflight(mesh, joining, proposed)
