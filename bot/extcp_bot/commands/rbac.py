"""``extcp-bot rbac``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from extcp_bot.checks.model import Side
from extcp_bot.commands import choosing

if TYPE_CHECKING:
    from extcp_bot.checks.model import Check
    from extcp_bot.rbac import Account
    from extcp_gitops.commands.context import Context
    from extcp_gitops.inventory.model import ControlPlane, Inventory


class Namespace(click.ParamType[str]):
    """A namespace's name."""

    name = "namespace"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - Click's interface
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """The name, or a usage error."""
        import re  # noqa: PLC0415 - --help needs none

        from extcp_gitops.inventory import names  # noqa: PLC0415

        if not re.fullmatch(names.LABEL, str(value)):
            self.fail(f"{value!r} is no name of a namespace", param, ctx)
        return str(value)


class ServiceAccount(click.ParamType["Account"]):
    """``NAMESPACE/NAME``."""

    name = "service account"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """The form, for ``--help``."""
        return "NAMESPACE/NAME"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - Click's interface
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Account:
        """The account, or a usage error."""
        import re  # noqa: PLC0415 - --help needs none

        from extcp_bot.rbac import Account  # noqa: PLC0415
        from extcp_gitops.inventory import names  # noqa: PLC0415

        if isinstance(value, Account):
            return value
        namespace, _, name = str(value).partition("/")
        if not (re.fullmatch(names.LABEL, namespace) and re.fullmatch(names.SUBDOMAIN, name)):
            self.fail(f"{value!r} is not NAMESPACE/NAME", param, ctx)
        return Account(namespace, name)


@click.command(
    epilog="""\b
Examples:
  extcp-bot rbac --cluster remote-cluster-2 --probe-namespace sample | kubectl apply -f -
  extcp-bot rbac --side external --service-account tools/extcp-bot
  extcp-bot rbac --side argocd --service-account tools/extcp-bot
  extcp-bot rbac --cluster remote-cluster-1 --check EXTCP-H04 --check EXTCP-H05
  extcp-bot rbac --cluster remote-cluster-2 --credentials --service-account tools/extcp-bot
  extcp-bot rbac --side candidate --service-account tools/extcp-bot
"""
)
@click.option(
    "--cluster",
    metavar="NAME",
    help="For this cluster, whatever it is in the mesh. The one that Argo CD runs in needs what "
    "--side argocd prints, too.",
)
@click.option(
    "--side",
    type=click.Choice([side.value for side in Side]),
    help="For all clusters of a kind. What config prints holds what a remote cluster needs, too. A "
    "cluster that is to join needs what candidate prints, and what remote prints.",
)
@click.option(
    "--check",
    "checks",
    metavar="CODE|NAME",
    multiple=True,
    help="Only what this check needs, such as EXTCP-H05, H05 or secret-shape; can be given several "
    "times.",
)
@click.option(
    "--control-plane",
    help="With --side: only the namespace of this control plane, where there are several.",
)
@click.option(
    "--probe-namespace",
    type=Namespace(),
    help="Namespace in which Pods may be created for a dry run; by default checks.probeNamespace "
    "of bot.yaml.",
)
@click.option(
    "--credentials",
    is_flag=True,
    help="Also the rights to deliver remote secrets, which are rights to write.",
)
@click.option(
    "--rotation",
    is_flag=True,
    help="Also the rights to rotate them: Secrets of the control plane's namespace, also on the "
    "remote clusters, and a note on the ServiceAccount whose tokens they hold.",
)
@click.option(
    "--service-account",
    type=ServiceAccount(),
    help="Also print this ServiceAccount, and what binds the roles to it. Its namespace has to be "
    "there already.",
)
@click.option(
    "--from-argocd",
    is_flag=True,
    help="For --side argocd: clusters are reached by Argo CD's cluster Secrets.",
)
@click.pass_obj
def rbac(
    context: Context,
    *,
    cluster: str | None,
    side: str | None,
    checks: tuple[str, ...],
    control_plane: str | None,
    probe_namespace: str | None,
    credentials: bool,
    rotation: bool,
    service_account: Account | None,
    from_argocd: bool,
) -> None:
    """Print the least that the checks need, as Roles to apply.

    The checks read, review access and try in dry runs; a comment names those behind each rule. One
    of them makes an object and deletes it again, in a cluster that is to join: EXTCP-P07. What they
    need to review their own access, Kubernetes grants to everybody who is logged in.

    With --credentials come the rights to write that 'credential deliver' and the bot that acts
    need, with --rotation those of 'credential rotate'.
    """
    from extcp_bot import rbac as roles  # noqa: PLC0415 - not for --help
    from extcp_bot.access import settings  # noqa: PLC0415
    from extcp_gitops.inventory.load import find_root, load_directory  # noqa: PLC0415

    if (cluster is None) == (side is None):
        raise click.UsageError("Give --cluster or --side, one of the two.")
    root = find_root(context.directory)
    inventory = load_directory(root).inventory
    file = settings.read(root, inventory)
    its, planes = _whose(inventory, cluster, side, control_plane)
    probe = probe_namespace or file.settings.probe_namespace
    places = roles.Places(planes, inventory.mesh.argocd_namespace, probe)
    wanted = list(roles.permissions(_chosen(checks), its))
    if credentials or rotation:
        from extcp_bot.credentials.permissions import permissions  # noqa: PLC0415

        wanted += permissions(its, rotation=rotation)
    if its is Side.ARGOCD and (from_argocd or file.source is settings.Source.ARGOCD):
        wanted.append(("the way to clusters", roles.FIND_CLUSTERS))
    if lost := roles.left_out(wanted, places):
        context.say(
            "left out: what these checks need to create Pods for a dry run: "
            f"{', '.join(lost)}; name a namespace for that with --probe-namespace"
        )
    if service_account:
        context.say(
            f"namespace {service_account.namespace} has to be there before this is applied; where "
            f"it is not: {service_account.namespace_command}"
        )
    click.echo(roles.document(its, roles.rules(wanted, places), service_account), nl=False)


def _chosen(words: tuple[str, ...]) -> list[Check]:
    from extcp_bot.candidates.checks import all_preflight_checks  # noqa: PLC0415 - not for --help
    from extcp_bot.checks import all_checks  # noqa: PLC0415

    known = {**all_checks(), **all_preflight_checks()}
    chosen, wrong = choosing.find(words, known)
    if wrong:
        raise click.UsageError(" ".join(wrong))
    return [check for code, check in known.items() if not chosen or code in chosen]


def _whose(
    inventory: Inventory, cluster: str | None, side: str | None, control_plane: str | None
) -> tuple[Side, tuple[ControlPlane, ...]]:
    """Which API servers the roles are for, and the control planes that have a namespace there."""
    from extcp_gitops.inventory import author  # noqa: PLC0415 - not for --help

    planes = inventory.mesh.control_planes
    if control_plane is not None:
        planes = (inventory.control_planes[author.known_control_plane(inventory, control_plane)],)
    if side is not None:
        return Side(side), planes
    item = inventory.by_name.get(cluster or "")
    if item is None:
        raise author.unknown_cluster(inventory, cluster or "")
    if item is inventory.external:
        return Side.EXTERNAL, planes
    its = Side.CONFIG if inventory.is_config_cluster(item) else Side.REMOTE
    return its, (inventory.control_plane_of(item),)
