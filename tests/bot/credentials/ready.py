"""A mesh whose clusters are ready to be given to istiod: namespaces, accounts, filled tokens."""

from __future__ import annotations

import base64
import contextlib
import socket
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from extcp_bot.live import istiod, registry
from extcp_bot.target import Target
from tests import meshes
from tests.bot import istiods
from tests.bot.fleets import CONFIG, PLANE, SECOND, World, world
from tests.bot.identities import ACCOUNTS, SECRETS, WHO, account, uid, user, who
from tests.bot.simulation import reviews
from tests.bot.storing import ACCOUNT, TOKEN_TYPE, Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Object = dict[str, Any]

NAMESPACES = "/api/v1/namespaces"
ANNOTATION = "topology.istio.io/controlPlaneClusters"
DELIVERED = f"{SECRETS}/istio-remote-secret-{SECOND}"
KUBECONFIG = f"{SECRETS}/istio-kubeconfig"
LABEL = "istio/multiCluster"
READER_TOKEN = f"{SECRETS}/istio-reader-service-account-istio-remote-secret-token"
SECOND_TOKEN = f"{READER_TOKEN}-2"
THIRD_TOKEN = f"{READER_TOKEN}-3"
REPLICAS = ("istiod-a", "istiod-b")


class Ready(World):
    """The mesh, and what is written to its clusters.

    Attributes:
        stores: By the cluster's name.
        stuck: Clusters that istiod does not let go.
        frozen: Whether istiod sees no change of remote secrets any more.
        pages: What its replicas say.
    """

    def __init__(self, mesh: World) -> None:
        super().__init__(mesh.servers, mesh.fleet)
        self.stores = {name: Store(server) for name, server in mesh.servers.items()}
        self.stuck: set[str] = set()
        self.frozen = False
        self.pages = _Pages(self)

    @property
    def outside(self) -> Store:
        """What is written to the external cluster."""
        return next(iter(self.stores.values()))

    @property
    def inside(self) -> Store:
        """What is written to the second remote cluster."""
        return self.stores[SECOND]

    def target(self, cluster: str = SECOND) -> Target:
        """A remote cluster, with nothing remembered."""
        fleet = replace(self.fleet)
        item = fleet.inventory.by_name[cluster]
        return Target(fleet, item, fleet.inventory.control_plane_of(item))

    def token(self, path: str = READER_TOKEN, cluster: str = SECOND) -> str:
        """The token that a Secret of a remote cluster holds."""
        return decoded(self.servers[cluster].objects[path]["data"]["token"])

    def renew(self) -> str:
        """Let the second cluster have another ServiceAccount, and so another token."""
        account_path = f"{ACCOUNTS}/{account(SECOND)}"
        metadata = self.second.objects[account_path]["metadata"]
        metadata["uid"] = f"{metadata['uid']}-anew"
        self.second.posts[WHO] = who(user(SECOND), metadata["uid"])
        self.inside.forget(READER_TOKEN)
        return self.token()

    def kubeconfig(self) -> str:
        """What is delivered for the second cluster."""
        return decoded(self.external.objects[DELIVERED]["data"][SECOND])


@contextlib.contextmanager
def ready(
    changes: Mapping[str, str | None] | None = None, *, version: str = "1.28.3", image: str = ""
) -> Iterator[Ready]:
    """A mesh of :func:`tests.bot.fleets.world` in which a remote secret is all that lacks.

    Args:
        changes: Files of the repository.
        version: Of Istio in the repository.
        image: Of istiod's Pods; without a tag by default, so that no release is known of them.
    """
    mesh_file = meshes.replaced(meshes.MESH, "1.29.1", version)
    with world({"mesh.yaml": mesh_file, **(changes or {})}) as made:
        mesh = Ready(made)
        mesh.fleet.now = lambda: datetime.now(UTC)
        mesh.fleet.lookup = _lookup
        for name, server in mesh.servers.items():
            address = f"https://{name}.clusters.test:{server.port}"
            mesh.reach(name, replace(server.access, server=address))
        mesh.outside.put(NAMESPACES, {"metadata": {"name": PLANE}})
        for name in (CONFIG, SECOND):
            _remote(mesh, name)
        for name in REPLICAS:
            istiods.put(mesh.external, name, mesh.pages)
            spec = {"containers": [{"name": "discovery", "image": image}]}
            mesh.external.objects[f"{istiods.PODS}/{name}"]["spec"] = spec
        yield mesh


def _remote(mesh: Ready, name: str) -> None:
    server, store = mesh.servers[name], mesh.stores[name]
    annotations = {} if name == CONFIG else {ANNOTATION: CONFIG}
    store.put(NAMESPACES, {"metadata": {"name": PLANE, "annotations": annotations}})
    store.put(
        ACCOUNTS,
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": account(name), "uid": uid(name)},
        },
    )
    reviews.allow_all(server)
    server.posts[WHO] = who(user(name), uid(name))
    server.objects["/version"] = {"major": "1", "minor": "36", "gitVersion": "v1.36.3"}
    secret = f"{account(name)}-istio-remote-secret-token"
    metadata = {"name": secret, "annotations": {ACCOUNT: account(name)}}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": TOKEN_TYPE}
    store.put(SECRETS, body)
    store.heals.add(f"{SECRETS}/{secret}")


async def _lookup(host: str) -> tuple[str, ...]:
    if host.endswith(".clusters.test"):
        return ("127.0.0.1",)
    raise socket.gaierror(socket.EAI_NONAME, host)


class _Pages(dict[str, Any]):
    """What each replica says: it has the config cluster, and those that it has Secrets of."""

    def __init__(self, mesh: Ready) -> None:
        super().__init__()
        self._mesh = mesh

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON
        match key:
            case registry.CLUSTERS:
                return self._members()
            case registry.ENDPOINTS:
                return {}
            case istiod.METRICS:
                updates = 0 if self._mesh.frozen else self._mesh.outside.verbs.count("PUT")
                return f'remote_cluster_secret_events_total{{event="update"}} {updates}\n'
        return default

    def _members(self) -> list[Object]:
        members = [{"id": CONFIG, "secretName": "", "syncStatus": "synced"}]
        for item in self._mesh.external.objects.values():
            labels = item["metadata"].get("labels") or {}
            if labels.get(LABEL) == "true":
                place = f"{PLANE}/{item['metadata']['name']}"
                members += [
                    {"id": key, "secretName": place, "syncStatus": "synced"} for key in item["data"]
                ]
        known = {each["id"] for each in members}
        return members + [
            {"id": name, "secretName": "gone", "syncStatus": "synced"}
            for name in sorted(self._mesh.stuck - known)
        ]


def decoded(text: str) -> str:
    """What stands in base64 in a Secret."""
    return base64.b64decode(text).decode()
