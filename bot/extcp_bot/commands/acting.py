"""What ``extcp-bot reconcile`` and ``extcp-bot propose`` do: one pass, and what came of it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import click

from extcp_bot import interrupts
from extcp_bot.commands.looking import raise_limit_of_files
from extcp_bot.forge.model import ForgeError
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.proposals.case import Standing
from extcp_bot.proposals.reconcile import reconcile, ways
from extcp_bot.result import clean
from extcp_gitops.commands import progress
from extcp_gitops.errors import CouldNotTellError, ExitCode, Finding
from extcp_gitops.generate import Options

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_bot.passes import Plan
    from extcp_bot.proposals.asked import Asked
    from extcp_bot.proposals.dashboard import Row
    from extcp_bot.proposals.outcome import Outcome
    from extcp_gitops.commands.context import Context

_REFUSED: Final = frozenset(
    {Standing.UNHEALTHY, Standing.DECLINED, Standing.NEEDS_HUMAN, Standing.QUEUED}
)


@dataclass(frozen=True, slots=True)
class Acting:
    """One pass, as a person wants it.

    Attributes:
        context: Of the command.
        plan: How to look.
        istioctl: To render with; None to look for one.
        dry_run: Write nothing.
        output_format: ``text`` or ``json``.
        asked: What is proposed by hand; None for all that is to be done.
    """

    context: Context
    plan: Plan
    istioctl: Path | None
    dry_run: bool
    output_format: str
    asked: Asked | None = None

    def carry_out(self) -> Outcome:
        """The pass, and its outcome printed.

        Raises:
            ExtcpError: The repository is not in order, or what is asked for is not possible.
            CouldNotTellError: EXTCP-B044, the forge or a cluster cannot be asked.
        """
        raise_limit_of_files()
        options = Options(self.istioctl, say=self.context.say, progress=progress.download())
        through = replace(ways(os.environ), options=options)
        try:
            outcome = interrupts.run(
                reconcile(
                    self.plan,
                    dry_run=self.dry_run,
                    asked=self.asked,
                    say=self.context.say,
                    through=through,
                )
            )
        except (ForgeError, CannotLookError) as error:
            finding = Finding("EXTCP-B044", clean(error.why), clean(error.remedy))
            raise CouldNotTellError(finding) from None
        self._show(outcome)
        return outcome

    def _show(self, outcome: Outcome) -> None:
        if self.output_format == "json":
            self.context.echo_json(outcome.as_json())
            return
        if self.dry_run:
            for write in outcome.writes:
                click.echo(f"would {write}")
        for row in outcome.rows:
            click.echo(_line(row))
        for warning in outcome.warnings:
            self.context.say(f"warning: {warning}")
        for trouble in outcome.troubles:
            self.context.say(f"could not be done: {trouble}")
        if not outcome.rows and not outcome.writes:
            click.echo("nothing to do")


def _line(row: Row) -> str:
    number = f" #{row.number}" if row.number else ""
    why = f": {row.why}" if row.why else ""
    return f"{clean(row.name)} ({row.kind}): {row.standing}{number}{why}"


def exit_code(outcome: Outcome) -> ExitCode:
    """Of a pass that a person asked for: 1 where something is in the way of it."""
    if any(row.standing in _REFUSED for row in outcome.rows):
        return ExitCode.FINDINGS
    return outcome.exit_code
