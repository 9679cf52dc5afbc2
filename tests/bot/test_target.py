from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from extcp_bot.access.model import Access
from extcp_bot.kube.failure import CannotLookError
from tests import meshes
from tests.bot.checking import NOBODY, fleet
from tests.bot.fleets import CONFIG, EXTERNAL, PLANE, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.target import Fleet, Target

HERE, THERE = Access("https://here.example.com"), Access("https://there.example.com")


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


def target(found: Fleet, cluster: str) -> Target:
    return next(each for each in found.targets() if each.cluster.name == cluster)


def test_the_external_cluster_comes_first_and_then_the_remote_ones() -> None:
    found = fleet().targets()
    assert [(each.cluster.name, each.plane.name) for each in found] == [
        (EXTERNAL, PLANE),
        (CONFIG, PLANE),
        (SECOND, PLANE),
    ]
    assert [each.is_external for each in found] == [True, False, False]
    assert [each.is_config for each in found] == [False, True, False]


def test_a_cluster_that_nobody_can_reach_says_why() -> None:
    found = fleet()
    with pytest.raises(CannotLookError) as caught:
        found.api(SECOND)
    assert caught.value is NOBODY
    found.access = {}
    with pytest.raises(CannotLookError, match=f"nobody said how to reach {SECOND}") as caught:
        target(found, SECOND).api  # noqa: B018 - it raises
    assert f"--context {SECOND}=CONTEXT" in caught.value.remedy


def test_each_server_has_one_client() -> None:
    found = fleet()
    found.access = {EXTERNAL: HERE, CONFIG: THERE, SECOND: THERE}
    second = target(found, SECOND)
    assert second.api is found.api(SECOND)
    assert second.external is found.api(EXTERNAL)
    assert second.config is found.api(CONFIG)
    assert second.api is not second.config  # two ways, even to one server


def test_argo_cd_may_be_in_one_of_the_clusters_or_elsewhere() -> None:
    found = fleet()
    found.access, found.argocd = {EXTERNAL: HERE, CONFIG: THERE}, HERE
    assert found.argocd_api is found.api(EXTERNAL)
    elsewhere = fleet()
    elsewhere.access, elsewhere.argocd = {EXTERNAL: HERE}, THERE
    assert elsewhere.argocd_api is not elsewhere.api(EXTERNAL)
    assert elsewhere.argocd_api is elsewhere.argocd_api


def test_argo_cd_that_nobody_can_reach_says_why() -> None:
    with pytest.raises(CannotLookError):
        fleet().argocd_api  # noqa: B018 - it raises


def test_a_target_writes_itself_out_without_the_whole_fleet() -> None:
    found = fleet()
    assert CONFIG not in repr(target(found, SECOND)).replace(f"config_cluster='{CONFIG}'", "")


def test_hubs_are_what_other_clusters_lean_on() -> None:
    assert fleet().hubs == {EXTERNAL, CONFIG}


def test_words_are_what_commands_name() -> None:
    remote = meshes.replaced(meshes.REMOTE, "network1", "network2").format(name=SECOND)
    found = fleet({"clusters/remote-cluster-2/cluster.yaml": remote})
    found.contexts = {SECOND: "admin@second", EXTERNAL: "admin@external"}
    assert target(found, SECOND).words == {
        "cluster": SECOND,
        "directory": "clusters/remote-cluster-2",
        "external_directory": "clusters/external-cluster",
        "context": "admin@second",
        "external": "admin@external",
        "argocd": "admin@external",
        "config": CONFIG,
        "config_cluster": CONFIG,
        "namespace": PLANE,
        "plane": PLANE,
        "network": "network2",
        "address": "istiod.example.com",
    }
    found.argocd_context = "admin@argocd"
    assert target(found, CONFIG).words["argocd"] == "admin@argocd"
    assert target(found, EXTERNAL).words["network"] == ""


def test_names_of_api_servers_lead_where_the_fleet_says(mesh: World) -> None:
    async def lookup(host: str) -> tuple[str, ...]:
        return ("127.0.0.1",) if host == "second.clusters.test" else ()

    access = Access(
        f"https://second.clusters.test:{mesh.second.port}",
        ca=mesh.second.access.ca,
        token=mesh.second.access.token,
    )
    mesh.second.put("/api/v1/namespaces", {"metadata": {"name": "a"}})
    mesh.reach(SECOND, access)
    mesh.fleet.lookup = lookup

    async def main() -> None:
        own = mesh.fleet.client(access)
        try:
            for client in (own, mesh.fleet.api(SECOND)):
                assert await client.find("/api/v1/namespaces/a") is not None
            assert own is not mesh.fleet.api(SECOND)
        finally:
            await own.close()
            await mesh.fleet.close()

    asyncio.run(main())


def test_closing_ends_what_is_under_way(mesh: World) -> None:
    async def main() -> None:
        work = asyncio.ensure_future(mesh.fleet.once("work", asyncio.Event().wait))
        read = asyncio.ensure_future(mesh.fleet.api(SECOND).list("/api/v1/namespaces"))
        await asyncio.sleep(0)
        await mesh.fleet.close()
        for each in (work, read):
            with pytest.raises(asyncio.CancelledError):
                await each
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
