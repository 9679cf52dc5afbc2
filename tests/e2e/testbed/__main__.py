"""The testbed's command line.

python -m tests.e2e.testbed exec -- COMMAND...   run a command inside a new sandbox
"""

from __future__ import annotations

import os
import sys

from . import sandbox


def main() -> int:
    """Run one subcommand."""
    words = sys.argv[1:]
    if words[:2] == ["exec", "--"] and len(words) > 2:
        sandbox.require_root()
        argv = sandbox.command(words[2:])
        os.execvpe(argv[0], argv, sandbox.environment())  # noqa: S606 - no shell is wanted
    sys.stderr.write(__doc__ or "")
    return 2


if __name__ == "__main__":
    sys.exit(main())
