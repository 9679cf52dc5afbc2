"""A repository of which nothing is known but where it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from extcp_bot.service.checkout import Origin
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory.model import Forge

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gitea import Gitea


def test_the_api_is_asked_where_it_is(
    gitea: Gitea, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "https")
    monkeypatch.setenv("EXTCP_FORGE_TOKEN", gitea.bot.token)
    shown: list[str] = []

    async def user(request: web.Request) -> web.Response:
        shown.append(request.headers["Authorization"])
        return web.json_response(gitea.call("GET", "/user", by=gitea.bot))

    async def scene() -> None:
        elsewhere = web.Application()
        elsewhere.router.add_get("/elsewhere/user", user)
        async with TestServer(elsewhere) as server:
            api = str(server.make_url("/elsewhere"))
            url = gitea.repository().url
            await Origin(url, "main", Forge.GITEA, api, gitea.roots).clone(tmp_path / "mesh")

    asyncio.run(scene())
    assert (tmp_path / "mesh" / "README.md").is_file()
    assert shown == [f"token {gitea.bot.token}"]


@pytest.mark.parametrize(
    "api", ["http://git.example.com/api/v1", "https://ada@git.example.com", "git.example.com", ""]
)
def test_an_api_that_no_token_may_go_to_is_refused(api: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-F002"):
        Origin("https://git.example.com/a/mesh.git", "main", Forge.GITEA, api)
