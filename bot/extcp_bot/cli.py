"""The ``extcp-bot`` command: its commands, by name, and what they are for."""

from __future__ import annotations

import sys
from typing import NoReturn

from extcp_gitops import commandline

_COMMANDS = {
    "check": "Prove that the mesh works, or say what is broken.",
    "propose": "Open a pull request that adds or removes a cluster, or pins a root.",
    "reconcile": "Bring pull requests, and what was merged, to where they should be.",
    "rbac": "Print the least that the checks need as Roles.",
    "support-bundle": "Pack the evidence about all clusters into one archive.",
    "credential": "Deliver, rotate and list the credentials that istiod has for the clusters.",
    "serve": "Reconcile again and again; of several replicas, one acts.",
    "completion": "Print a script that completes commands in your shell.",
}

cli = commandline.group(
    commandline.Program("extcp-bot", "extcp_bot.commands", _COMMANDS),
    text="""\
Prove that a mesh works whose repository extcp-gitops made, and let clusters join it.

The checks read, review access and try in dry runs; they change nothing in any cluster. What nobody
could look at is unknown, and never taken for healthy. The other commands propose changes as pull
requests, and deliver credentials from cluster to cluster; each says what it writes.
""",
    epilog="""\b
Examples:
  extcp-bot -C mesh check
  extcp-bot -C mesh check --cluster remote-cluster-2 --output markdown
  extcp-bot -C mesh check --serve :8080
  extcp-bot -C mesh propose remote-cluster-3 --dry-run
""",
)


def main() -> NoReturn:
    """Entry point of the console script; exits as ``ExitCode`` says."""
    sys.exit(run(sys.argv[1:]))


def run(args: list[str]) -> int:
    """Run one command line and turn every way to fail into words and an exit code.

    Args:
        args: Without the program's name.

    Returns:
        The exit code (design section 2).
    """
    return commandline.run(cli, args, hide=_hide)


def _hide(text: str) -> str:
    from extcp_bot.access.model import hide  # noqa: PLC0415 - only for a bug

    return hide(text)
