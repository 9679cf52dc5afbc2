"""Where the real parts are: the links that ``tests/parts/build.py`` leaves in the cache."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from .errors import TestbedError


def cache_directory() -> Path:
    """What can be made again; the same rule as that of ``tests/parts/build.py``."""
    if own := os.environ.get("EXTCP_CACHE_DIR"):
        return Path(own).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "extcp-gitops"


def directory() -> Path:
    """The directory with a link to each part."""
    return Path(os.environ.get("EXTCP_PARTS_BIN") or cache_directory() / "bin")


@functools.cache
def part(name: str) -> Path:
    """The path of one part, a program or a directory; its name is what the program is called by.

    Raises:
        TestbedError: It is not there; a test must fail on that, never skip.
    """
    link = directory() / name
    if not link.exists():
        raise TestbedError(
            f"the part {name} is missing ({link}); "
            "python3 tests/parts/build.py testbed builds what the testbed needs"
        )
    return link
