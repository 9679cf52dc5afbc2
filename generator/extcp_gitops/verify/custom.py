"""A person's own directory of a cluster takes part in what is deployed.

That it is a component, the inventory checks (EXTCP-I029); here is what it cannot see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_gitops.errors import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_gitops.inventory.model import Cluster

_FILE: Final = "kustomization.yaml"


def check(root: Path, cluster: Cluster) -> Iterator[Finding]:
    """Files in ``clusters/<name>/custom`` that nothing lists, because Kustomize's own is missing.

    Args:
        root: The repository.
        cluster: One of its clusters.
    """
    directory = f"{cluster.directory}/custom"
    path = root / directory
    if path.is_dir() and any(path.iterdir()) and not (path / _FILE).is_file():
        yield Finding(
            "EXTCP-V002",
            f"there is no {_FILE}, so nothing in this directory is deployed",
            f"add {_FILE} of kind Component that lists what is here, and run "
            "'extcp-gitops generate'",
            directory,
            severity=Severity.WARNING,
        )
