"""Where the replicas of a Deployment of the control plane run, and what guards them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.live import fields, pods, selectors

if TYPE_CHECKING:
    from extcp_bot.live.deployments import Deployment
    from extcp_bot.target import Target

APP: Final = "app"
"""Label that istioctl gives the Pods of both Deployments, with the Deployment's name."""
ZONE: Final = "topology.kubernetes.io/zone"
BUDGET_GROUP: Final = "policy"
BUDGETS: Final = "poddisruptionbudgets"
_RUNNING: Final = "Running"


@dataclass(frozen=True, slots=True)
class Spread:
    """Nodes and zones of a Deployment's running Pods, and those that the cluster has.

    Attributes:
        nodes: Where its Pods run.
        all_nodes: Of the cluster.
        zones: Where its Pods run.
        all_zones: Of the cluster.
    """

    nodes: frozenset[str]
    all_nodes: frozenset[str]
    zones: frozenset[str]
    all_zones: frozenset[str]


async def of(target: Target, deployment: Deployment) -> Spread:
    """Where a Deployment of the external cluster runs.

    Raises:
        CannotLookError: The external cluster shows no Pods or no nodes.
    """
    path = f"/api/v1/namespaces/{deployment.namespace}/pods"
    own = await target.external.list(path, labels=f"{APP}={deployment.name}", keep=pods.kept)
    found = await target.external.list("/api/v1/nodes", metadata_only=True)
    zone_of = {
        fields.string(fields.at(node, "metadata", "name")): fields.string(
            fields.at(node, "metadata", "labels", ZONE)
        )
        for node in found
    }
    nodes = frozenset(
        fields.string(fields.at(pod, "spec", "nodeName"))
        for pod in own
        if fields.at(pod, "status", "phase") == _RUNNING
    )
    return Spread(
        nodes,
        frozenset(zone_of),
        frozenset(zone_of.get(node, "") for node in nodes),
        frozenset(zone_of.values()),
    )


async def has_budget(target: Target, deployment: Deployment) -> bool:
    """Whether a PodDisruptionBudget guards the Pods of a Deployment of the external cluster.

    Raises:
        CannotLookError: The external cluster does not show its budgets.
    """
    path = f"/apis/{BUDGET_GROUP}/v1/namespaces/{deployment.namespace}/{BUDGETS}"
    return any(
        selectors.selects(fields.at(budget, "spec", "selector"), {APP: deployment.name})
        for budget in await target.external.list(path)
    )
