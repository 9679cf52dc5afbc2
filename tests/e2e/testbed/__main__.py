"""The testbed's command line.

python -m tests.e2e.testbed exec -- COMMAND...   run a command inside a new sandbox
python -m tests.e2e.testbed up                   leave a mesh running, say what is where
python -m tests.e2e.testbed status               say it again
python -m tests.e2e.testbed down                 stop what `up` started
"""

from __future__ import annotations

import os
import signal
import sys

from . import daemon, info, sandbox
from .errors import TestbedError
from .standard import SPARE, bring_up
from .testbed import Testbed


def execute(words: list[str]) -> None:
    """Become a command inside a new sandbox."""
    sandbox.require_root()
    argv = sandbox.command(words)
    os.execvpe(argv[0], argv, sandbox.environment())  # noqa: S606 - no shell is wanted


def serve() -> None:
    """Bring the standard mesh up inside a sandbox and keep it."""
    base = daemon.base_directory()
    testbed = Testbed(base, _say)
    mesh = bring_up(testbed)
    (spare,) = testbed.add_clusters(SPARE)
    mesh.argocd.add_cluster(spare)
    fresh = base / "info.new"
    fresh.touch(mode=0o600)
    fresh.write_text(info.describe(mesh))
    fresh.replace(base / "info.txt")
    signal.pause()


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")


def status() -> None:
    """Say what is where, if a testbed is up."""
    if daemon.running() is None:
        raise TestbedError("no testbed is up; `make testbed-up` starts one")
    sys.stdout.write((daemon.base_directory() / "info.txt").read_text())


COMMANDS = {"up": daemon.up, "down": daemon.down, "status": status, "serve": serve}


def main() -> int:
    """Run one subcommand."""
    words = sys.argv[1:]
    if words[:2] != ["exec", "--"] and (len(words) != 1 or words[0] not in COMMANDS):
        sys.stderr.write(__doc__ or "")
        return 2
    try:
        if words[0] == "exec":
            execute(words[2:])
        COMMANDS[words[0]]()
    except TestbedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
