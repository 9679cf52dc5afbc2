"""``extcp-gitops completion``."""

from __future__ import annotations

import click

from extcp_gitops import commandline


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
    commandline.print_completion(ctx, shell)
