"""The ``extcp-gitops`` command: its commands, by name, and what they are for."""

from __future__ import annotations

import sys
from typing import NoReturn

from extcp_gitops import commandline

_COMMANDS = {
    "init": "Make a new repository for a mesh.",
    "generate": "Bring the repository in line with its inventory.",
    "cluster": "Add, remove, list and show clusters.",
    "control-plane": "Add control planes, and pin their roots.",
    "validate": "Prove that the repository is whole and agrees with itself.",
    "diff": "Show what a change does to the objects of each cluster.",
    "istioctl": "Get the istioctl that the mesh needs.",
    "schema": "Print the JSON Schema of mesh.yaml or cluster.yaml.",
    "completion": "Print a script that completes commands in your shell.",
}

cli = commandline.group(
    commandline.Program("extcp-gitops", "extcp_gitops.commands", _COMMANDS),
    text="""\
Istio with an external control plane, as a Git repository that Argo CD syncs.

mesh.yaml and one small file for each cluster say what you want; everything else in the
repository is generated from them, for the Istio release that mesh.yaml names.
""",
    epilog="""\b
Examples:
  extcp-gitops init mesh --mesh-id mesh1 --address istiod.example.com \\
      --tls-secret istiod-tls --repo-url https://git.example.com/platform/mesh.git
  extcp-gitops -C mesh cluster add --network network2
  extcp-gitops -C mesh validate
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
    return commandline.run(cli, args, "interrupted; no change to files was left half-done")
