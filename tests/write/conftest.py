"""A small repository on the disk, and what to compare it by."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.write import Changes, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    Repositories = Callable[[], AbstractContextManager["Repository"]]


class Repository:
    """A directory and the workspace that is tested on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = Workspace(root)

    def lay(self, files: Mapping[str, bytes]) -> None:
        """Put files there as a person or Git would."""
        for path, content in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    def write(
        self,
        generated: Mapping[str, bytes],
        person: Mapping[str, bytes | None] | None = None,
        *,
        force: bool = False,
    ) -> Changes:
        """One whole run."""
        with self.workspace.locked():
            changes = self.workspace.changes(generated, person=person or {}, force=force)
            self.workspace.apply(changes)
        return changes

    def snapshot(self) -> dict[str, bytes]:
        """All there is: files with their content, links with their target, ``directory/``."""
        seen: dict[str, bytes] = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if path.is_symlink():
                seen[name] = b"-> " + os.fsencode(path.readlink())
            elif path.is_dir():
                seen[f"{name}/"] = b""
            else:
                seen[name] = path.read_bytes() if path.is_file() else b"special"
        return seen


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture(scope="session")
def repository_at() -> Callable[[Path], Repository]:
    return Repository


@pytest.fixture(scope="session")
def repositories() -> Repositories:
    """A fresh repository for each example of a property."""

    @contextlib.contextmanager
    def fresh() -> Iterator[Repository]:
        with tempfile.TemporaryDirectory() as directory:
            yield Repository(Path(directory) / "repository")

    return fresh
