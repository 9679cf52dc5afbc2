"""A healthy mesh whose second cluster has just been merged: Argo CD has applied it, and no more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.bot.fleets import SECOND
from tests.bot.identities import SECRETS
from tests.bot.storing import TOKEN_TYPE, Store

if TYPE_CHECKING:
    from tests.bot.fleets import World

    Object = dict[str, Any]

DELIVERED = f"{SECRETS}/istio-remote-secret-{SECOND}"
READER_TOKEN = f"{SECRETS}/istio-reader-service-account-istio-remote-secret-token"


class Merged:
    """The mesh of ``healthy_mesh``, whose clusters can be written to.

    Attributes:
        mesh: With its fleet.
        outside: What is written to the external cluster.
        inside: What is written to the second remote cluster.
    """

    def __init__(self, mesh: World) -> None:
        self.mesh = mesh
        for name, server in mesh.servers.items():
            if name != mesh.fleet.inventory.external.name:
                address = f"https://{name}.clusters.test:{server.port}"
                mesh.reach(name, replace(server.access, server=address))
        self.outside, self.inside = Store(mesh.external), Store(mesh.second)
        self.outside.forget(DELIVERED)
        self.fill()

    def fill(self) -> str:
        """Let the token be one that names the account that the cluster has."""
        item = self.mesh.second.objects[READER_TOKEN]
        assert item["type"] == TOKEN_TYPE
        return self.inside.fill(READER_TOKEN)
