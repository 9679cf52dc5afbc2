"""``extcp-gitops generate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from extcp_gitops.commands import options, progress
from extcp_gitops.commands.change import change, tell
from extcp_gitops.errors import ExitCode
from extcp_gitops.generate import Options, pending
from extcp_gitops.inventory.load import find_root

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_gitops.commands.context import Context
    from extcp_gitops.write import Changes


@click.command(
    epilog="""\b
Examples:
  extcp-gitops generate
  extcp-gitops generate --check     # in CI: exit 4 when something would change
"""
)
@click.option("--check", is_flag=True, help="Write nothing; exit 4 when something would change.")
@options.writes
@options.output()
@click.pass_obj
def generate(
    context: Context,
    *,
    istioctl: Path | None,
    output_format: str,
    check: bool,
    commit: bool,
    force: bool,
) -> int:
    """Bring the repository in line with its inventory.

    Reads mesh.yaml and clusters/*/cluster.yaml and writes all that follows from them, all or
    nothing. A generated file that somebody edited is named, not overwritten.
    """
    if check:
        found = pending(
            find_root(context.directory), Options(istioctl, force, context.say, progress.download())
        )
        tell(context, found.changes, tense="would be: ")
    else:
        message = "Generate from the inventory"
        found = change(
            context,
            lambda _: {},
            message=message,
            istioctl=istioctl,
            force=force,
            commit=commit,
        )
    context.report(found.warnings)
    changes = found.changes
    if output_format == "json":
        context.echo_json(as_json(changes))
    return ExitCode.CHANGES_PENDING if check and changes else ExitCode.OK


def as_json(changes: Changes) -> dict[str, list[str]]:
    """The changes for ``--output json``."""
    return {
        "added": list(changes.added),
        "modified": list(changes.modified),
        "deleted": list(changes.deleted),
    }
