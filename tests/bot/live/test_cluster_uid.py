from __future__ import annotations

import asyncio

import pytest

from extcp_bot.kube.client import Client
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import cluster_uid
from tests.bot.apiserver import ApiServer


def read(server: ApiServer) -> str:
    async def run() -> str:
        async with Client(server.access) as api:
            return await cluster_uid.of(api)

    return asyncio.run(run())


def test_the_uid_is_that_of_the_systems_namespace() -> None:
    with ApiServer() as server:
        server.put("/api/v1/namespaces", {"metadata": {"name": "kube-system", "uid": "1-2-3"}})
        server.put("/api/v1/namespaces", {"metadata": {"name": "default", "uid": "4-5-6"}})
        assert read(server) == "1-2-3"


def test_a_server_without_one_is_no_cluster() -> None:
    with ApiServer() as server, pytest.raises(CannotLookError, match="no namespace kube-system"):
        read(server)
