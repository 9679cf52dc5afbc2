"""What ``extcp-bot check`` does: look once, watch, or serve."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from extcp_bot import files, interrupts, passes
from extcp_bot.commands import options, showing
from extcp_bot.passes import Pass
from extcp_bot.report import json, render, summary
from extcp_bot.watch import Watch
from extcp_gitops import output
from extcp_gitops.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_bot.commands.options import Address
    from extcp_bot.passes import Plan
    from extcp_bot.result import Report
    from extcp_gitops.commands.context import Context


@dataclass(frozen=True, slots=True)
class Looking:
    """How a person wants the mesh to be looked at.

    Attributes:
        context: Of the command.
        plan: What to look at.
        form: Of the report.
        output_file: Where the report goes in place of standard output.
        interval: Seconds from one look to the next.
        verbose: With a line for each healthy cluster.
    """

    context: Context
    plan: Plan
    form: str
    output_file: Path | None
    interval: float
    verbose: bool

    def once(self) -> int:
        """Look, print the report, and give the exit code."""
        raise_limit_of_files()
        return interrupts.run(self._once())

    async def _once(self) -> int:
        one = await Pass.begin(self.plan)
        options.require_work(self.plan, len(one.work))
        interrupted = False
        progress = showing.Progress()
        try:
            await one.carry_out(progress)
        except asyncio.CancelledError:
            interrupted = True
        progress.clear()
        self._show(one)
        return ExitCode.INTERRUPTED if interrupted else one.report.exit_code

    def watch(self) -> int:
        """Look again and again, and give the exit code of the last look that was complete."""
        raise_limit_of_files()
        return interrupts.run(self._watch())

    async def _watch(self) -> int:
        last: Report | None = None
        progress, changes = showing.Progress(), Watch()

        def seen(one: Pass) -> None:
            nonlocal last
            last = one.report
            options.require_work(self.plan, len(one.work))
            progress.clear()
            self._show_again(one, changes)
            if not output.is_read():  # as in 'check --watch | grep -m1 healthy'
                raise asyncio.CancelledError

        with suppress(asyncio.CancelledError):
            await passes.repeat(
                self.plan, self.interval, seen, lambda e: self.context.report(e.findings), progress
            )
        progress.clear()
        return ExitCode.INTERRUPTED if last is None else last.exit_code

    def serve(self, address: Address) -> int:
        """Look again and again, and answer requests about it until the process is to end."""
        from extcp_bot.serve import serve  # noqa: PLC0415 - aiohttp's server, for this alone

        raise_limit_of_files()
        with suppress(KeyboardInterrupt):
            interrupts.run(serve(self.plan, self.interval, *address, click.echo))
        return ExitCode.OK

    def _show(self, one: Pass) -> None:
        if self.output_file is not None:
            files.replace(self.output_file, self._rendered(one).encode())
            headline = f"{one.report.mesh_id}: {summary.headline(one.report)}"
            self.context.say(f"{headline}; see {self.output_file}")
        elif self.form == "text":
            showing.echo(showing.as_text(one, verbose=self.verbose))
        else:
            showing.echo(self._rendered(one))

    def _show_again(self, one: Pass, changes: Watch) -> None:
        """All of it on a terminal, a line for each pass as JSON, else what has changed."""
        if self.output_file is not None:
            self._show(one)
        elif self.form == "json":
            showing.echo(json.render(one.report, one.inventory, indent=None))
        elif showing.is_terminal():
            hint = f"\nNext look in {self.interval:g} s at the latest; Ctrl-C ends this.\n"
            showing.echo(showing.CLEAR + showing.as_text(one, verbose=self.verbose) + hint)
        else:
            showing.echo("".join(f"{line}\n" for line in changes.changes(one.report)))

    def _rendered(self, one: Pass) -> str:
        return render(self.form, one.report, one.inventory)


def raise_limit_of_files() -> None:
    """As many open files as the system lets this process have: each connection is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
