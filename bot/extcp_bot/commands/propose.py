"""``extcp-bot propose``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from extcp_bot.commands import options
from extcp_gitops.commands.options import gateways as with_gateways
from extcp_gitops.commands.options import istioctl as with_istioctl
from extcp_gitops.commands.options import output

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_bot.passes import Plan
    from extcp_bot.proposals.asked import Asked
    from extcp_gitops.commands.context import Context


@click.command(
    epilog="""\b
Examples:
  extcp-bot propose payments-eu --network eu --east-west
  extcp-bot propose payments-eu --context payments-eu=admin@payments --dry-run
  extcp-bot propose --remove payments-us
  extcp-bot propose --pin-root external-istiod
"""
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--network", help="Istio network.  [default: as labelled, else network1]")
@click.option(
    "--server", help="URL by which Argo CD knows the cluster, where it does not know it by NAME."
)
@click.option(
    "--control-plane", help="Control plane that is to serve the cluster, where there are several."
)
@with_gateways
@click.option(
    "--remove", metavar="NAME", multiple=True, help="Propose that this cluster leaves the mesh."
)
@click.option(
    "--pin-root",
    metavar="CONTROL-PLANE",
    multiple=True,
    help="Propose to pin the root that this control plane publishes, also where another one is "
    "pinned.",
)
@click.option(
    "--pause",
    type=click.FloatRange(0, 3600),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait between two looks at the clusters.",
)
@options.reaches_all
@with_istioctl
@click.option("--dry-run", is_flag=True, help="Print all that would be written, and write nothing.")
@output()
def propose(
    context: Context,
    *,
    plan: Plan,
    istioctl: Path | None,
    dry_run: bool,
    output_format: str,
    **asked: Any,  # noqa: ANN401 - options of its own
) -> int:
    """Open a pull request for each cluster NAME that is to join, or for what else is asked for.

    As 'extcp-bot reconcile' does by itself for clusters with the label extcp-gitops.io/mesh, and
    with the same proof: only where the cluster and the mesh are seen to be healthy, as often in a
    row as bot.yaml says. A pull request that was closed is opened anew. What leaves has to be
    drained first; the evidence for that is in the pull request.

    The forge's token is in EXTCP_FORGE_TOKEN, or in the file that EXTCP_FORGE_TOKEN_FILE names; for
    a GitHub App, set EXTCP_GITHUB_APP_ID, EXTCP_GITHUB_APP_KEY_FILE and
    EXTCP_GITHUB_INSTALLATION_ID instead.

    The exit code is 0 where the pull requests are open, 1 where something is in the way, 4 where
    --dry-run found something to write, 5 where something could not be told.
    """
    from extcp_bot.commands.acting import Acting, exit_code  # noqa: PLC0415 - not for --help

    wanted, chosen = _asked(plan, **asked)
    outcome = Acting(context, chosen, istioctl, dry_run, output_format, wanted).carry_out()
    return exit_code(outcome)


def _asked(  # noqa: PLR0917 - by name alone
    plan: Plan,
    names: tuple[str, ...],
    network: str | None,
    server: str | None,
    control_plane: str | None,
    ingress: bool,
    egress: bool,
    east_west: bool,
    remove: tuple[str, ...],
    pin_root: tuple[str, ...],
    pause: float,
) -> tuple[Asked, Plan]:
    """What is proposed, and the plan without the contexts of clusters that are no members yet.

    Raises:
        click.UsageError: Nothing is asked for, or too much.
    """
    from extcp_bot.proposals.asked import Asked, NewMember  # noqa: PLC0415 - not for --help
    from extcp_gitops.inventory.model import Gateways  # noqa: PLC0415

    if not (names or remove or pin_root):
        raise click.UsageError("Name a cluster, or give --remove or --pin-root.")
    if server is not None and len(names) != 1:
        raise click.UsageError("--server is for one cluster.")
    wanted = Gateways(ingress=ingress, egress=egress, east_west=east_west)
    gateways = wanted if wanted != Gateways() else None
    contexts = plan.choice.contexts
    add = tuple(
        NewMember(name, network, control_plane, gateways, server, contexts.get(name))
        for name in dict.fromkeys(names)
    )
    rest = {name: context for name, context in contexts.items() if name not in names}
    chosen = replace(plan, choice=replace(plan.choice, contexts=rest))
    return Asked(add, remove, pin_root, pause), chosen
