"""The walls around a run: namespaces of its own for network, mounts and processes.

Everything that the testbed starts lives inside, so that nothing listens on the machine's own
interfaces, no mount is seen outside, and the end of the first process is the end of all of them,
whatever crashed. Linux and root are needed.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from .errors import TestbedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INSIDE = "EXTCP_TESTBED_INSIDE"


def command(argv: Sequence[str]) -> list[str]:
    """The command line that runs ``argv`` as the first process of a new sandbox."""
    walls = ["--net", "--mount", "--propagation=private", "--pid", "--fork", "--mount-proc"]
    return ["unshare", *walls, "--kill-child=SIGKILL", "--", *argv]


def environment() -> dict[str, str]:
    """The environment of the first process: this one's, marked, and without any kubeconfig."""
    return {**{k: v for k, v in os.environ.items() if k != "KUBECONFIG"}, INSIDE: "1"}


def require_root() -> None:
    """Namespaces and iptables need root.

    Raises:
        TestbedError: This process is not root.
    """
    if os.geteuid() != 0:
        raise TestbedError("the testbed needs root: it makes network namespaces and mounts")


def require_inside() -> None:
    """Refuse to change the machine itself.

    Raises:
        TestbedError: This process is not root inside a sandbox.
    """
    require_root()
    if os.environ.get(INSIDE) != "1":
        raise TestbedError(
            "run this through the sandbox: python -m tests.e2e.testbed exec -- COMMAND"
        )


def mount(*arguments: str | Path) -> None:
    """One call of mount(8)."""
    done = subprocess.run(
        ["mount", *map(str, arguments)], capture_output=True, text=True, timeout=10, check=False
    )
    if done.returncode != 0:
        raise TestbedError(f"mount {' '.join(map(str, arguments))}: {done.stderr.strip()}")


def replace_file(path: Path, content: str, store: Path) -> None:
    """Let everybody in the sandbox see other content in a file of the system.

    The bytes live in ``store``; the file itself is not touched.
    """
    target = path.resolve()
    if not target.exists():
        raise TestbedError(f"{path} is missing on this machine; the testbed covers it with its own")
    cover = store / path.name
    cover.parent.mkdir(parents=True, exist_ok=True)
    cover.write_text(content)
    cover.chmod(0o644)
    mount("--bind", cover, target)
