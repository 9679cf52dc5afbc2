"""``extcp-gitops schema``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from extcp_gitops.inventory.schema import BY_KIND

if TYPE_CHECKING:
    from extcp_gitops.commands.context import Context


@click.command(
    epilog="""\b
Example:
  extcp-gitops schema cluster > cluster.schema.json
"""
)
@click.argument("kind", type=click.Choice(list(BY_KIND)))
@click.pass_obj
def schema(context: Context, kind: str) -> None:
    """Print the JSON Schema of mesh.yaml (mesh), cluster.yaml (cluster) or bot.yaml (bot)."""
    context.echo_json(BY_KIND[kind])
