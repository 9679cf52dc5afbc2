"""The Deployments of Istio on a remote cluster: its gateways, and any istiod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.live import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.kube.answers import Object
    from extcp_bot.target import Target

GROUP: Final = "apps"
RESOURCE: Final = "deployments"
SELECTOR: Final = "istio"
"""All of Istio's charts put this label on their Deployments, with one value or another."""
_ISTIOD: Final = ("app", "istiod")


@dataclass(frozen=True, slots=True)
class Workload:
    """One Deployment.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        labels: Of the Deployment.
        wanted: Replicas that should be there.
        available: Replicas that are ready, and have been for a moment.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    wanted: int
    available: int

    @property
    def place(self) -> str:
        """For people."""
        return f"Deployment {self.namespace}/{self.name}"


async def of(target: Target) -> list[Workload]:
    """Istio's Deployments in all namespaces of the target's cluster.

    Raises:
        CannotLookError: The cluster does not show them.
    """
    path = f"/apis/{GROUP}/v1/{RESOURCE}"
    found = await target.api.list(path, labels=SELECTOR, keep=_kept)
    return [
        Workload(
            fields.string(fields.at(each, "metadata", "namespace")),
            fields.string(fields.at(each, "metadata", "name")),
            fields.mapping(fields.at(each, "metadata", "labels")),
            fields.number(fields.at(each, "spec", "replicas")),
            fields.number(fields.at(each, "status", "availableReplicas")),
        )
        for each in found
    ]


def _kept(item: Object) -> Object:
    """Without the template of its Pods, into which people write what nobody else is to see."""
    metadata = fields.mapping(item.get("metadata"))
    return {
        "metadata": {name: metadata.get(name) for name in ("namespace", "name", "labels")},
        "spec": {"replicas": fields.at(item, "spec", "replicas")},
        "status": {"availableReplicas": fields.at(item, "status", "availableReplicas")},
    }


async def istiods(target: Target) -> list[Workload]:
    """The Deployments of an istiod among them, with replicas or without; raises as :func:`of`."""
    label, value = _ISTIOD
    return [each for each in await of(target) if each.labels.get(label) == value]
