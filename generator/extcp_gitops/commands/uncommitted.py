"""What of a mesh is in the working tree and not yet in the newest commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extcp_gitops.inventory.schema import CLUSTER_FILE, MESH_FILE
from extcp_gitops.render.stamp import Ownership, ownership
from extcp_gitops.write.paths import is_generated_place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from extcp_gitops.git import Repository


@dataclass(frozen=True, slots=True)
class Uncommitted:
    """Files that were added, modified or deleted since the newest commit; ignored ones are none.

    Attributes:
        inventory: ``mesh.yaml`` and the clusters' ``cluster.yaml``.
        additions: A person's files in the clusters' ``custom`` and ``credential`` directories,
            which generated files refer to.
        generated: What this tool has written.
    """

    inventory: tuple[str, ...]
    additions: tuple[str, ...]
    generated: tuple[str, ...]

    @classmethod
    def of(cls, repository: Repository) -> Uncommitted:
        """Look at the repository of a mesh, seen from its ``mesh.yaml``."""
        paths = sorted(repository.uncommitted_paths())
        return cls(
            tuple(filter(_is_inventory, paths)),
            tuple(filter(_is_addition, paths)),
            tuple(_generated(repository, [path for path in paths if is_generated_place(path)])),
        )


def _is_inventory(path: str) -> bool:
    match path.split("/"):
        case [file]:
            return file == MESH_FILE
        case ["clusters", _, file]:
            return file == CLUSTER_FILE
    return False


def _is_addition(path: str) -> bool:
    match path.split("/"):
        # A repository in the working tree is listed with '/' at its end, and is no file.
        case ["clusters", _, "custom" | "credential", *_, file]:
            return file != ""
    return False


def _generated(repository: Repository, paths: Collection[str]) -> Iterator[str]:
    """Those that carry a stamp, or did before they were deleted."""
    gone = []
    for path in paths:
        file = repository.root / path
        if file.is_file() and not file.is_symlink():
            if _is_stamped(file.read_bytes()):
                yield path
        else:
            gone.append(path)
    if gone:
        before = repository.files_at("HEAD", gone)
        yield from (path for path in gone if _is_stamped(before.get(path, b"")))


def _is_stamped(content: bytes) -> bool:
    return ownership(content) is not Ownership.FOREIGN
