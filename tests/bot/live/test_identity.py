from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import pytest

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import identity
from extcp_bot.live.identity import Account
from extcp_bot.live.rbac import Rule
from extcp_bot.live.reviews import User
from tests.bot.fleets import CONFIG, PLANE, SECOND, World, world
from tests.bot.identities import ACCOUNTS, RULES, deliver, grant, token, uid, user

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from extcp_bot.live.identity import Proof, Said
    from extcp_bot.target import Target

T = TypeVar("T")

LIST_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        deliver(made, CONFIG)
        deliver(made, SECOND)
        grant(made.second, [LIST_PODS])
        yield made


def ask(mesh: World, question: Callable[[Target], Awaitable[T]], cluster: str = SECOND) -> T:
    fleet = replace(mesh.fleet)
    target = next(each for each in fleet.targets() if each.cluster.name == cluster)

    async def work() -> T:
        try:
            return await question(target)
        finally:
            await fleet.close()

    return asyncio.run(work())


async def both(target: Target) -> tuple[Proof, Said]:
    proof = await identity.proof(target)
    await identity.said(target, proof)
    return proof, await identity.said(target, proof)


def test_istiod_is_another_account_on_the_config_cluster(mesh: World) -> None:
    accounts = {each.cluster.name: identity.account(each) for each in mesh.fleet.targets()[1:]}
    assert accounts == {
        CONFIG: Account("istiod", PLANE),
        SECOND: Account("istio-reader-service-account", PLANE),
    }
    assert accounts[SECOND].user == user(SECOND)
    assert accounts[CONFIG].token_secret == "istiod-istio-remote-secret-token"  # noqa: S105 - a name


def test_the_cluster_is_asked_over_one_connection_and_once(mesh: World) -> None:
    proof, said = ask(mesh, both)
    assert proof.credential.key == SECOND
    assert said.user == User(user(SECOND), uid(SECOND))
    assert said.everywhere == frozenset({Rule.of(LIST_PODS)})
    assert len(mesh.second.requests) == 2
    assert mesh.second.tokens == {token(SECOND)}


def test_rules_that_cannot_be_asked_for_leave_the_user_known(mesh: World) -> None:
    del mesh.second.posts[RULES]
    _, said = ask(mesh, both)
    assert said.user is not None
    assert isinstance(said.everywhere, CannotLookError)


def test_the_key_that_istiod_mounts_is_the_one_that_counts(mesh: World) -> None:
    secret = mesh.external.objects[f"/api/v1/namespaces/{PLANE}/secrets/istio-kubeconfig"]
    secret["data"] = {"another": "e30=", **secret["data"]}
    assert ask(mesh, identity.proof, CONFIG).credential.key == "config"


def test_no_proof_shows_the_token(mesh: World) -> None:
    assert token(SECOND) not in repr(ask(mesh, identity.proof))


@pytest.mark.parametrize("of_user", [{"token": ""}, {"exec": "x"}])
def test_a_kubeconfig_that_istiod_refuses_is_not_tried(
    mesh: World, of_user: dict[str, str]
) -> None:
    deliver(mesh, SECOND, of_user=of_user)
    with pytest.raises(CannotLookError) as error:
        ask(mesh, identity.proof)
    assert "EXTCP-H05" in error.value.remedy


@pytest.mark.parametrize(
    "host",
    ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0"],  # noqa: S104 - to be refused
)
def test_a_server_of_its_own_machine_is_not_tried_from_another(mesh: World, host: str) -> None:
    deliver(mesh, SECOND, of_cluster={"server": f"https://{host}:{mesh.second.port}"})
    assert ask(mesh, identity.proof).access.server.endswith(f"{host}:{mesh.second.port}")
    mesh.reach(SECOND, replace(mesh.second.access, server="https://192.0.2.1:6443"))
    with pytest.raises(CannotLookError):
        ask(mesh, identity.proof)


def test_the_account_is_the_one_that_the_bot_sees(mesh: World) -> None:
    assert ask(mesh, identity.account_uid) == uid(SECOND)
    del mesh.second.objects[f"{ACCOUNTS}/istio-reader-service-account"]
    assert ask(mesh, identity.account_uid) is None
