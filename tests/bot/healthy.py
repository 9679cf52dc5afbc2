"""A whole simulated mesh on which every check is healthy.

Its objects are those of the repository that the generator writes, built by Kustomize, with all
that the controllers of Kubernetes, istiod, Argo CD and people add to them in live clusters
(``tests/bot/simulation``). A test takes the fixture ``healthy_mesh``, spoils one thing and looks;
``mesh.servers[name].objects`` holds the objects by path. Tests of Hypothesis take the fixture
``repository`` and make a mesh for each example::

    with healthy(repository) as mesh:
        results = mesh.check_all()
"""

from __future__ import annotations

import contextlib
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from extcp_bot.target import Fleet
from tests.bot.apiserver import ApiServer
from tests.bot.fleets import QUICK, World
from tests.bot.simulation import argocd, controllers, istio, istiods, roots
from tests.bot.tlsserver import TlsServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bot.simulation.generated import Generated

PORTS = (15012, 15017)
ADDRESSES = {"external-cluster": "192.0.2.10"}


@contextlib.contextmanager
def healthy(repository: Generated) -> Iterator[World]:
    """The mesh of a repository, live and in order, for as long as the block lasts."""
    inventory = repository.inventory
    with ExitStack() as stack:
        servers = {each.name: stack.enter_context(ApiServer()) for each in inventory.clusters}
        for number, (name, server) in enumerate(servers.items(), 11):
            address = ADDRESSES.get(name, f"192.0.2.{number}")
            controllers.install(server, repository.objects(name), address)
        for cluster in inventory.remotes:
            istio.remote(servers[cluster.name], inventory, cluster)
        (plane,) = inventory.mesh.control_planes
        remotes = {each.name: servers[each.name] for each in inventory.remotes}
        external = servers[inventory.external.name]
        istio.external(external, plane.address, remotes, plane.config_cluster)
        istiods.serve(external, remotes, plane.config_cluster)
        argocd.install(external, repository)
        gateway = stack.enter_context(TlsServer(roots.gateway_pair(plane.address)))
        access = {name: server.access for name, server in servers.items()}
        fleet = Fleet(
            inventory,
            repository.root,
            access,
            access[inventory.external.name],
            limits=QUICK,
            connect_to={(plane.address, port): gateway.place for port in PORTS},
            lookup=_lookup,
        )
        yield World(servers, fleet)


async def _lookup(host: str) -> tuple[str, ...]:
    """Of the control plane's address it says what the load balancer does, of servers where we are.

    Raises:
        socket.gaierror: There is no such name.
    """
    if host == "istiod.example.com":
        return (ADDRESSES["external-cluster"],)
    if host.endswith(".clusters.test"):
        return ("127.0.0.1",)
    raise socket.gaierror(socket.EAI_NONAME, host)
