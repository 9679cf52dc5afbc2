"""Runs the change on a repository as somebody who is not allowed everything.

``python -m tests.write.refused DIRECTORY [LARGEST_FILE]`` prints what the run was refused. It is a
program of its own because it gives up its rights (root may do all) and limits itself.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

from extcp_gitops.errors import ExtcpError
from tests.write.conftest import Repository
from tests.write.interrupted import change

NOBODY = 65534


def become_ordinary(repository: Path) -> None:
    for directory, _, files in os.walk(repository):
        for path in (directory, *(f"{directory}/{name}" for name in files)):
            os.chown(path, NOBODY, NOBODY)
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


if __name__ == "__main__":
    os.chdir(sys.argv[1])  # its parents may be closed to others
    if os.geteuid() == 0:
        become_ordinary(Path())
    for limit in map(int, sys.argv[2:]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    refused: list[dict[str, str | int]] = []
    try:
        change(Repository(Path()))
    except ExtcpError as error:
        refused = [finding.as_json() for finding in error.findings]
    print(json.dumps(refused))  # noqa: T201 - its result
