"""What ``extcp-bot serve`` does: ``reconcile``, by whoever holds the Lease, until it is to end."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

from extcp_bot import interrupts, scratch
from extcp_bot.access import incluster
from extcp_bot.access.kubeconfig import of_context
from extcp_bot.commands.looking import raise_limit_of_files
from extcp_bot.proposals.limits import Meter
from extcp_bot.proposals.reconcile import reconcile, ways
from extcp_bot.result import clean
from extcp_bot.service.lease import Candidacy, Place
from extcp_bot.service.passes import Done
from extcp_bot.service.server import identity, serve
from extcp_bot.service.status import Status
from extcp_gitops.errors import ExitCode
from extcp_gitops.generate import Options
from extcp_gitops.inventory.load import find_root

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_bot.access.model import Access
    from extcp_bot.commands.options import Address
    from extcp_bot.passes import Plan
    from extcp_bot.proposals.outcome import Outcome
    from extcp_bot.rbac import Account
    from extcp_bot.service.checkout import Origin
    from extcp_bot.service.gate import Gate


@dataclass(frozen=True, slots=True)
class Serving:
    """How a person wants the bot to run.

    Attributes:
        plan: How to reach the clusters.
        istioctl: To render with; None to look for one.
        interval: Seconds from one pass to the next.
        origin: Where the repository is cloned from; None for the one on the disk.
        lease: Namespace and name of the Lease; None for a process that acts alone.
        lease_context: kubeconfig context of its cluster; None for that of this Pod.
        meter: Counts the writes of all passes.
    """

    plan: Plan
    istioctl: Path | None
    interval: float
    origin: Origin | None
    lease: Account | None
    lease_context: str | None
    meter: Meter = field(default_factory=Meter)

    def run(self, address: Address) -> int:
        """Run until the process is to end.

        Raises:
            ExtcpError: EXTCP-I010, there is no repository; EXTCP-B010, nobody can listen there.
        """
        if self.origin is None:
            find_root(self.plan.root)  # a wrong directory is found now, what is in it in each pass
        raise_limit_of_files()
        work = serve(self._one_pass, Status(self.interval), self._candidacy(), address, self._say)
        with suppress(KeyboardInterrupt):
            interrupts.run(work)
        return ExitCode.OK

    def _candidacy(self) -> Candidacy | None:
        if self.lease is None:
            return None
        place = Place(self.lease.namespace, self.lease.name, identity())
        return Candidacy(place, self._access)

    def _access(self) -> Access:
        if self.lease_context is None:
            return incluster.access()
        return of_context(self.lease_context, allow_exec=self.plan.choice.allow_exec)

    async def _one_pass(self, gate: Gate) -> Done:
        if self.origin is None:
            return await self._reconcile(self.plan, gate)
        async with scratch.directory() as top:
            root = top / "repository"
            await self.origin.clone(root)
            return await self._reconcile(replace(self.plan, root=root), gate)

    async def _reconcile(self, plan: Plan, gate: Gate) -> Done:
        options = Options(self.istioctl, say=self._say)
        through = replace(ways(os.environ), options=options)  # a token from a file is read anew
        return _done(
            await reconcile(plan, gate=gate, say=self._say, through=through, meter=self.meter)
        )

    def _say(self, line: str) -> None:
        click.echo(clean(line))


def _done(outcome: Outcome) -> Done:
    return Done(
        found=None if outcome.report is None else (outcome.report, outcome.inventory),
        open=outcome.open,
        candidates=outcome.candidates,
        troubles=tuple(outcome.troubles),
        wait=outcome.retry_after,
    )
