"""Three repositories, generated and built once for all tests of ``verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import repositories
from tests.repositories import Scene

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def host_name(host_name_mesh: Path, kustomize: Path) -> Scene:
    """The variant for production, with everything in it."""
    return Scene.of(host_name_mesh, kustomize)


@pytest.fixture(scope="session")
def ip_address(
    tmp_path_factory: pytest.TempPathFactory,
    istioctl_path: Path,
    kustomize: Path,
    render_cache: Path,
) -> Scene:
    """The variant for experiments."""
    root = tmp_path_factory.mktemp("ip-address")
    repositories.create(root, repositories.ip_address(), istioctl_path, render_cache)
    return Scene.of(root, kustomize)


@pytest.fixture(scope="session")
def with_bot(
    tmp_path_factory: pytest.TempPathFactory,
    istioctl_path: Path,
    kustomize: Path,
    render_cache: Path,
) -> Scene:
    """A mesh whose bot runs in the external cluster."""
    root = tmp_path_factory.mktemp("with-bot")
    repositories.create(root, repositories.with_bot(), istioctl_path, render_cache)
    return Scene.of(root, kustomize)
