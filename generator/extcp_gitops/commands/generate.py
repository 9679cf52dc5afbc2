"""``extcp-gitops generate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from extcp_gitops.commands import options, progress
from extcp_gitops.commands.change import as_json, bring_in_line, tell
from extcp_gitops.errors import ExitCode
from extcp_gitops.generate import Options, pending
from extcp_gitops.inventory.load import find_root

if TYPE_CHECKING:
    from extcp_gitops.commands.context import Context


@click.command(
    epilog="""\b
Examples:
  extcp-gitops generate
  extcp-gitops generate --commit    # with the inventory that it follows from
  extcp-gitops generate --check     # in CI: exit 4 when something would change
"""
)
@click.option("--check", is_flag=True, help="Write nothing; exit 4 when something would change.")
@options.writes
@click.pass_obj
def generate(context: Context, *, check: bool, how: options.Writing) -> int:
    """Bring the repository in line with its inventory.

    Reads mesh.yaml and clusters/*/cluster.yaml and writes all that follows from them, all or
    nothing. A generated file that somebody edited is named, not overwritten.

    --commit takes along what these files follow from, as far as it is not committed yet: your
    changes to mesh.yaml, to cluster.yaml and in the directories custom/ and credential/.
    """
    if not check:
        bring_in_line(context, how)
        return ExitCode.OK
    found = pending(
        find_root(context.directory),
        Options(how.istioctl, how.force, context.say, progress.download()),
    )
    context.report(found.warnings)
    tell(context, found.changes, tense="would be: ")
    if how.output_format == "json":
        context.echo_json(as_json(found.changes))
    return ExitCode.CHANGES_PENDING if found.changes else ExitCode.OK
