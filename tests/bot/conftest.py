"""Fixtures that many tests of the bot share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bot.fleets import World
    from tests.bot.simulation.generated import Generated
    from tests.gitea import Gitea


@pytest.fixture(scope="session")
def repository(
    tmp_path_factory: pytest.TempPathFactory,
    istioctl_path: Path,
    kustomize: Path,
    render_cache: Path,
) -> Generated:
    """The repository of :func:`healthy_mesh`, generated and built once."""
    from tests.bot.simulation import generated  # noqa: PLC0415 - few tests want it

    root = tmp_path_factory.mktemp("mesh")
    return generated.generate(root, istioctl_path, kustomize, render_cache, generated.files())


@pytest.fixture
def healthy_mesh(
    repository: Generated,
    kustomize_on_path: None,  # noqa: ARG001 - on PATH
) -> Iterator[World]:
    """A whole simulated mesh on which every check is healthy; see ``tests/bot/healthy.py``."""
    from tests.bot.healthy import healthy  # noqa: PLC0415 - few tests want it

    with healthy(repository) as mesh:
        yield mesh


@pytest.fixture(scope="session")
def gitea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gitea]:
    """A real Gitea; see ``tests/gitea.py``."""
    from tests.gitea import running  # noqa: PLC0415 - few tests want it

    with running(tmp_path_factory.mktemp("gitea")) as server:
        yield server
