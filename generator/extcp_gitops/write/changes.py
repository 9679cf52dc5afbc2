"""What should be, against what is: the operations that lead from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError, Finding
from extcp_gitops.render.stamp import HEAD_BYTES, Ownership, normalised, ownership
from extcp_gitops.write import paths
from extcp_gitops.write.tree import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_gitops.write.tree import Tree


@dataclass(frozen=True, slots=True)
class Operation:
    """One file to add, modify or delete.

    Attributes:
        path: Relative to the repository.
        before: SHA-256 of what was found; None for a file to add.
        after: What is to be there; None for a file to delete.
    """

    path: str
    before: str | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run would do to the repository, by path; false where that is nothing."""

    operations: tuple[Operation, ...] = ()

    @property
    def added(self) -> tuple[str, ...]:
        """Files that are not there yet."""
        return tuple(o.path for o in self.operations if o.before is None)

    @property
    def modified(self) -> tuple[str, ...]:
        """Files whose content becomes another."""
        return tuple(
            o.path for o in self.operations if o.before is not None and o.after is not None
        )

    @property
    def deleted(self) -> tuple[str, ...]:
        """Files that go."""
        return tuple(o.path for o in self.operations if o.after is None)

    @property
    def paths(self) -> tuple[str, ...]:
        """All of them, in order: exactly what a commit of this run holds."""
        return tuple(o.path for o in self.operations)

    def __bool__(self) -> bool:
        return bool(self.operations)


def compare(
    tree: Tree,
    generated: Mapping[str, bytes],
    person: Mapping[str, bytes | None],
    read: Mapping[str, bytes],
    *,
    force: bool,
) -> Changes:
    """The operations that make the tree hold what it should; see ``Workspace.changes``."""
    _require_ours(generated, person)
    paths.check([*generated, *person, *read])
    wanted = [*generated, *(path for path, content in person.items() if content is not None)]
    paths.check_collisions(wanted)

    comparison = _Comparison(tree, force=force)
    for path in sorted(read):
        comparison.require_as_read(path, read[path])
    for path in sorted(generated):
        comparison.generate(path, generated[path])
    for path in sorted(person):
        comparison.write_for_person(path, person[path])
    comparison.sweep(frozenset(generated) | frozenset(person), wanted)
    return comparison.result()


def _require_ours(generated: Mapping[str, bytes], person: Mapping[str, bytes | None]) -> None:
    """A file that breaks these rules could never be recognised and cleaned up again: a bug."""
    if both := sorted(generated.keys() & person.keys()):
        raise ValueError(f"generated and a person's at once: {both}")
    if astray := [path for path in generated if not paths.is_generated_place(path)]:
        raise ValueError(f"generated outside the places for generated files: {astray}")


def changed_meanwhile(path: str) -> Finding:
    """EXTCP-W009, for a file that is no longer what the run is based on."""
    return Finding(
        "EXTCP-W009",
        "the file was changed while the run was at work",
        "run again; nothing was written",
        file=path,
    )


class _Comparison:
    """Collects operations and, so that a person sees them all at once, whatever forbids them."""

    def __init__(self, tree: Tree, *, force: bool) -> None:
        self._tree = tree
        self._force = force
        self._operations: list[Operation] = []
        # A dict for its order: a link above a thousand files is one finding, not a thousand.
        self._findings: dict[Finding, None] = {}

    def require_as_read(self, path: str, content: bytes) -> None:
        """A file that the run is based on."""
        if self._read(path) != content:
            self._findings[changed_meanwhile(path)] = None

    def generate(self, path: str, content: bytes) -> None:
        """A generated file that should be there with this content."""
        found = self._read(path)
        if found is not None and (
            found == content or normalised(found) == normalised(content)
        ):  # what a checkout did to line endings is no difference
            return
        if ownership(content) is not Ownership.INTACT:
            raise ValueError(f"generated without a valid stamp: {path}")
        if found is not None:
            self._protect(path, ownership(found), wanted=True)
        self._add(path, found, content)

    def write_for_person(self, path: str, content: bytes | None) -> None:
        """A person's file that a command edits, creates or, with None, deletes."""
        found = self._read(path)
        if found != content:
            self._add(path, found, content)

    def sweep(self, known: frozenset[str], wanted: list[str]) -> None:
        """Delete what was generated once and is in the tree no more."""
        spelled = {path.lower(): path for path in wanted}
        for path in self._tree.files(paths.GENERATED_PLACES):
            if path in known or not self._is_stamped(path):
                continue
            if twin := spelled.get(path.lower()):
                # On a case-insensitive disk this is that very file, and deleting it would lose it.
                self._refuse("EXTCP-W002", path, f"differs from {twin} only in case", "remove it")
                continue
            found = self._read(path)
            if found is not None:
                self._protect(path, ownership(found), wanted=False)
                self._add(path, found, None)

    def result(self) -> Changes:
        """All operations; or EXTCP-W002 to W009 for each path that forbids them."""
        if self._findings:
            raise ExtcpError(*self._findings)
        return Changes(tuple(sorted(self._operations, key=lambda operation: operation.path)))

    def _is_stamped(self, path: str) -> bool:
        head = self._read(path, HEAD_BYTES)
        return head is not None and ownership(head) is not Ownership.FOREIGN

    def _read(self, path: str, size: int = -1) -> bytes | None:
        try:
            return self._tree.read(path, size)
        except ExtcpError as error:
            self._findings.update(dict.fromkeys(error.findings))
            return None

    def _add(self, path: str, found: bytes | None, content: bytes | None) -> None:
        before = None if found is None else digest(found)
        self._operations.append(Operation(path, before, content))

    def _protect(self, path: str, whose: Ownership, *, wanted: bool) -> None:
        """A person's work is kept, unless the person says otherwise."""
        if self._force or whose is Ownership.INTACT:
            return
        if whose is Ownership.FOREIGN:
            self._refuse(
                "EXTCP-W005",
                path,
                "a file that is not from extcp-gitops is where one should be generated",
                "move it elsewhere and run again; --force, where there is one, overwrites it",
            )
        elif wanted:
            self._refuse(
                "EXTCP-W004",
                path,
                "this generated file was edited by hand",
                "move the edit to mesh.yaml, to the cluster's cluster.yaml or to its custom/ "
                "directory; --force overwrites the file",
            )
        else:
            self._refuse(
                "EXTCP-W004",
                path,
                "this generated file is no longer wanted, but was edited by hand",
                "save the edit elsewhere and remove the file; --force deletes it",
            )

    def _refuse(self, code: str, path: str, message: str, remedy: str) -> None:
        self._findings[Finding(code, message, remedy, file=path)] = None
