"""The Deployments of istiod and of its gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.live import fields, times
from extcp_gitops.inventory.model import INGRESS_NAMESPACE
from extcp_gitops.render.operators import INGRESS_GATEWAY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from extcp_bot.kube.client import Client
    from extcp_bot.target import Target

GROUP: Final = "apps"
RESOURCE: Final = "deployments"
ISTIOD: Final = "istiod"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One Deployment.

    Attributes:
        name: Its name.
        namespace: Its namespace.
        wanted: Replicas that should be there.
        ready: Replicas that are ready.
        is_available: Whether so many are that its own strategy puts up with it (``Available``).
        turned: When that was last otherwise, by the cluster's clock; None where it does not say.
        is_stuck: Whether a rollout has made no progress for too long (``Progressing``). Once it is
            complete that says nothing any more, whatever becomes of the Pods.
        pod: The spec of its Pods.
    """

    name: str
    namespace: str
    wanted: int
    ready: int
    is_available: bool
    turned: datetime | None
    is_stuck: bool
    pod: Mapping[str, Any] = field(repr=False)

    @property
    def place(self) -> str:
        """For people."""
        return f"Deployment {self.namespace}/{self.name}"

    @property
    def readiness(self) -> str:
        """For people."""
        return f"{self.ready} of {self.wanted} replicas ready"


async def istiod(target: Target) -> Deployment | None:
    """The control plane's istiod; None where there is none.

    Raises:
        CannotLookError: The external cluster does not show it.
    """
    return await _named(target.external, target.plane.namespace, ISTIOD)


async def gateway(target: Target) -> Deployment | None:
    """The ingress gateway of the external cluster; as for :func:`istiod`."""
    return await _named(target.external, INGRESS_NAMESPACE, INGRESS_GATEWAY)


async def _named(api: Client, namespace: str, name: str) -> Deployment | None:
    found = await api.find(f"/apis/{GROUP}/v1/namespaces/{namespace}/{RESOURCE}/{name}")
    if found is None:
        return None
    conditions = fields.items(fields.at(found, "status", "conditions"))
    by_type = {fields.string(each.get("type")): each for each in conditions}
    available, progressing = by_type.get("Available", {}), by_type.get("Progressing", {})
    return Deployment(
        name,
        namespace,
        fields.number(fields.at(found, "spec", "replicas")),
        fields.number(fields.at(found, "status", "readyReplicas")),
        available.get("status") == "True",
        times.parse(available.get("lastTransitionTime")),
        progressing.get("status") == "False",
        fields.mapping(fields.at(found, "spec", "template", "spec")),
    )
