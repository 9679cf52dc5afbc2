"""The shell blocks of documents, run as a reader runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def follow(
    script: str,
    directory: Path,
    istioctl: Path,
    *options: str,
    search: str | None = None,
    may_differ: bool = False,
) -> str:
    """Run a script that has to succeed, with our own command; gives all that it printed.

    Args:
        script: For bash.
        directory: Where it begins.
        istioctl: What the command renders with.
        options: Of bash.
        search: ``PATH``, where it is to be another one.
        may_differ: Whether 4, by which ``diff`` says that something differs, is no failure.
    """
    otherwise = "|| (($? == 4))" if may_differ else ""
    tool = f'extcp-gitops() {{ {sys.executable} -m extcp_gitops "$@" {otherwise}; }}'
    done = subprocess.run(
        ["bash", *options, "-c", f"{tool}\n{script}"],
        cwd=directory,
        env={**os.environ, "EXTCP_ISTIOCTL": str(istioctl), "PATH": search or os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
