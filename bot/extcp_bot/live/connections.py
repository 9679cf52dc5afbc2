"""The proxies that are connected to a replica of istiod, and whether they follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.live import fields, istiod, times

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from extcp_bot.kube.answers import Object
    from extcp_bot.live.istiod import Replica
    from extcp_bot.target import Target

PATH: Final = "/debug/syncz"
_NEEDED: Final = ("Cluster", "Listener")
"""What every proxy is sent; the rest only where there is some."""
_LONGEST: Final = 400


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """Configuration of one kind that a proxy has not said yes to.

    Attributes:
        kind: ``Cluster``, ``Listener``, ``RouteConfiguration``, ...
        sent: When it was sent to the proxy; None where it has not been.
        error: What the proxy has against it; empty where it has said nothing.
    """

    kind: str
    sent: datetime | None
    error: str


@dataclass(frozen=True, slots=True)
class Connection:
    """One proxy's stream to one replica.

    Attributes:
        cluster: The cluster that the proxy says it is in.
        proxy: Name and namespace of its Pod, as :attr:`extcp_bot.live.proxies.Proxy.id`.
        behind: What it does not follow.
    """

    cluster: str
    proxy: str
    behind: tuple[Unacknowledged, ...]


async def of(
    target: Target, replica: Replica, *, again: bool = False
) -> Mapping[tuple[str, str], Sequence[Connection]]:
    """The connections of a replica by cluster and proxy, sorted once for all clusters.

    Of many only this much is kept in memory.

    Args:
        target: Of the control plane.
        replica: Whom to ask.
        again: Look a second time, a moment later.

    Raises:
        CannotLookError: It cannot be asked.
    """

    async def read() -> Mapping[tuple[str, str], Sequence[Connection]]:
        said = await istiod.debug(target, replica, PATH, shrink=_shrink, again=again)
        found: dict[tuple[str, str], list[Connection]] = {}
        for each in said if isinstance(said, list) else ():
            if isinstance(each, Connection):
                found.setdefault((each.cluster, each.proxy), []).append(each)
        return found

    return await target.fleet.once((replica, PATH, again), read)


def _shrink(item: Object) -> Object | Connection:
    if "proxy" not in item:
        return item
    return Connection(
        fields.string(item.get("cluster_id")),
        fields.string(item["proxy"]),
        tuple(_unacknowledged(fields.mapping(item.get("resources")))),
    )


def _unacknowledged(resources: Object) -> Iterator[Unacknowledged]:
    kinds = {name.rpartition(".")[2]: fields.mapping(each) for name, each in resources.items()}
    for kind in _NEEDED:
        kinds.setdefault(kind, {})
    for kind, each in kinds.items():
        sent, error = fields.string(each.get("sent")), fields.string(each.get("lastError"))
        if error or (sent and sent != each.get("acked")):
            yield Unacknowledged(kind, times.parse(each.get("sentTime")), error[:_LONGEST])
        elif not sent and kind in _NEEDED:
            yield Unacknowledged(kind, None, "")
