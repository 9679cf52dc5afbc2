"""A Lease on a simulated API server, which refuses writes that rely on an older version of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from extcp_bot.service.lease import Place
from tests.bot.apiserver import status

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bot.apiserver import ApiServer

NAMESPACE, NAME = "extcp-bot", "extcp-bot"
HERE = Place(NAMESPACE, NAME, "any")


class Lease:
    """What the server keeps, and what it was asked.

    Args:
        server: Serves it.

    Attributes:
        object: The Lease; None where there is none yet.
        broken: Whether the server answers with 500 to all.
        meanwhile: Called once, after a read and before it is answered: what another replica does.
    """

    def __init__(self, server: ApiServer) -> None:
        self.object: dict[str, Any] | None = None
        self.broken = False
        self.meanwhile: Callable[[], None] | None = None
        self._version = 0
        server.handlers[HERE.path] = self._one
        server.handlers[HERE.collection] = self._all

    @property
    def spec(self) -> dict[str, Any]:
        """What the Lease says."""
        assert self.object is not None
        spec: dict[str, Any] = self.object["spec"]
        return spec

    def write(self, **spec: object) -> None:
        """Write to it, as somebody else."""
        before = self.object["spec"] if self.object else {}
        metadata = {"name": NAME, "namespace": NAMESPACE}
        self._keep({"metadata": metadata, "spec": {**before, **spec}})

    def _keep(self, item: dict[str, Any]) -> None:
        self._version += 1
        metadata = {**item["metadata"], "resourceVersion": str(self._version)}
        self.object = {**item, "metadata": metadata}

    async def _one(self, request: web.Request) -> web.StreamResponse:
        if self.broken:
            return status(500, "the storage is away")
        if request.method == "GET":
            found = self.object
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile is not None:
                meanwhile()
            return web.json_response(found) if found else status(404, "not found")
        body = await request.json()
        assert self.object is not None
        if body["metadata"].get("resourceVersion") != self.object["metadata"]["resourceVersion"]:
            return status(409, "the object has been modified")
        self._keep(body)
        return web.json_response(self.object)

    async def _all(self, request: web.Request) -> web.StreamResponse:
        if self.broken:
            return status(500, "the storage is away")
        if self.object is not None:
            return status(409, "already exists")
        self._keep(await request.json())
        return web.json_response(self.object, status=201)
