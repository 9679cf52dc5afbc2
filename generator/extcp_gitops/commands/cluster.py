"""``extcp-gitops cluster``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from extcp_gitops.commands import options
from extcp_gitops.commands.change import change
from extcp_gitops.inventory import author, names
from extcp_gitops.inventory.load import directories, find_root, load, load_directory
from extcp_gitops.inventory.model import DEFAULT_NETWORK, Gateways, Role
from extcp_gitops.terminal import visible

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_gitops.commands.context import Context
    from extcp_gitops.inventory.model import Cluster, Inventory


@click.group()
def cluster() -> None:
    """Add, remove, list and show clusters."""


@cluster.command(
    epilog="""\b
Examples:
  extcp-gitops cluster add                        # the next remote-cluster-N
  extcp-gitops cluster add payments-eu --network eu --east-west --commit
"""
)
@click.argument("name", required=False)
@click.option("--network", default=DEFAULT_NETWORK, show_default=True, help="Istio network.")
@click.option("--server", help="URL by which Argo CD knows the cluster, instead of its name.")
@click.option(
    "--control-plane", help="Control plane that serves it; needed when there are several."
)
@options.gateways
@options.writes
@click.pass_obj
def add(
    context: Context,
    *,
    name: str | None,
    network: str,
    server: str | None,
    control_plane: str | None,
    ingress: bool,
    egress: bool,
    east_west: bool,
    how: options.Writing,
) -> None:
    """Add a remote cluster: NAME, or the next free remote-cluster-N.

    Only files below clusters/NAME/ are added; nothing else in the repository changes.
    """
    root = find_root(context.directory)
    inventory = load_directory(root).inventory
    chosen = _next_name(root) if name is None else name
    gateways = Gateways(ingress=ingress, egress=egress, east_west=east_west)
    new = author.NewCluster(chosen, network, server, gateways)
    plane = author.known_control_plane(inventory, control_plane)
    outcome = change(
        context,
        lambda files: author.add_cluster(files, new, plane),
        f"Add the remote cluster {chosen}",
        how,
        cluster=chosen,
    )
    _tell(context, outcome.inventory.by_name[chosen])


def _next_name(root: Path) -> str:
    """A name that no directory stands for: what a removed cluster left is not for another one."""
    return names.next_cluster_name(
        {names.cluster_name_of_directory(directory) for directory in directories(root)}
    )


def _tell(context: Context, new: Cluster) -> None:
    for directory, is_there in (("custom", new.custom), ("credential", new.credential)):
        if is_there:
            context.say(
                f"{new.directory}/{directory}/ was there before: it is part of '{new.name}' now"
            )
    joins = f"'{new.name}' joins when this is merged and Argo CD has synced it."
    if "/" not in new.name:  # of which a warning has said that it cannot have a remote secret
        joins += " Its remote secret comes last: README.md, 'Add a remote cluster'."
    context.say(joins)


@cluster.command(
    epilog="""\b
Example:
  extcp-gitops cluster remove remote-cluster-3 --commit
"""
)
@click.argument("name")
@options.writes
@click.pass_obj
def remove(
    context: Context,
    *,
    name: str,
    how: options.Writing,
) -> None:
    """Take the remote cluster NAME out of the repository.

    Files that a person wrote below clusters/NAME/custom/ stay. What runs in the cluster stays,
    too, until you remove it: README.md, 'Remove a remote cluster'.
    """
    change(
        context,
        lambda files: author.remove_cluster(load(files).inventory, name),
        f"Remove the remote cluster {name}",
        how,
        cluster=name,
    )
    context.say(
        f"'{name}' leaves when this is merged. What runs there stays, unless Argo CD was told "
        "before the merge to delete it: README.md, 'Remove a remote cluster'."
    )


@cluster.command(
    name="list",
    epilog="""\b
Examples:
  extcp-gitops cluster list
  extcp-gitops cluster list --output json
""",
)
@options.output()
@click.pass_obj
def list_clusters(context: Context, output_format: str) -> None:
    """List the clusters of the mesh."""
    inventory = load_directory(find_root(context.directory)).inventory
    rows = [_row(inventory, item) for item in inventory.clusters]
    if output_format == "json":
        context.echo_json(rows)
        return
    header = {"name": "NAME", "role": "ROLE", "controlPlane": "CONTROL PLANE", "network": "NETWORK"}
    header["gateways"] = "GATEWAYS"
    table = [
        header,
        *({**row, "gateways": ",".join(row["gateways"]) or "-"} for row in rows),
    ]
    widths = {key: max(len(str(row[key] or "-")) for row in table) for key in header}
    for row in table:
        line = "  ".join(str(row[key] or "-").ljust(width) for key, width in widths.items())
        click.echo(visible(line.rstrip()))


@cluster.command(
    epilog="""\b
Example:
  extcp-gitops cluster show remote-cluster-1
"""
)
@click.argument("name")
@options.output()
@click.pass_obj
def show(context: Context, name: str, output_format: str) -> None:
    """Show one cluster: what the inventory says, and what follows from it."""
    inventory = load_directory(find_root(context.directory)).inventory
    item = inventory.by_name.get(name)
    if item is None:
        raise author.unknown_cluster(inventory, name)
    facts = {**_row(inventory, item), **_derived(inventory, item)}
    if output_format == "json":
        context.echo_json(facts)
        return
    width = max(map(len, facts))
    for key, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        click.echo(visible(f"{key.ljust(width)}  {shown or '-'}"))


def _row(inventory: Inventory, item: Cluster) -> dict[str, Any]:
    role = "config" if inventory.is_config_cluster(item) else item.role.value
    wanted = item.gateways
    gateways = {"ingress": wanted.ingress, "egress": wanted.egress, "east-west": wanted.east_west}
    return {
        "name": item.name,
        "role": role,
        "controlPlane": item.control_plane,
        "network": item.network,
        "gateways": [gateway for gateway, asked in gateways.items() if asked],
    }


def _derived(inventory: Inventory, item: Cluster) -> dict[str, Any]:
    from extcp_gitops import plan  # noqa: PLC0415 - only for show
    from extcp_gitops.render import operators  # noqa: PLC0415

    facts: dict[str, Any] = {
        "directory": item.directory,
        "argocd": item.destination.name or item.destination.server,
        "builds on": list(plan.bases_of(inventory, item)),
    }
    if item.role is Role.REMOTE:
        plane = inventory.control_plane_of(item)
        path = operators.injection_path(item.name, item.network or "")
        facts["injection webhook"] = operators.webhook_url(plane, path)
        is_config = inventory.is_config_cluster(item)
        facts["secret"] = "istio-kubeconfig" if is_config else f"istio-remote-secret-{item.name}"
    return facts
