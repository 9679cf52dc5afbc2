"""``extcp-bot serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from extcp_bot.commands import options
from extcp_bot.commands.check import Listen
from extcp_bot.commands.rbac import ServiceAccount
from extcp_gitops.commands.options import istioctl as with_istioctl
from extcp_gitops.inventory.model import Forge

if TYPE_CHECKING:
    from extcp_bot.commands.options import Address
    from extcp_bot.passes import Plan
    from extcp_bot.rbac import Account
    from extcp_gitops.commands.context import Context


class Lease(ServiceAccount):
    """``NAMESPACE/NAME`` of a Lease."""

    name = "lease"


@click.command(
    epilog="""\b
Examples:
  extcp-bot -C mesh serve
  extcp-bot serve --listen 0.0.0.0:8080 --lease extcp-bot/extcp-bot --from-argocd --in-cluster \\
      --repository https://git.example.com/platform/mesh.git --forge gitea
"""
)
@options.reaches_all
@with_istioctl
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 86_400),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="From the beginning of one pass to that of the next.",
)
@click.option(
    "--listen",
    metavar="[HOST]:PORT",
    type=Listen(),
    default=":8080",
    show_default=True,
    help="Answer /healthz, /readyz, /metrics, /report and /report.json there. Without HOST, on the "
    "loopback interface alone.",
)
@click.option(
    "--lease",
    type=Lease(),
    help="Act only while this process holds this Lease in the cluster that it runs in; it is made "
    "where there is none.",
)
@click.option(
    "--lease-context",
    metavar="CONTEXT",
    help="kubeconfig context of the cluster with the Lease, where it is not that of this Pod.",
)
@click.option(
    "--repository",
    metavar="URL",
    help="Clone the repository from there for each pass, instead of using one on the disk.",
)
@click.option("--branch", default="main", show_default=True, help="With --repository: the branch.")
@click.option(
    "--forge",
    type=click.Choice([each.value for each in Forge if each is not Forge.NONE]),
    help="With --repository: the kind of its forge.",
)
@click.option(
    "--forge-api",
    metavar="URL",
    help="With --repository: base URL of the forge's API, where it is not where the repository is. "
    "What is proposed goes by apiUrl in bot.yaml.",
)
@click.option(
    "--forge-ca",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="With --repository: roots of the forge's certificate, in PEM; where there is no such "
    "file, those of the machine. What is proposed goes by rootsFile in bot.yaml.",
)
def serve(
    _: Context,
    *,
    plan: Plan,
    istioctl: Path | None,
    interval: float,
    listen: Address,
    lease: Account | None,
    lease_context: str | None,
    repository: str | None,
    branch: str,
    forge: str | None,
    forge_api: str | None,
    forge_ca: Path | None,
) -> int:
    """Reconcile again and again: prove the mesh, propose what follows, see it through.

    Each pass does what 'extcp-bot reconcile' does. With --lease any number of replicas may run: one
    acts, the others stand by, and the next one takes over within a minute, or at once where the
    first one ends in order. A replica that loses the Lease writes no more.

    The forge's token is in EXTCP_FORGE_TOKEN, or in the file that EXTCP_FORGE_TOKEN_FILE names; for
    a GitHub App, set EXTCP_GITHUB_APP_ID, EXTCP_GITHUB_APP_KEY_FILE and
    EXTCP_GITHUB_INSTALLATION_ID instead. Ctrl-C and SIGTERM end it in order, after the write that
    is under way.
    """
    from extcp_bot.commands.serving import Serving  # noqa: PLC0415 - not for --help
    from extcp_bot.service.checkout import Origin  # noqa: PLC0415

    if lease_context is not None and lease is None:
        raise click.UsageError("--lease-context is for --lease.")
    if (repository is None) != (forge is None):
        raise click.UsageError("--repository and --forge go together.")
    for name, value in (("--forge-api", forge_api), ("--forge-ca", forge_ca)):
        if value is not None and repository is None:
            raise click.UsageError(f"{name} is for --repository.")
    origin = None
    if repository and forge:
        origin = Origin(repository, branch, Forge(forge), forge_api, forge_ca)
    return Serving(plan, istioctl, interval, origin, lease, lease_context).run(listen)
