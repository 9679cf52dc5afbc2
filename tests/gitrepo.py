"""Real repositories, and Git as a person or another program would run it."""

from __future__ import annotations

import stat
import subprocess
import time
from pathlib import Path

import pytest

from extcp_gitops.git import Repository


def begin(directory: Path) -> Path:
    """A repository with one commit."""
    repository = Repository.init(directory, "main")
    write(directory, {"mesh.yaml": "a: 1\n", "clusters/one/cluster.yaml": "b: 1\n"})
    repository.commit(["mesh.yaml", "clusters/one/cluster.yaml"], "Begin")
    return directory


def bare(directory: Path) -> Path:
    """A repository to push to."""
    git(directory.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(directory))
    return directory


def git(directory: Path, *arguments: str) -> str:
    """Git itself, as a person or another program would run it."""
    done = subprocess.run(
        ["git", "-C", str(directory), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())


def committed(root: Path, revision: str = "HEAD") -> list[str]:
    """The files that a commit changed."""
    return git(root, "show", "--format=", "--name-only", "--no-renames", revision).split()


def status(root: Path) -> list[str]:
    return git(root, "status", "--porcelain", "--untracked-files=all").splitlines()


def program(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def wait_for_the_end_of(pid: str) -> None:
    """Return once the process has ended; one that nobody has waited for has, too."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state in "XZ":
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} still runs")


def use_filter(root: Path, command: str) -> None:
    """Let Git run a command for each ``*.yaml`` that it stages."""
    git(root, "config", "filter.test.clean", command)
    write(root, {".git/info/attributes": "*.yaml filter=test\n"})
