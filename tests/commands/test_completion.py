from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(extcp: Command, shell: str) -> None:
    assert extcp("completion", shell) == 0
    assert "_EXTCP_GITOPS_COMPLETE" in extcp.out


def test_bash_completes_a_command(tmp_path: Path) -> None:
    program = tmp_path / "extcp-gitops"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m extcp_gitops "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "COMP_WORDS": "extcp-gitops con",
        "COMP_CWORD": "1",
        "_EXTCP_GITOPS_COMPLETE": "bash_complete",
    }
    done = subprocess.run(
        [program], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "plain,control-plane\n"
