"""The forges that everything is tried on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bot.forge import worlds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bot.forge.worlds import World


@pytest.fixture(params=["gitea", "github", "gitlab"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A repository on each forge; the real Gitea is started for its own turn alone."""
    made = worlds.world(request.param, lambda: request.getfixturevalue("gitea"), tmp_path)
    with made as world:
        yield world
