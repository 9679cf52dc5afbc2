"""Files that are not where they would have an effect, or that have one where they should not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_gitops.errors import ExtcpError, Finding, Severity
from extcp_gitops.inventory.schema import MESH_FILE
from extcp_gitops.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_gitops.inventory.model import Cluster, Inventory

_KUSTOMIZATION: Final = "kustomization.yaml"
_READ_BY_THE_ROOT: Final = ("argocd/applications.yaml", "argocd/project.yaml")


def check(root: Path, inventory: Inventory) -> Iterator[Finding]:
    """Directories of no cluster that Argo CD would take for one.

    The root Application reads ``clusters/*/argocd``, whatever the inventory says; an AppProject
    there can allow anything.

    Args:
        root: The repository.
        inventory: Of it.
    """
    known = {cluster.slug for cluster in inventory.clusters}
    for path in sorted((root / "clusters").glob("*")):
        if path.name not in known and any((path / name).exists() for name in _READ_BY_THE_ROOT):
            yield Finding(
                "EXTCP-V006",
                "is no cluster of the inventory, but Argo CD would do what its argocd/ says",
                "remove the directory, or give it a cluster.yaml and run 'extcp-gitops generate'",
                visible(f"clusters/{path.name}"),
            )


def check_root(root: Path) -> Iterator[Finding]:
    """A mesh below the top of the Git repository that its files belong to.

    The paths in its Applications count from the top, so Argo CD would find nothing there. A mesh
    that an outer repository ignores, or that nobody has put into Git, is none of this.

    Args:
        root: The mesh's directory.
    """
    top = next((path for path in (root, *root.parents) if (path / ".git").exists()), root)
    if top != root and _belongs_to_git(root):
        yield Finding(
            "EXTCP-V007",
            f"the mesh is in '{root.relative_to(top)}' of a Git repository, and Argo CD would look "
            "for its files at the top",
            "give the mesh a repository of its own: move this directory out of that one, git init "
            "there, and push it to the repository.url of mesh.yaml",
            MESH_FILE,
        )


def _belongs_to_git(root: Path) -> bool:
    from extcp_gitops.git import Repository  # noqa: PLC0415 - GitPython is slow to import

    try:
        repository = Repository.discover(root)
        if repository is None:
            return False
        return MESH_FILE in repository.files_at("HEAD", [MESH_FILE]) or (
            MESH_FILE in repository.changed_paths("HEAD")  # new there, and not ignored
        )
    except ExtcpError:  # nothing else of 'validate' needs Git, so it may be missing
        return False


def check_custom(root: Path, cluster: Cluster) -> Iterator[Finding]:
    """Files in ``clusters/<name>/custom`` that nothing lists, because Kustomize's own is missing.

    That this one is a component, the inventory checks (EXTCP-I029).

    Args:
        root: The repository.
        cluster: One of its clusters.
    """
    directory = f"{cluster.directory}/custom"
    path = root / directory
    if path.is_dir() and any(path.iterdir()) and not (path / _KUSTOMIZATION).is_file():
        yield Finding(
            "EXTCP-V002",
            f"there is no {_KUSTOMIZATION}, so nothing in this directory is deployed",
            f"add {_KUSTOMIZATION} of kind Component that lists what is here, and run "
            "'extcp-gitops generate'",
            directory,
            severity=Severity.WARNING,
        )
