"""``diff``: builds what a change touches on both sides, and compares object by object."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from extcp_gitops.diff import objects
from extcp_gitops.diff.model import Change, Diff, PartDiff
from extcp_gitops.diff.trees import PLACES, Inputs, Snapshot, WorkingTree, directories_above
from extcp_gitops.errors import ExtcpError, Finding
from extcp_gitops.inventory.names import cluster_name_of_directory
from extcp_gitops.terminal import visible
from extcp_gitops.verify import build
from extcp_gitops.verify.objects import Document, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from extcp_gitops.git import Repository
    from extcp_gitops.verify.build import Kustomize

    Progress = Callable[[int, int], None]

_ARGOCD: Final = "argocd"
_BOT: Final = "bot"
_CREDENTIAL: Final = "credential"
_CRDS: Final = "crds"


@dataclass(frozen=True, slots=True)
class _Target:
    """Something that is compared as a whole.

    Attributes:
        name: Of the cluster, or of what clusters share.
        directories: That Kustomize builds.
        plain: Directory whose files Argo CD reads as they are.
    """

    name: str
    directories: tuple[str, ...]
    plain: str | None = None

    def inputs(self, *sides: Inputs) -> frozenset[str]:
        """All directories that decide what it is, on these sides."""
        built = (side.of(directory) for side in sides for directory in self.directories)
        return frozenset([self.plain] if self.plain else []).union(*built)


@dataclass(frozen=True, slots=True)
class _Side:
    """What came of the directories of one side."""

    documents: Mapping[str, tuple[Document, ...]]
    problems: tuple[Finding, ...]

    def of(self, target: _Target) -> list[Document]:
        """All objects of a target."""
        directories = (*target.directories, target.plain)
        return [item for name in directories if name for item in self.documents.get(name, ())]


def compare(
    repository: Repository,
    revision: str,
    names: Collection[str] = (),
    progress: Progress = lambda _done, _total: None,
) -> Diff:
    """Compare the objects of each cluster at a commit with those of the working tree.

    Args:
        repository: At the root of the mesh's repository.
        revision: A branch, tag or commit.
        names: Clusters to look at; by default all, and what they share.
        progress: Told how many directories are built, and of how many.

    Raises:
        CouldNotTellError: EXTCP-V004, there is no Kustomize.
        ExtcpError: EXTCP-D002 for a cluster that is on neither side; those of ``Repository``.
    """
    commit = repository.resolve(revision)
    kustomize = build.find()
    snapshot = Snapshot(repository.files_at(commit, PLACES))
    before, after = Inputs(snapshot), Inputs(WorkingTree(repository.root))
    changed = directories_above(repository.changed_paths(commit))
    targets = [
        target
        for target in _targets(before, after, names)
        if changed & target.inputs(before, after)
    ]
    builder = _Builder(kustomize, targets, progress)
    with tempfile.TemporaryDirectory(prefix="extcp-gitops-") as scratch:
        snapshot.write(Path(scratch), {name for item in targets for name in item.inputs(before)})
        old = builder.side(Path(scratch), before, f"at {revision}")
    new = builder.side(repository.root, after, "in the working tree")
    return _diff(revision, commit, targets, old, new)


def _targets(before: Inputs, after: Inputs, names: Collection[str]) -> Iterator[_Target]:
    """Everything there is to compare; with names, those clusters alone."""
    sides = (before, after)
    slugs = {slug for inputs in sides for slug in inputs.side.directories("clusters")}
    clusters = {visible(cluster_name_of_directory(slug)): f"clusters/{slug}" for slug in slugs}
    for name in names:
        if name not in clusters:
            raise ExtcpError.of(
                "EXTCP-D002",
                f"there is no cluster '{name}' on either side",
                "see 'extcp-gitops cluster list'",
            )
    for name in sorted(set(names or clusters)):
        own = clusters[name]
        yield _Target(name, (own, f"{own}/{_BOT}", f"{own}/{_CREDENTIAL}"), f"{own}/{_ARGOCD}")
    if not names:
        yield _Target(_ARGOCD, (_ARGOCD,))
        releases = {name for inputs in sides for name in inputs.side.directories("istio")}
        yield _Target(_CRDS, tuple(f"istio/{release}/{_CRDS}" for release in sorted(releases)))


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds the same targets on either side; equal texts are read once for both."""

    kustomize: Kustomize
    targets: list[_Target]
    progress: Progress
    reader: Reader = field(default_factory=Reader)

    def side(self, root: Path, inputs: Inputs, where: str) -> _Side:
        """Build what there is of the targets below a root."""
        directories = [name for target in self.targets for name in target.directories]
        there = filter(inputs.is_there, directories)
        outcomes = [build.build(self.kustomize, root, there, self.reader, self.progress)]
        plain = (target.plain for target in self.targets if target.plain is not None)
        outcomes += [build.read(root, directory, self.reader) for directory in plain]
        documents = {part.directory: part.documents for come in outcomes for part in come.built}
        problems = [
            replace(finding, message=f"{where}: {finding.message}")
            for come in outcomes
            for finding in (*come.findings, *come.unknown)
        ]
        return _Side(documents, tuple(problems))


def _diff(revision: str, commit: str, targets: list[_Target], old: _Side, new: _Side) -> Diff:
    problems = (*old.problems, *new.problems)
    parts: dict[str, PartDiff] = {}
    clusters: list[PartDiff] = []
    for target in targets:
        part = _part(target, old, new)
        if part is None or any(_concerns(problem, target) for problem in problems):
            continue
        if target.plain is None:
            parts[target.name] = part
        else:
            clusters.append(part)
    return Diff(revision, commit, tuple(clusters), parts.get(_ARGOCD), parts.get(_CRDS), problems)


def _concerns(problem: Finding, target: _Target) -> bool:
    return any(f"{problem.file}/".startswith(f"{name}/") for name in target.directories)


def _part(target: _Target, old: _Side, new: _Side) -> PartDiff | None:
    before, after = old.of(target), new.of(target)
    found = objects.compare(before, after)
    if not found:
        return None
    if not before:
        return PartDiff(target.name, Change.ADDED, found)
    return PartDiff(target.name, Change.CHANGED if after else Change.REMOVED, found)
