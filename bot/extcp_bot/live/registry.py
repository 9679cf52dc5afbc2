"""The clusters in the registry of one replica of istiod, and the endpoints it has of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.live import fields, istiod

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from extcp_bot.kube.answers import Object
    from extcp_bot.live.istiod import Replica
    from extcp_bot.target import Target

CLUSTERS: Final = "/debug/clusterz"
ENDPOINTS: Final = "/debug/endpointShardz"
SYNCED: Final = "synced"
SYNCING: Final = "syncing"
CLOSED: Final = "closed"
_KUBERNETES: Final = "Kubernetes/"
_SERVICE_WORDS: Final = 3
_CLUSTER_SET: Final = "clusterset.local"

Service = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class Member:
    """One cluster of a registry.

    Attributes:
        cluster: Its ID.
        secret: Namespace and name of the Secret that it came from; empty for the config cluster.
        status: ``synced`` once all has been read, which stays whatever comes (istio#33799);
            ``syncing`` before, ``timeout`` where that takes long, ``closed`` after an error.
    """

    cluster: str
    secret: str
    status: str


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of all Services, as a replica had them at one moment.

    Attributes:
        taken: Before the replica was asked.
        clusters: By cluster ID and Service: addresses, and whether there is a Pod at each.
    """

    taken: datetime
    clusters: Mapping[str, Mapping[Service, Mapping[str, bool]]] = field(repr=False)

    def of(self, cluster: str) -> Mapping[Service, Mapping[str, bool]]:
        """Those of one cluster."""
        return self.clusters.get(cluster, {})


async def members(target: Target, replica: Replica) -> Mapping[str, Member]:
    """The clusters that a replica knows, by ID; read once for all of them.

    Raises:
        CannotLookError: It cannot be asked.
    """

    async def read() -> Mapping[str, Member]:
        said = await istiod.debug(target, replica, CLUSTERS)
        found = [
            Member(*(fields.string(each.get(name)) for name in ("id", "secretName", "syncStatus")))
            for each in fields.items(said)
        ]
        return {each.cluster: each for each in found}

    return await target.fleet.once((replica, CLUSTERS), read)


async def endpoints(target: Target, replica: Replica, *, again: bool = False) -> Endpoints:
    """The addresses that a replica has; of a large mesh only these are kept in memory.

    Args:
        target: Of the control plane.
        replica: Whom to ask.
        again: Look a second time, a moment later.

    Raises:
        CannotLookError: It cannot be asked.
    """

    async def read() -> Endpoints:
        taken = target.fleet.now()
        said = await istiod.debug(target, replica, ENDPOINTS, shrink=_shrink, again=again)
        return Endpoints(taken, _by_cluster(fields.mapping(said)))

    return await target.fleet.once((replica, ENDPOINTS, again), read)


def _shrink(item: Object) -> Any:  # noqa: ANN401 - JSON
    """An endpoint (pilot/pkg/model, IstioEndpoint) as its addresses and its node."""
    if "Addresses" in item:
        return fields.strings(item["Addresses"]), bool(item.get("NodeName"))
    return item.get("Shards", item)


def _by_cluster(said: Mapping[str, Any]) -> dict[str, dict[Service, dict[str, bool]]]:
    found: dict[str, dict[Service, dict[str, bool]]] = {}
    for host, namespaces in said.items():
        service = _service(host)
        if service is None:
            continue
        for shards in fields.mapping(namespaces).values():
            for shard, its in fields.mapping(shards).items():
                if shard.startswith(_KUBERNETES):
                    known = found.setdefault(shard.removeprefix(_KUBERNETES), {})
                    known.setdefault(service, {}).update(_addresses(its))
    return found


def _addresses(its: object) -> dict[str, bool]:
    shrunk = [each for each in its if isinstance(each, tuple)] if isinstance(its, list) else []
    return {address: is_pod for addresses, is_pod in shrunk for address in addresses}


def _service(host: str) -> Service | None:
    """The Service of a host of Kubernetes; None for other hosts."""
    words = host.split(".")
    if len(words) < _SERVICE_WORDS or words[2] != "svc" or host.endswith(_CLUSTER_SET):
        return None
    return words[1], words[0]
