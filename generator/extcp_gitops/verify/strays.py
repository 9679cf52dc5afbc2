"""Files that are not where their effect is: left out of what is deployed, or let into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_gitops.errors import Finding, Severity
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
