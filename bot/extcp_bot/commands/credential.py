"""``extcp-bot credential``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from extcp_bot.commands import options
from extcp_gitops.commands.options import output, writes

if TYPE_CHECKING:
    from extcp_bot.passes import Plan
    from extcp_gitops.commands.context import Context
    from extcp_gitops.commands.options import Writing

_force = click.option(
    "--force-release",
    "forced",
    metavar="VERSION",
    multiple=True,
    help="Go on although this release of istiod, such as 1.29.1, is known to take another "
    "credential badly; can be given several times.",
)
_dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, write nothing.")


@click.group()
def credential() -> None:
    """Deliver, rotate and list the remote secrets, by which istiod reaches the clusters.

    They go from the remote cluster straight to the external cluster; no token is printed, and none
    gets into Git in clear.
    """


@credential.command(
    epilog="""\b
Examples:
  extcp-bot credential deliver --dry-run
  extcp-bot credential deliver --cluster remote-cluster-2
  extcp-bot credential deliver --cluster remote-cluster-2 --server https://10.0.0.2:6443
"""
)
@options.reaches
@click.option(
    "--server",
    metavar="URL",
    help="Where istiod reaches the cluster's API server, for a single --cluster. By default what "
    "the remote secret that is there says, else Argo CD's destination, else where the bot reaches "
    "it.",
)
@click.option(
    "--wait",
    type=click.FloatRange(0, 3600),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the cluster to make the token.",
)
@click.option(
    "--overwrite",
    is_flag=True,
    help="Overwrite also a Secret of that name that does not look like a remote secret, and a "
    "credential that works where istiod's release takes another one badly.",
)
@click.option(
    "--renew",
    is_flag=True,
    help="Take a remote secret away and make it anew, so that istiod looks at the cluster "
    "once more.",
)
@_force
@_dry_run
@output()
def deliver(
    context: Context,
    *,
    plan: Plan,
    server: str | None,
    wait: float,
    overwrite: bool,
    renew: bool,
    forced: tuple[str, ...],
    dry_run: bool,
    output_format: str,
) -> int:
    """Deliver the remote secret of each cluster, once istiod can make something of it.

    That is once the control plane's namespace is on the cluster with its annotation
    (topology.istio.io/controlPlaneClusters), for istiod looks only once: when it is given the
    secret. Where it was given it too early, the secret is taken away and made anew. What is as it
    should be is not written again; a Secret of somebody else is left alone.

    The exit code is 0 where all are as they should be, 1 where a person has to decide, 4 where a
    cluster does not have its namespace yet or --dry-run has something to do, 5 where a cluster
    could not be asked.
    """
    from extcp_bot.commands.delivering import Delivering  # noqa: PLC0415 - not for --help
    from extcp_bot.credentials.deliver import Wish  # noqa: PLC0415

    if server is not None and len(plan.clusters) != 1:
        raise click.UsageError("--server is for a single --cluster.")
    wish = Wish(server, overwrite, renew, frozenset(forced), wait)
    return Delivering(context, plan, output_format, dry_run=dry_run).deliver(wish)


@credential.command(
    epilog="""\b
Examples:
  extcp-bot credential rotate --cluster remote-cluster-2 --dry-run
  extcp-bot credential rotate --cluster remote-cluster-2
  extcp-bot credential rotate --cluster remote-cluster-1    # the config cluster: restarts istiod
"""
)
@options.reaches
@click.option(
    "--wait",
    type=click.FloatRange(1, 3600),
    default=180,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for every replica of istiod to take the new one up.",
)
@click.option(
    "--restart-istiod",
    is_flag=True,
    help="Roll istiod out anew after the swap, on releases that take the new one up only then.",
)
@_force
@_dry_run
@output()
def rotate(
    context: Context,
    *,
    plan: Plan,
    wait: float,
    restart_istiod: bool,
    forced: tuple[str, ...],
    dry_run: bool,
    output_format: str,
) -> int:
    """Give istiod another token for a cluster, and take the old one away.

    The new one is made, proven with real calls, given to istiod, and watched at every replica; only
    then is the old one removed. Interrupted anywhere, run again it goes on. It is refused on
    releases of Istio that are known to take another token badly.

    The exit code is 0 where it is done, 1 where a person has to decide, 4 where something is still
    to be waited for or --dry-run has something to do, 5 where a cluster could not be asked.
    """
    from extcp_bot.commands.delivering import Delivering  # noqa: PLC0415 - not for --help
    from extcp_bot.credentials.rotate import Wish  # noqa: PLC0415
    from extcp_bot.credentials.watching import Patience  # noqa: PLC0415

    if not plan.clusters:
        raise click.UsageError("Name each cluster with --cluster: nothing is rotated unasked.")
    wish = Wish(frozenset(forced), restart_istiod, Patience(synced=wait), context.say)
    return Delivering(context, plan, output_format, dry_run=dry_run).rotate(wish)


@credential.command(
    epilog="""\b
Examples:
  extcp-bot credential document --cluster remote-cluster-2 --as external-secret --store vault
  extcp-bot credential document --cluster remote-cluster-2 --as sealed-secret \\
    --certificate sealed-secrets.pem --commit
  extcp-bot credential document --cluster remote-cluster-2 --as sops
"""
)
@options.reaches
@click.option(
    "--as",
    "form",
    type=click.Choice(["external-secret", "sealed-secret", "sops"]),
    required=True,
    help="What the document is: a reference for External Secrets Operator, or the Secret itself, "
    "encrypted for Sealed Secrets or with SOPS.",
)
@click.option("--store", metavar="NAME", default="", help="external-secret: name of the store.")
@click.option(
    "--store-kind",
    type=click.Choice(["ClusterSecretStore", "SecretStore"]),
    default="ClusterSecretStore",
    show_default=True,
    help="external-secret: what the store is.",
)
@click.option(
    "--store-key",
    metavar="KEY",
    default="istio-remote-secret-{cluster}",
    show_default=True,
    help="external-secret: under which key somebody has put the kubeconfig into the store.",
)
@click.option(
    "--store-property",
    metavar="NAME",
    default="",
    help="external-secret: property of that key, where it holds several.",
)
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="sealed-secret: what 'kubeseal --fetch-cert' prints for the external cluster.",
)
@click.option(
    "--age",
    metavar="RECIPIENTS",
    default="",
    help="sops: age recipients to encrypt for, where .sops.yaml does not name them.",
)
@click.option(
    "--server",
    metavar="URL",
    help="Where istiod reaches the cluster's API server, as for 'credential deliver'.",
)
@click.option(
    "--wait",
    type=click.FloatRange(0, 3600),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the cluster to make the token.",
)
@writes
def document(
    context: Context,
    *,
    plan: Plan,
    form: str,
    store: str,
    store_kind: str,
    store_key: str,
    store_property: str,
    certificate: Path | None,
    age: str,
    server: str | None,
    wait: float,
    how: Writing,
) -> None:
    """Write the remote secret of a cluster as documents for Git: referenced or encrypted.

    They go into clusters/NAME/credential/, once the control plane's namespace is live on the
    cluster. A reference or a SealedSecret gets an Application that applies it to the external
    cluster. What SOPS has encrypted is for a plugin of Argo CD, or for you, to decrypt there.
    """
    from extcp_bot.commands import documenting  # noqa: PLC0415 - not for --help
    from extcp_bot.credentials.documents import Form, Store  # noqa: PLC0415

    if len(plan.clusters) != 1:
        raise click.UsageError("Name one cluster with --cluster.")
    if form == Form.EXTERNAL_SECRET and not store:
        raise click.UsageError("Name the --store of the external secret.")
    if form == Form.SEALED_SECRET and certificate is None:
        raise click.UsageError("Name the --certificate to seal for.")
    wish = documenting.Wish(
        plan.clusters[0],
        Form(form),
        Store(store, store_kind, store_key, store_property),
        certificate.read_bytes() if certificate else b"",
        age,
        server,
        wait,
    )
    documenting.document(context, plan, wish, how)


@credential.command(
    name="list",
    epilog="""\b
Examples:
  extcp-bot credential list
  extcp-bot credential list --cluster remote-cluster-2 --output json
""",
)
@options.reaches
@output()
def list_credentials(context: Context, *, plan: Plan, output_format: str) -> int:
    """List the remote secrets: key, age, the token's end, and whether the cluster accepts it now.

    The exit code is as that of check: 0, 1 where one does not work, 5 where nobody could tell.
    """
    from extcp_bot.commands.delivering import Delivering  # noqa: PLC0415 - not for --help

    return Delivering(context, plan, output_format, dry_run=True).show()
