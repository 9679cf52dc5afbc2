"""The two sides of a comparison, and which directories of them have to be built.

The side of the commit comes out of Git into a directory of its own; nothing is checked out, and
the person's working tree and index stay as they are.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol

from extcp_gitops.errors import ExtcpError
from extcp_gitops.terminal import visible
from extcp_gitops.verify.objects import sequence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

PLACES: Final = ("argocd", "clusters", "istio")
"""Where everything that is built lies."""

_FILE: Final = "kustomization.yaml"


class Side(Protocol):
    """Files of one side."""

    def read(self, path: str) -> bytes | None:
        """The content of a file; None where there is none."""

    def directories(self, place: str) -> Iterable[str]:
        """Names of the directories right below a place."""


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """The files as they lie there; what cannot be read is an ExtcpError, EXTCP-D004."""

    root: Path

    def read(self, path: str) -> bytes | None:
        """The content of a file; None where there is no regular one."""
        file = self.root / path
        try:
            return file.read_bytes() if file.is_file() else None
        except OSError as error:
            raise _unreadable(path, error) from error

    def directories(self, place: str) -> Iterable[str]:
        """Names of the directories right below a place; links are none."""
        try:
            with os.scandir(self.root / place) as entries:
                return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(place, error) from error


@dataclass(frozen=True)
class Snapshot:
    """The files of a commit, by path."""

    files: Mapping[str, bytes]

    def read(self, path: str) -> bytes | None:
        """The content of a file; None where there is none."""
        return self.files.get(path)

    def directories(self, place: str) -> Iterable[str]:
        """Names of the directories right below a place."""
        start = f"{place}/"
        below = (path[len(start) :] for path in self.files if path.startswith(start))
        return {path.partition("/")[0] for path in below if "/" in path}

    def write(self, root: Path, directories: Collection[str]) -> None:
        """Put some directories with all that is below them on the disk.

        Raises:
            ExtcpError: EXTCP-D003 for a path that leads out of ``root``.
        """
        wanted = tuple(f"{directory}/" for directory in directories)
        for path, content in self.files.items():
            if path.startswith(wanted):
                parts = PurePosixPath(path).parts
                if ".." in parts or path.startswith("/"):
                    raise ExtcpError.of(
                        "EXTCP-D003", "a path in this commit leads out of it", "mend the commit"
                    )
                file = root.joinpath(*parts)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)


@dataclass
class Inputs:
    """Which directories a directory is built from.

    Attributes:
        side: Where the files are.
    """

    side: Side
    _known: dict[str, frozenset[str]] = field(default_factory=dict)

    def is_there(self, directory: str) -> bool:
        """Whether there is something to build."""
        return self.side.read(f"{directory}/{_FILE}") is not None

    def of(self, directory: str) -> frozenset[str]:
        """The directory itself and all that it builds on; nothing where it is not there."""
        if directory not in self._known:
            self._known[directory] = frozenset()  # ends a circle, which Kustomize refuses
            if self.is_there(directory):
                below = (self.of(path) for path in self._references(directory))
                self._known[directory] = frozenset({directory}).union(*below)
        return self._known[directory]

    def _references(self, directory: str) -> Iterator[str]:
        from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml when needed

        try:
            objects = load_objects(self.side.read(f"{directory}/{_FILE}") or b"")
        except ExtcpError:  # the build will say it
            return
        for item in objects:
            for key in ("resources", "components", "bases"):
                for reference in sequence(item, key):
                    path = posixpath.normpath(posixpath.join(directory, str(reference)))
                    if not path.startswith(".."):
                        yield path


def _unreadable(path: str, error: OSError) -> ExtcpError:
    why = f"cannot be read: {error.strerror}"
    return ExtcpError.of("EXTCP-D004", why, "mend its permissions", visible(path))


def directories_above(paths: Iterable[str]) -> frozenset[str]:
    """All directories that hold one of these files, at whatever depth."""
    return frozenset(str(directory) for path in paths for directory in PurePosixPath(path).parents)
