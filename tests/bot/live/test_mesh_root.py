from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.live import mesh_root
from tests.bot import planes

if TYPE_CHECKING:
    from tests.bot.fleets import World


def published(mesh: World) -> list[str]:
    """As each target sees it."""

    async def read() -> list[str]:
        fleet = replace(mesh.fleet)
        try:
            return [await mesh_root.published(target) for target in fleet.targets()]
        finally:
            await fleet.close()

    return asyncio.run(read())


def test_it_is_read_in_the_config_cluster_once_for_all() -> None:
    with planes.mesh() as mesh:
        assert published(mesh) == [planes.authority("Mesh Root").root] * 3
        assert mesh.config.requests == [f"GET {planes.PUBLISHED}"]


@pytest.mark.parametrize("data", [{}, None])
def test_a_config_map_without_it_is_as_none(data: object) -> None:
    with planes.mesh() as mesh:
        mesh.config.objects[planes.PUBLISHED]["data"] = data
        assert published(mesh) == [""] * 3
        planes.remove(mesh.config, planes.PUBLISHED)
        assert published(mesh) == [""] * 3
