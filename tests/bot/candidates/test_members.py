from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from extcp_bot.candidates import members
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import cluster_uid
from tests.bot.fleets import CONFIG, EXTERNAL, SECOND, World, world

if TYPE_CHECKING:
    from extcp_bot.kube.client import Client


def ask(its: World) -> dict[str, str | CannotLookError]:
    async def run() -> dict[str, str | CannotLookError]:
        fleet = replace(its.fleet)
        try:
            return await members.ask(fleet, its.servers, cluster_uid.of)
        finally:
            await fleet.close()

    return asyncio.run(run())


def test_each_cluster_answers_for_itself() -> None:
    with world() as its:
        for name, server in its.servers.items():
            metadata = {"name": "kube-system", "uid": f"uid-of-{name}"}
            server.put("/api/v1/namespaces", {"metadata": metadata})
        answers = ask(its)
    assert answers == {name: f"uid-of-{name}" for name in (EXTERNAL, CONFIG, SECOND)}
    assert members.unasked(answers) is None


def test_those_that_cannot_be_asked_are_one_reason() -> None:
    with world() as its:
        for server in its.servers.values():
            server.denied.add("/api/v1/namespaces")
        error = members.unasked(ask(its))
    assert error is not None
    assert error.why.startswith(f"{EXTERNAL}, {CONFIG}, {SECOND} could not be asked: ")


def test_many_that_cannot_be_asked_are_counted() -> None:
    failure = CannotLookError("nobody said how", "say how")
    error = members.unasked({str(number): failure for number in range(1_000)})
    assert error is not None
    assert error.why == "0, 1, 2 and 997 more could not be asked: nobody said how"


def test_no_more_are_asked_at_once_than_a_process_has_connections_for() -> None:
    busy, most = 0, 0

    async def question(_: Client) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0)
        busy -= 1

    async def run(its: World) -> None:
        names = [f"cluster-{number}" for number in range(200)]
        access = dict.fromkeys(names, its.second.access)
        fleet = replace(its.fleet, access=access)
        await members.ask(fleet, names, question)
        await fleet.close()

    with world() as its:
        asyncio.run(run(its))
    assert 1 < most <= 64
