from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import trust
from tests import meshes
from tests.bot.apiserver import ROOT, dead_server
from tests.bot.fleets import SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.access.model import Access

FOREIGN = meshes.certificate()


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


def misplaced(mesh: World, access: Access) -> bool:
    fleet = replace(mesh.fleet)
    target = next(each for each in fleet.targets() if each.cluster.name == SECOND)

    async def work() -> bool:
        try:
            return await trust.misplaced(target, access)
        finally:
            await fleet.close()

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("ca", "has_roots"), [(None, True), (ROOT, True), ("", False), ("CA", False), ("é", False)]
)
def test_roots_are_certificates(mesh: World, ca: str | None, *, has_roots: bool) -> None:
    assert trust.has_roots(replace(mesh.second.access, ca=ca)) is has_roots


def test_a_ca_that_vouches_is_in_its_place(mesh: World) -> None:
    assert not misplaced(mesh, mesh.second.access)


def test_a_foreign_ca_at_the_known_address_is_not(mesh: World) -> None:
    assert misplaced(mesh, replace(mesh.second.access, ca=FOREIGN))


def test_nor_is_a_certificate_that_is_not_for_the_name(mesh: World) -> None:
    assert misplaced(mesh, replace(mesh.second.access, tls_server_name="api.example.org"))


def test_at_another_address_the_known_ca_tells_whether_it_is_the_cluster(mesh: World) -> None:
    elsewhere = f"https://localhost:{mesh.second.port}"
    access = replace(mesh.second.access, server=elsewhere, ca=FOREIGN)
    assert misplaced(mesh, access)
    mesh.reach(SECOND, replace(mesh.second.access, ca=meshes.certificate("Another")))
    assert not misplaced(mesh, access)


@pytest.mark.parametrize("ca", [None, "no certificate"])
def test_without_a_known_ca_only_the_known_address_is_the_clusters(
    mesh: World, ca: str | None
) -> None:
    mesh.reach(SECOND, replace(mesh.second.access, ca=ca))
    access = replace(mesh.second.access, ca=FOREIGN)
    assert misplaced(mesh, access)
    assert not misplaced(mesh, replace(access, server=f"https://localhost:{mesh.second.port}"))


def test_nobody_knows_a_cluster_that_nobody_said_how_to_reach(mesh: World) -> None:
    mesh.reach(SECOND, CannotLookError("nobody said how to reach it", "say it"))
    assert not misplaced(mesh, replace(mesh.second.access, ca=FOREIGN))


def test_a_server_that_is_not_there_is_no_answer(mesh: World) -> None:
    with dead_server() as dead, pytest.raises(CannotLookError):
        misplaced(mesh, dead)
