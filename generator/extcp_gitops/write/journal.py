"""Carries out a change so that, whatever happens and whenever, the old tree can stand again.

1. All new contents are written into ``new/``; a full disk or a missing permission shows here,
   with the tree untouched.
2. The record says what is about to happen. From here on every step is a rename within one file
   system, which needs no space: the old file into ``old/``, then the new one into its place.
3. Removing the record is the commit. Until then the steps are taken back, in reverse: at once when
   one fails, by the next run when this one was killed.

Taking back is the one way of recovery, so what a kill leads to is what each failure leads to.
Nothing of ``new/`` and ``old/`` counts without a record.

The record alone is forced to the disk, once; the files are not, one by one: the working tree is
Git's to restore after a loss of power, and a file that never reached the disk is empty then, which
recovery knows.
"""

from __future__ import annotations

import contextlib
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError, Finding
from extcp_gitops.write import paths
from extcp_gitops.write.changes import changed_meanwhile
from extcp_gitops.write.tree import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extcp_gitops.write.changes import Operation
    from extcp_gitops.write.tree import Tree

_NEW = f"{paths.JOURNAL}/new"
_OLD = f"{paths.JOURNAL}/old"
_RECORD = f"{paths.JOURNAL}/record"

_EMPTY = digest(b"")


@dataclass(frozen=True, slots=True)
class Step:
    """One operation as the record has it: the SHA-256 of the file before and after, or None.

    How far it has gone, its files in ``new/`` and ``old/`` tell, named by its index.
    """

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """What a run set out to do: its steps, and the directories it makes for them."""

    steps: tuple[Step, ...]
    directories: tuple[str, ...]

    def encode(self) -> bytes:
        """One line for each, below a line with the checksum of them all."""
        lines = [f"mkdir {directory}\n" for directory in self.directories]
        lines += [f"{step.before or '-'} {step.after or '-'} {step.path}\n" for step in self.steps]
        text = "".join(lines).encode()
        return f"{digest(text)}\n".encode() + text

    @classmethod
    def decode(cls, raw: bytes) -> Record | None:
        """None where the record is torn or none of ours."""
        checksum, _, text = raw.partition(b"\n")
        if checksum != digest(text).encode():
            return None
        steps, directories = [], []
        try:
            for line in text.decode().splitlines():
                if line.startswith("mkdir "):
                    directories.append(line.removeprefix("mkdir "))
                    continue
                before, after, path = line.split(" ", 2)
                steps.append(Step(path, _given(before), _given(after)))
        except ValueError:
            return None
        return cls(tuple(steps), tuple(directories))


def _given(field: str) -> str | None:
    return None if field == "-" else field


class Journal:
    """The journal of a repository. The caller holds the lock."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def is_pending(self) -> bool:
        """Whether a run is changing files right now, or was killed while it did."""
        return self._tree.file_status(_RECORD) is not None

    def carry_out(self, operations: Sequence[Operation]) -> None:
        """All operations, or, with an error, none.

        Raises:
            ExtcpError: EXTCP-W007 for what the operating system refuses, EXTCP-W009 where a file
                is no longer as the operations found it; the tree is as it was. EXTCP-W012 where
                not even that could be restored; the next run tries again.
        """
        try:
            self._stage(operations)
            self._require_unchanged(operations)
            record = self._begin(operations)
            self._advance(record)
            self._commit()
        except BaseException as failure:
            self._recover_from(failure)
            raise
        with contextlib.suppress(ExtcpError):  # the change is done; the next run clears the rest
            self._tree.remove_all(paths.JOURNAL)

    def recover(self) -> None:
        """Take back what a run that never ended had done, and clear what it left.

        Raises:
            ExtcpError: EXTCP-W008 for each file that a person changed since, EXTCP-W011 where the
                record is damaged; nothing is touched then.
        """
        record = self._load()
        if record is not None:
            self._require_ours(record)
            self._retreat(record)
            self._commit()
        self._tree.remove_all(paths.JOURNAL)

    def _stage(self, operations: Sequence[Operation]) -> None:
        for directory in (_NEW, _OLD):
            self._tree.make_directories(directory)
        for index, operation in enumerate(operations):
            if operation.after is not None:
                status = self._tree.file_status(operation.path)
                mode = None if status is None else stat.S_IMODE(status.st_mode)
                self._tree.create(f"{_NEW}/{index}", operation.after, mode)

    def _require_unchanged(self, operations: Sequence[Operation]) -> None:
        findings = []
        for operation in operations:
            if self._tree.digest(operation.path) != operation.before:
                findings.append(changed_meanwhile(operation.path))
            elif operation.before is not None and not self._tree.is_writable(operation.path):
                findings.append(
                    # A rename would not ask, but who made it read-only meant something by it.
                    Finding(
                        "EXTCP-W007",
                        "cannot change it: the file is read-only",
                        "make it writable for you (chmod u+w) and run again",
                        file=operation.path,
                    )
                )
        if findings:
            raise ExtcpError(*findings)

    def _begin(self, operations: Sequence[Operation]) -> Record:
        directories: dict[str, None] = {}
        steps = []
        for operation in operations:
            after = None if operation.after is None else digest(operation.after)
            steps.append(Step(operation.path, operation.before, after))
            if after is not None:
                missing = self._tree.missing_directories(operation.path)
                directories.update(dict.fromkeys(missing))
        record = Record(tuple(steps), tuple(directories))
        self._tree.create(_RECORD, record.encode())
        for path in (_RECORD, paths.JOURNAL):
            self._tree.sync(path)
        return record

    def _advance(self, record: Record) -> None:
        for directory in record.directories:
            self._tree.make_directories(directory)
        for index, step in enumerate(record.steps):
            if step.before is not None:
                self._tree.move(step.path, f"{_OLD}/{index}")
            if step.after is not None:
                self._tree.move(f"{_NEW}/{index}", step.path)
        for step in record.steps:
            if step.after is None:
                self._remove_emptied(step.path)

    def _remove_emptied(self, path: str) -> None:
        for directory in reversed(tuple(paths.parents(path))):
            if not self._tree.remove_empty_directory(directory):
                return

    def _retreat(self, record: Record) -> None:
        """The exact reverse of ``_advance``, from wherever that had got to."""
        for index, step in reversed(tuple(enumerate(record.steps))):
            if self._has_arrived(index, step) and self._tree.status(step.path) is not None:
                self._tree.move(step.path, f"{_NEW}/{index}")
            if self._has_left(index, step):
                self._tree.make_directories(step.path.rpartition("/")[0])
                self._tree.move(f"{_OLD}/{index}", step.path)
        for directory in reversed(record.directories):
            self._tree.remove_empty_directory(directory)

    def _has_arrived(self, index: int, step: Step) -> bool:
        return step.after is not None and self._tree.status(f"{_NEW}/{index}") is None

    def _has_left(self, index: int, step: Step) -> bool:
        return step.before is not None and self._tree.status(f"{_OLD}/{index}") is not None

    def _load(self) -> Record | None:
        raw = self._tree.read(_RECORD)
        if raw is None:
            return None
        record = Record.decode(raw)
        if record is not None:
            paths.check([*(step.path for step in record.steps), *record.directories])
        elif next(self._tree.files((_OLD,)), None) is not None:
            # No step is taken before the whole record is on the disk.
            raise ExtcpError.of(
                "EXTCP-W011",
                "a run was killed, and the record of what it did is damaged",
                f"restore the working tree with Git (the replaced files are in {_OLD}), then "
                f"remove {paths.JOURNAL}",
                file=_RECORD,
            )
        return record

    def _require_ours(self, record: Record) -> None:
        """Where steps were taken, nobody else has touched the file since."""
        findings = []
        for index, step in enumerate(record.steps):
            if not (self._has_arrived(index, step) or self._has_left(index, step)):
                continue
            if self._tree.digest(step.path) not in {None, step.before, step.after, _EMPTY}:
                findings.append(
                    Finding(
                        "EXTCP-W008",
                        "a run was killed while it changed this file, and it was edited since",
                        "move the file elsewhere and run again, which restores it as it was; or, "
                        f"to keep all files as they are now, remove {paths.JOURNAL}",
                        file=step.path,
                    )
                )
        if findings:
            raise ExtcpError(*findings)

    def _recover_from(self, failure: BaseException) -> None:
        try:
            self.recover()
        except ExtcpError as stuck:
            causes = failure.findings if isinstance(failure, ExtcpError) else ()
            half = Finding(
                "EXTCP-W012",
                "the change was neither completed nor taken back",
                "mend what else is reported here and run again: the old files are restored first",
                file=paths.JOURNAL,
            )
            raise ExtcpError(half, *causes, *stuck.findings) from failure

    def _commit(self) -> None:
        self._tree.remove(_RECORD)
