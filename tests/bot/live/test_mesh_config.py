from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_bot.live import mesh_config
from extcp_bot.live.mesh_config import MeshConfig
from tests.bot.asking import ask
from tests.bot.fleets import CONFIG, PLANE, World, world

if TYPE_CHECKING:
    from tests.bot.apiserver import ApiServer

NOTHING = MeshConfig("", "")


def put(server: ApiServer, text: str) -> None:
    item = {"metadata": {"name": "istio"}, "data": {"mesh": text}}
    server.put(f"/api/v1/namespaces/{PLANE}/configmaps", item)


def test_each_cluster_has_its_own() -> None:
    with world() as mesh:
        put(mesh.external, "defaultConfig: {meshId: mesh1}\ntrustDomain: a.example.com\n")
        put(mesh.config, "trustDomain: b.example.com\n")
        assert ask(mesh, mesh_config.of_istiod, CONFIG) == MeshConfig("mesh1", "a.example.com")
        assert ask(mesh, mesh_config.of_config_cluster, CONFIG) == MeshConfig("", "b.example.com")


def test_there_may_be_none() -> None:
    with world() as mesh:
        assert ask(mesh, mesh_config.of_istiod, CONFIG) == NOTHING


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: [",
        "- 1",
        "trustDomain: [1]",
        "defaultConfig: 1",
        "2001-99-99",
        "[" * 60_000,
        "x" * 1_000_000,
    ],
)
def test_nonsense_says_nothing(text: str) -> None:
    with world() as mesh:
        put(mesh.external, text)
        assert ask(mesh, mesh_config.of_istiod, CONFIG) == NOTHING


def test_what_the_repository_writes_is_understood(healthy_mesh: World) -> None:
    found = ask(healthy_mesh, mesh_config.of_istiod, CONFIG)
    assert found == MeshConfig("mesh1", "cluster.local")
