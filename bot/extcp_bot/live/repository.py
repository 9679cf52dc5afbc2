"""The mesh's repository at the branch that Argo CD follows, as far as this checkout knows it.

Nothing is fetched: that would take a credential, and change the checkout. What the remote had when
it was last fetched is preferred to a branch of the same name, and that to the working tree.
"""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from extcp_bot import threads
from extcp_bot.kube.failure import CannotLookError
from extcp_gitops.diff.trees import PLACES, Inputs, Snapshot, WorkingTree, directories_above
from extcp_gitops.errors import ExtcpError
from extcp_gitops.git import Repository
from extcp_gitops.verify import build as building
from extcp_gitops.verify.objects import Built, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from extcp_bot.target import Fleet
    from extcp_gitops.diff.trees import Side

    Object = dict[str, Any]

_NO_SUCH_COMMIT: Final = "EXTCP-G040"
_SHORT: Final = 12
_KEPT: Final = 256
_ARGOCD: Final = "argocd"
_CLUSTERS: Final = "clusters"
T = TypeVar("T")


@dataclass(frozen=True)
class Tree:
    """The files of one commit, or of the working tree.

    Attributes:
        name: The branch, for people.
        commit: Its hash; empty for the working tree.
        side: The files.
        inputs: What a directory is built from.
        reader: Reads what is built; clusters share nearly all of their objects.
    """

    name: str
    commit: str
    side: Side
    inputs: Inputs
    reader: Reader = field(default_factory=Reader, repr=False)

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.name} ({self.commit[:_SHORT]})" if self.commit else self.name

    @property
    def argocd(self) -> frozenset[str]:
        """The directories that Argo CD's root Application reads."""
        slugs = self.side.directories(_CLUSTERS)
        return frozenset({_ARGOCD, *(f"{_CLUSTERS}/{slug}/{_ARGOCD}" for slug in slugs)})

    @functools.cached_property
    def _read(self) -> Callable[[str], list[Object] | None]:
        """Reads a file; each is asked for several times in a row, and all are many to keep."""
        return functools.lru_cache(maxsize=_KEPT)(self._load)

    def objects(self, path: str) -> list[Object] | None:
        """The objects of a file; None where there is no such file.

        Raises:
            CannotLookError: It is no YAML.
        """
        return _asked(lambda: self._read(path), path)

    def _load(self, path: str) -> list[Object] | None:
        from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml when needed

        raw = self.side.read(path)
        return None if raw is None else load_objects(raw)


async def main(fleet: Fleet) -> Tree:
    """The files at the branch that Argo CD follows, read once.

    Raises:
        CannotLookError: Git cannot be asked, or the repository is not such as we read.
    """

    async def read() -> Tree:
        return await threads.run(_asked, lambda: _main(fleet), "repository")

    return await fleet.once("repository: main", read)


async def at(fleet: Fleet, commit: str) -> Tree:
    """The files at another commit, read once; raises as :func:`main`."""

    async def read() -> Tree:
        return await threads.run(_asked, lambda: _at(Repository(fleet.root), commit), "repository")

    return await fleet.once(("repository: at", commit), read)


async def changed(fleet: Fleet, before: str, after: str) -> Collection[str] | None:
    """The directories with a file that differs between two commits, at whatever depth below.

    Returns:
        None where this checkout does not have one of the commits.

    Raises:
        CannotLookError: Git cannot be asked.
    """

    def compare() -> Collection[str] | None:
        try:
            paths = Repository(fleet.root).changed_between(before, after)
        except ExtcpError as error:
            if error.findings[0].code == _NO_SUCH_COMMIT:
                return None
            raise
        return directories_above(paths)

    async def read() -> Collection[str] | None:
        return await threads.run(_asked, compare, "repository")

    return await fleet.once(("repository: changed", before, after), read)


async def build(fleet: Fleet, tree: Tree, directory: str) -> Built:
    """What Kustomize builds from a directory, once.

    Raises:
        CannotLookError: There is no Kustomize, or it cannot build the directory.
    """
    needed = tree.inputs.of(directory)  # not in the thread: they are found out once for all

    async def read() -> Built:
        return await threads.run(
            _asked, lambda: _build(fleet.root, tree, directory, needed), directory
        )

    return await fleet.once(("repository: build", tree.commit, directory), read)


def _main(fleet: Fleet) -> Tree:
    branch = fleet.inventory.mesh.repository.branch
    repository = Repository.discover(fleet.root)
    if repository is not None:
        for name, ref in (
            (f"origin/{branch}", f"refs/remotes/origin/{branch}"),
            (branch, f"refs/heads/{branch}"),
        ):
            try:
                commit = repository.resolve(ref)
            except ExtcpError as error:
                if error.findings[0].code != _NO_SUCH_COMMIT:
                    raise
            else:
                return _at(repository, commit, name)
    side = WorkingTree(fleet.root)
    return Tree("the working tree", "", side, Inputs(side))


def _at(repository: Repository, commit: str, name: str = "commit") -> Tree:
    side = Snapshot(repository.files_at(commit, PLACES))
    return Tree(name, commit, side, Inputs(side))


def _build(root: Path, tree: Tree, directory: str, needed: Collection[str]) -> Built:
    kustomize = building.find()
    if not isinstance(tree.side, Snapshot):
        return Built(directory, tree.reader.read(kustomize.build(root, directory)))
    with tempfile.TemporaryDirectory(prefix="extcp-") as scratch:
        tree.side.write(Path(scratch), needed)
        return Built(directory, tree.reader.read(kustomize.build(Path(scratch), directory)))


def _asked(function: Callable[[], T], what: str) -> T:
    """What a function of the generator gives; its errors become reasons why nobody could look."""
    try:
        return function()
    except ExtcpError as error:
        finding = error.findings[0]
        where = finding.location or what
        raise CannotLookError(f"{where}: {finding.message}", finding.remedy, where) from None
