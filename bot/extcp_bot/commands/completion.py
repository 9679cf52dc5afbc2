"""``extcp-bot completion``."""

from __future__ import annotations

import click

from extcp_gitops import commandline


@click.command(
    epilog="""\b
Examples:
  extcp-bot completion bash > ~/.local/share/bash-completion/completions/extcp-bot
  extcp-bot completion zsh > "${fpath[1]}/_extcp-bot"
  extcp-bot completion fish > ~/.config/fish/completions/extcp-bot.fish
"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes commands and options in SHELL."""
    commandline.print_completion(ctx, shell)
