"""``extcp-gitops completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(
    epilog="""\b
Examples:
  extcp-gitops completion bash > ~/.local/share/bash-completion/completions/extcp-gitops
  extcp-gitops completion zsh > "${fpath[1]}/_extcp-gitops"
  extcp-gitops completion fish > ~/.config/fish/completions/extcp-gitops.fish
"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes commands and options in SHELL."""
    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"Click knows no completion for {shell}.")
    root = ctx.find_root().command
    click.echo(script(root, {}, "extcp-gitops", "_EXTCP_GITOPS_COMPLETE").source())
