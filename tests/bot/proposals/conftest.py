"""A desk for each test: a mesh on a repository of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bot.proposals import desk as desks
from tests.bot.proposals.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bot.proposals.desk import Desk
    from tests.gitea import Gitea


@pytest.fixture
def programs(
    kustomize_on_path: None,  # noqa: ARG001 - on PATH
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "https")


@pytest.fixture
def desk(
    gitea: Gitea,
    tmp_path: Path,
    istioctl_path: Path,
    render_cache: Path,
    programs: None,  # noqa: ARG001 - on PATH
) -> Desk:
    """A mesh of two remote clusters on a real Gitea, without a candidate."""
    return desks.begin(tmp_path / "mesh", gitea.repository(), istioctl_path, render_cache)


@pytest.fixture
def scene(  # noqa: PLR0917 - fixtures
    gitea: Gitea,
    tmp_path: Path,
    istioctl_path: Path,
    kustomize: Path,
    render_cache: Path,
    programs: None,  # noqa: ARG001 - on PATH
) -> Scene:
    return Scene(gitea.repository(), tmp_path, istioctl_path, kustomize, render_cache)
