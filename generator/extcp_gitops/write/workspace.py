"""A repository and its lock: one run at a time looks at it and changes it."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError
from extcp_gitops.write import paths
from extcp_gitops.write.changes import Changes, compare
from extcp_gitops.write.journal import Journal
from extcp_gitops.write.tree import Tree, explained

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ATTEMPTS = 100
_NO_FILES: Mapping[str, bytes] = MappingProxyType({})


class Workspace:
    """The working tree of a mesh repository.

    A command that changes it reads the inventory, computes and applies within one ``locked()``, so
    that it starts from a whole tree and ends with one.
    """

    def __init__(self, root: Path) -> None:
        self._root = Path(root)
        self._is_locked = False

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out; first take back what a killed one left half done.

        Makes the root where it is missing. What was made for the lock alone is gone afterwards.

        Raises:
            ExtcpError: EXTCP-W006 where another run holds the lock, EXTCP-W003 and EXTCP-W007
                where the lock cannot be made, EXTCP-W008 and EXTCP-W011 where an interrupted run
                cannot be taken back.
        """
        made: list[Path] = []
        try:
            with self._lock(made):
                Journal(Tree(self._root)).recover()
                self._is_locked = True
                try:
                    yield
                finally:
                    self._is_locked = False
        finally:
            for directory in reversed(made):
                with contextlib.suppress(OSError):  # it holds something by now
                    directory.rmdir()

    def changes(
        self,
        generated: Mapping[str, bytes],
        *,
        person: Mapping[str, bytes | None] = _NO_FILES,
        read: Mapping[str, bytes] = _NO_FILES,
        force: bool = False,
    ) -> Changes:
        """Compare what should be with the disk; writes nothing.

        Args:
            generated: The whole generated tree, each file stamped. Files on the disk that carry an
                intact stamp and are not in it are deleted.
            person: A person's files that a command edits or creates, or with None deletes.
            read: A person's files as the caller read them; rendering takes a while, and what was
                edited since is neither overwritten nor ignored.
            force: Overwrite or delete also generated files that a person edited, and a person's
                files in the way of generated ones. Links and directories are never overwritten.

        Raises:
            ExtcpError: All that forbids the change, at once: EXTCP-W001 an unsafe path, EXTCP-W002
                colliding paths, EXTCP-W003 no regular file in the way, EXTCP-W004 an edited
                generated file, EXTCP-W005 a person's file in the way, EXTCP-W007 unreadable,
                EXTCP-W009 not as it was read, EXTCP-W010 another run has begun to change files
                and has not ended.
            ValueError: A bug of the caller: a generated file without stamp, or out of place.
        """
        tree = Tree(self._root)
        if not self._is_locked and Journal(tree).is_pending():
            raise ExtcpError.of(
                "EXTCP-W010",
                "another run is changing files, or was killed while it did",
                "wait for its end; if it was killed, run extcp-gitops generate, which first puts "
                "back what was half done",
            )
        return compare(tree, generated, person, read, force=force)

    def apply(self, changes: Changes) -> None:
        """All of the changes, or, with an error, none; the lock must be held.

        Raises:
            ExtcpError: EXTCP-W007, EXTCP-W009 or EXTCP-W012; see ``Journal.carry_out``.
        """
        if not self._is_locked:
            raise ValueError("changes are applied under the lock")
        if changes:
            Journal(Tree(self._root)).carry_out(changes.operations)

    @contextlib.contextmanager
    def _lock(self, made: list[Path]) -> Iterator[None]:
        descriptor = self._acquire(made)
        try:
            yield
        finally:
            # While it is still held, so that nobody else's is removed.
            with contextlib.suppress(OSError):
                (self._root / paths.LOCK).unlink()
                (self._root / paths.STATE).rmdir()
            os.close(descriptor)

    def _acquire(self, made: list[Path]) -> int:
        with explained("lock the repository", paths.LOCK):
            for _ in range(_ATTEMPTS):
                self._make_state_directory(made)
                # Missing again: the run before us has just ended and tidied up.
                with contextlib.suppress(FileNotFoundError):
                    return self._open_and_lock()
            return self._open_and_lock()

    def _make_state_directory(self, made: list[Path]) -> None:
        above = (self._root / paths.LOCK).parents
        missing = list(itertools.takewhile(lambda path: not os.path.lexists(path), above))
        for directory in reversed(missing):
            with (
                explained("make the directory", str(directory)),
                # As above; or another run was faster, or what is there is shown by the opening.
                contextlib.suppress(FileNotFoundError, FileExistsError),
            ):
                directory.mkdir()
                made.append(directory)
        Tree(self._root).file_status(paths.LOCK)  # no link above it or in its place

    def _open_and_lock(self) -> int:
        """The descriptor that holds the lock; FileNotFoundError where the path was just removed."""
        path = self._root / paths.LOCK
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        with contextlib.ExitStack() as on_failure:
            descriptor = os.open(path, flags, 0o666)
            on_failure.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ExtcpError.of(
                    "EXTCP-W006",
                    "another run of extcp-gitops is at work in this repository",
                    "wait until it has ended, then run again",
                    file=paths.LOCK,
                ) from error
            if not os.path.samestat(os.fstat(descriptor), path.lstat()):
                # The run before us removed the file between our opening and our locking it.
                raise FileNotFoundError
            on_failure.pop_all()
            return descriptor
