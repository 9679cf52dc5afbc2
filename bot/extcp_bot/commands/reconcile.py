"""``extcp-bot reconcile``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from extcp_bot.commands import options
from extcp_gitops.commands.options import istioctl as with_istioctl
from extcp_gitops.commands.options import output

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_bot.passes import Plan
    from extcp_gitops.commands.context import Context


@click.command(
    epilog="""\b
Examples:
  extcp-bot reconcile --dry-run
  extcp-bot reconcile --from-argocd --in-cluster
"""
)
@options.reaches_all
@with_istioctl
@click.option("--dry-run", is_flag=True, help="Print all that would be written, and write nothing.")
@output()
def reconcile(
    context: Context, *, plan: Plan, istioctl: Path | None, dry_run: bool, output_format: str
) -> int:
    """Look once, and bring pull requests and what was merged to where they should be.

    A cluster that Argo CD knows with the label extcp-gitops.io/mesh is a candidate. Once it and the
    mesh are healthy in enough passes, a pull request opens, with the proof in it. What was merged
    is followed until it is proven, its remote secret is delivered in its turn, and the dashboard
    issue says how all of it stands. What is as it should be is not written again.

    The forge's token is in EXTCP_FORGE_TOKEN, or in the file that EXTCP_FORGE_TOKEN_FILE names; for
    a GitHub App, set EXTCP_GITHUB_APP_ID, EXTCP_GITHUB_APP_KEY_FILE and
    EXTCP_GITHUB_INSTALLATION_ID instead. A dry run does not try the way from a candidate to the
    control plane (EXTCP-P07), because that makes an object there for a moment.

    The exit code is 0 where there was nothing to do or it is done, 4 where --dry-run found
    something to write, 5 where something could not be told or done.
    """
    from extcp_bot.commands.acting import Acting  # noqa: PLC0415 - not for --help

    outcome = Acting(context, plan, istioctl, dry_run, output_format).carry_out()
    return outcome.exit_code
