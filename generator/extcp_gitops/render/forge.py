"""Continuous integration of the generated repository, in the form that its forge runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_gitops import __version__
from extcp_gitops.inventory.model import Forge
from extcp_gitops.render.overlay import render_yaml

if TYPE_CHECKING:
    from extcp_gitops.inventory.model import Inventory

# Forgejo reads .gitea/workflows where there is no .forgejo/workflows.
_SKELETONS: Final = {
    Forge.GITHUB: (".github/workflows/extcp-gitops.yaml", "forge/actions.yaml.j2"),
    Forge.GITEA: (".gitea/workflows/extcp-gitops.yaml", "forge/actions.yaml.j2"),
    Forge.GITLAB: (".gitlab-ci.yml", "forge/gitlab.yaml.j2"),
}


def files(inventory: Inventory) -> dict[str, str]:
    """What the forge runs on each pull or merge request.

    Returns:
        Text by path; empty where the mesh names no forge.
    """
    forge = inventory.mesh.repository.forge
    if forge not in _SKELETONS:
        return {}
    path, skeleton = _SKELETONS[forge]
    return {path: render_yaml(skeleton, {"forge": forge.value, "version": __version__})}
