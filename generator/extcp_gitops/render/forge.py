"""Continuous integration of the generated repository, in the form that its forge runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_gitops import __version__
from extcp_gitops.inventory.model import Forge
from extcp_gitops.inventory.package import NAME
from extcp_gitops.render.overlay import render_yaml

if TYPE_CHECKING:
    from extcp_gitops.inventory.model import Inventory

# Forgejo reads .gitea/workflows where there is no .forgejo/workflows.
_WORKFLOWS: Final = {Forge.GITHUB: ".github/workflows", Forge.GITEA: ".gitea/workflows"}
_PIPELINE: Final = ".gitlab-ci.yml"


def files(inventory: Inventory) -> dict[str, str]:
    """What the forge runs on each pull or merge request and, where wanted, the bot on a schedule.

    GitLab keeps the times of a schedule itself; there the file says what to do then.

    Returns:
        Text by path; empty where the mesh names no forge.
    """
    repository, schedule = inventory.mesh.repository, inventory.mesh.bot.schedule
    package = repository.package or f"{NAME}=={__version__}"
    context: dict[str, object] = {"forge": repository.forge.value, "package": package}
    if repository.forge is Forge.GITLAB:
        context["scheduled"] = schedule is not None
        return {_PIPELINE: render_yaml("forge/gitlab.yaml.j2", context)}
    directory = _WORKFLOWS.get(repository.forge)
    if directory is None:
        return {}
    found = {f"{directory}/extcp-gitops.yaml": render_yaml("forge/actions.yaml.j2", context)}
    if schedule is not None:
        context |= {"schedule": schedule, "branch": repository.branch}
        found[f"{directory}/extcp-bot.yaml"] = render_yaml("forge/bot.yaml.j2", context)
    return found
