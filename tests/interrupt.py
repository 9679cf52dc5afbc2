"""Ctrl-C for a command at a moment of the test's choice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def interrupt_when(witness: Path, istioctl: Path, *arguments: str | Path) -> tuple[int, str]:
    """Run ``extcp-gitops``, and interrupt it once a file is there.

    Args:
        witness: The file.
        istioctl: The program to render with.
        arguments: Of the command.

    Returns:
        The exit code, and what was said on standard error.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "extcp_gitops", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "EXTCP_ISTIOCTL": str(istioctl)},
    ) as process:
        while not witness.exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    return process.returncode, said
