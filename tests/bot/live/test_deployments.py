from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.live import deployments
from tests.bot import planes
from tests.bot.fleets import PLANE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.live.deployments import Deployment
    from tests.bot.fleets import World


@pytest.fixture
def mesh() -> Iterator[World]:
    with planes.mesh() as made:
        yield made


def both(mesh: World) -> list[Deployment | None]:
    async def read() -> list[Deployment | None]:
        fleet = replace(mesh.fleet)
        target = fleet.targets()[0]
        try:
            return [await deployments.istiod(target), await deployments.gateway(target)]
        finally:
            await fleet.close()

    return asyncio.run(read())


def test_istiod_and_its_gateway_are_read(mesh: World) -> None:
    istiod, gateway = both(mesh)
    assert istiod is not None
    assert gateway is not None
    assert istiod.place == f"Deployment {PLANE}/istiod"
    assert istiod.readiness == "1 of 1 replicas ready"
    assert istiod.pod["containers"][0]["name"] == "discovery"
    assert gateway.place == "Deployment istio-system/istio-ingressgateway"


def test_a_status_that_is_not_there_yet_counts_nothing(mesh: World) -> None:
    del mesh.external.objects[planes.ISTIOD]["status"]
    istiod, _ = both(mesh)
    assert istiod is not None
    assert (istiod.wanted, istiod.ready) == (1, 0)


def test_what_is_not_there_is_none(mesh: World) -> None:
    planes.remove(mesh.external, planes.ISTIOD)
    istiod, gateway = both(mesh)
    assert istiod is None
    assert gateway is not None
