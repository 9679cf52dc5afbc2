from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.kube.failure import CannotLookError, NotAllowedError
from extcp_bot.live import mesh_root, verification
from tests.bot import planes
from tests.bot.fleets import ADDRESS, CONFIG, PLANE

if TYPE_CHECKING:
    from extcp_bot.live.verification import Verification
    from tests.bot.fleets import World


def wanted(mesh: World) -> Verification:
    async def read() -> Verification:
        fleet = replace(mesh.fleet)
        try:
            return await verification.wanted(fleet.targets()[0])
        finally:
            await fleet.close()

    return asyncio.run(read())


def test_a_private_ca_is_that_of_the_inventory() -> None:
    with planes.mesh() as mesh:
        found = wanted(mesh)
        assert (found.host, found.roots) == (ADDRESS, planes.authority().root)
        assert mesh.config.requests == []


def test_without_one_public_roots_are_wanted() -> None:
    with planes.mesh(private=False) as mesh:
        found = wanted(mesh)
    assert (found.host, found.roots, found.words) == (ADDRESS, None, "public roots")


def test_with_an_ip_address_it_is_istiods_root_and_name() -> None:
    with planes.mesh(by_ip=True) as mesh:
        found = wanted(mesh)
    assert found.host == f"istiod.{PLANE}.svc"
    assert found.roots == planes.authority("Mesh Root").root


@pytest.mark.parametrize("is_denied", [True, False])
def test_a_root_that_nobody_sees_is_not_made_up(is_denied: bool) -> None:
    with planes.mesh(by_ip=True) as mesh:
        if is_denied:
            mesh.config.denied.add(planes.PUBLISHED)
        else:
            planes.remove(mesh.config, planes.PUBLISHED)
        with pytest.raises(CannotLookError) as caught:
            wanted(mesh)
    assert isinstance(caught.value, NotAllowedError) is is_denied


def test_the_root_has_a_place_for_people() -> None:
    with planes.mesh() as mesh:
        place = mesh_root.place(mesh.fleet.targets()[0])
    assert place == f"ConfigMap {PLANE}/istio-ca-root-cert of {CONFIG}"
