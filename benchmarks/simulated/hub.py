"""The external cluster and the config cluster of a large simulated mesh."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmarks.simulated.recording import TEMPLATE, renewed, time
from tests.bot.apiserver import ApiServer
from tests.bot.fleets import CONFIG, EXTERNAL
from tests.bot.healthy import ADDRESSES
from tests.bot.simulation import argocd, controllers, istio, istiods, roots
from tests.bot.tlsserver import TlsServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiohttp import web

    from benchmarks.simulated.recording import Recording
    from tests.bot.simulation.generated import Generated

Object = dict[str, Any]

_SHOWN = ("Pod", "EndpointSlice")


class Slow(ApiServer):
    """An API server that answers after a while.

    Attributes:
        delay: Seconds.
    """

    delay = 0.0

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.delay)
        return await super()._serve(request)


class Seen(ApiServer):
    """A remote cluster as istiod sees it; it serves nothing."""

    def __init__(self, objects: dict[str, Object]) -> None:
        self.objects = objects


@dataclass(frozen=True)
class Remote:
    """A remote cluster that others serve.

    Attributes:
        name: Its name.
        port: Where it serves.
        ca: PEM.
        token: Of istiod.
    """

    name: str
    port: int
    ca: str
    token: str


@dataclass(frozen=True)
class Hub:
    """What serves.

    Attributes:
        servers: The external and the config cluster's, by name.
        gateway: Host and port at which the control plane's address is answered.
    """

    servers: Mapping[str, ApiServer]
    gateway: tuple[str, int]


@contextlib.contextmanager
def serving(
    small: Generated, large: Generated, recording: Recording, remotes: list[Remote], delay: float
) -> Iterator[Hub]:
    """Serve while the block lasts.

    Args:
        small: The repository of three clusters that was recorded.
        large: That of the mesh; its objects for Argo CD come from here.
        recording: Of a remote cluster.
        remotes: All of them but the config cluster.
        delay: Seconds for each answer.
    """
    inventory = small.inventory
    (plane,) = inventory.mesh.control_planes
    with ExitStack() as stack:
        external, config = (stack.enter_context(Slow()) for _ in range(2))
        controllers.install(external, small.objects(EXTERNAL), ADDRESSES[EXTERNAL])
        controllers.install(config, small.objects(CONFIG), "192.0.2.12")
        istio.remote(config, inventory, inventory.by_name[CONFIG])
        istio.external(external, plane.address, {CONFIG: config}, CONFIG)
        controllers.put(external, *(_secret(each) for each in remotes))
        seen = {each.name: Seen(_objects(recording, each.name)) for each in remotes}
        istiods.serve(external, {CONFIG: config, **seen}, CONFIG)
        argocd.install(external, large)
        gateway = stack.enter_context(TlsServer(roots.gateway_pair(plane.address)))
        external.delay = config.delay = delay
        config.twist = lambda _, said: renewed(said, time())
        yield Hub({EXTERNAL: external, CONFIG: config}, gateway.place)


def for_argocd(small: Generated, large: Generated) -> Generated:
    """A repository with the objects for Argo CD of each of its clusters."""
    names = [each.name for each in large.inventory.remotes if each.name != CONFIG]
    own = [text for text in small.argocd if TEMPLATE in text]
    rest = [text for text in small.argocd if TEMPLATE not in text]
    copies = [text.replace(TEMPLATE, name) for name in names for text in own]
    return replace(large, argocd=(*rest, *copies))


def synced(hub: Hub, commit: str) -> None:
    """Let Argo CD have seen a commit."""
    for item in hub.servers[EXTERNAL].objects.values():
        if item.get("kind") == "Application":
            item["status"]["sync"]["revision"] = commit


def token(cluster: str) -> str:
    """A token of istiod for a cluster; no two are the same."""
    made = controllers.token(istio.PLANE, "istio-reader-service-account")
    head, claims, signature = made.split(".")
    padded = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
    more = json.dumps({**json.loads(padded), "jti": cluster}).encode()
    return f"{head}.{base64.urlsafe_b64encode(more).decode().rstrip('=')}.{signature}"


def _secret(remote: Remote) -> Object:
    address = f"https://{remote.name}.clusters.test:{remote.port}"
    document = istio.kubeconfig(remote.name, address, remote.ca, remote.token)
    return controllers.named(
        "Secret",
        f"istio-remote-secret-{remote.name}",
        istio.PLANE,
        labels={istio.LABEL: "true"},
        annotations={"networking.istio.io/cluster": remote.name},
        type="Opaque",
        data={remote.name: controllers.encoded(document)},
    )


def _objects(recording: Recording, name: str) -> dict[str, Object]:
    """What istiod says something of, under the names of another cluster."""
    shown = {path: item for path, item in recording.objects.items() if item.get("kind") in _SHOWN}
    copied: dict[str, Object] = json.loads(json.dumps(shown).replace(TEMPLATE, name))
    return copied
