"""Where the Services of a cluster lead, as its API server says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.live import fields, times

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from extcp_bot.kube.answers import Object
    from extcp_bot.live.registry import Service
    from extcp_bot.target import Target

GROUP: Final = "discovery.k8s.io"
RESOURCE: Final = "endpointslices"
PATH: Final = f"/apis/{GROUP}/v1/{RESOURCE}"
SERVICE: Final = "kubernetes.io/service-name"
SELECTOR: Final = "endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io"
"""Those of Services that select Pods; not the API server's own, not those of multi-cluster ones."""
AT_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Backends:
    """The addresses behind one Service.

    Attributes:
        service: Namespace and name.
        ready: Those that take requests.
        others: Those that are starting or on their way out.
        changed: When the last of them came, went or changed; None where that is not said.
        is_whole: False where there may be more of them than were read.
    """

    service: Service
    ready: frozenset[str]
    others: frozenset[str]
    changed: datetime | None
    is_whole: bool


async def backends(target: Target) -> list[Backends]:
    """The addresses behind the Services that select Pods, of large clusters the first of them.

    Raises:
        CannotLookError: The cluster does not show them.
    """
    found = await target.api.list(PATH, labels=SELECTOR, at_most=AT_MOST)
    slices: dict[Service, list[Object]] = {}
    for each in found:
        name = fields.string(fields.at(each, "metadata", "labels", SERVICE))
        namespace = fields.string(fields.at(each, "metadata", "namespace"))
        slices.setdefault((namespace, name), []).append(each)
    return [_backends(each, its, found.complete) for each, its in slices.items() if each[1]]


def _backends(service: Service, slices: list[Object], is_whole: bool) -> Backends:
    seen = [pair for each in slices for pair in _addresses(each)]
    ready = frozenset(address for address, is_ready in seen if is_ready)
    others = frozenset(address for address, _ in seen) - ready
    moments = [moment for each in slices for moment in _moments(each)]
    return Backends(service, ready, others, max(moments, default=None), is_whole)


def _addresses(item: Object) -> Iterator[tuple[str, bool]]:
    for endpoint in fields.items(item.get("endpoints")):
        is_ready = fields.at(endpoint, "conditions", "ready") is not False
        for address in fields.strings(endpoint.get("addresses")):
            yield address, is_ready


def _moments(item: Object) -> Iterator[datetime]:
    """When the object was made, and when anybody wrote to it."""
    metadata = fields.mapping(item.get("metadata"))
    writes = fields.items(metadata.get("managedFields"))
    for said in (metadata.get("creationTimestamp"), *(each.get("time") for each in writes)):
        if moment := times.parse(said):
            yield moment
