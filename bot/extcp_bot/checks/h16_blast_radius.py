"""EXTCP-H16: what stops on a cluster while the control plane is away, and how near that is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from extcp_bot.checks import parts
from extcp_bot.checks.model import (
    CONTROL_PLANE_NAMESPACE,
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    check,
    healthy,
)
from extcp_bot.live import deployments, namespaces, spread, webhooks
from extcp_gitops.inventory.model import INGRESS_NAMESPACE
from extcp_gitops.render.operators import INGRESS_GATEWAY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from extcp_bot.live.deployments import Deployment
    from extcp_bot.target import Target

STARTING: Final = timedelta(minutes=10)
"""How long a further replica may take, with a node for it: ``progressDeadlineSeconds``, as it is
without being set."""

_SEVERAL: Final = 2
_PODS: Final = (
    "kubectl --context {external} --namespace {where} describe pods --selector app={name}"
)
_MORE: Final = (
    "raise minReplicas of its HorizontalPodAutoscaler by a patch in the external cluster's custom/"
)

NO_ISTIOD = Problem(
    "no-istiod",
    "No istiod is ready.",
    "see why its Pods are not ready",
    _PODS,
    severity=Severity.CRITICAL,
)
NO_GATEWAY = Problem(
    "no-gateway",
    "The ingress gateway, the only way to istiod, has no ready replica.",
    "see why its Pods are not ready",
    _PODS,
    severity=Severity.CRITICAL,
)
SCALED_TO_ZERO = Problem(
    "scaled-to-zero",
    "Somebody scaled istiod or its gateway to nothing; the repository names no number, so nobody "
    "scales it up again.",
    "scale it up; from there its HorizontalPodAutoscaler goes on",
    "kubectl --context {external} --namespace {where} scale deployment {name} --replicas 1",
    severity=Severity.CRITICAL,
)
TOO_FEW = Problem(
    "too-few-replicas",
    "Fewer replicas of istiod or of its gateway are ready than should be.",
    "see why the others are not ready",
    _PODS,
)
NOT_ALL_READY = Problem(
    "not-all-ready",
    "Not all replicas of istiod or of its gateway are ready, as while they are scaled up; the "
    "others are enough for the Deployment, or have been until ten minutes ago.",
    "wait; where it stays so, see why the others are not ready",
    _PODS,
    severity=Severity.WARNING,
)
BELOW_MINIMUM = Problem(
    "below-minimum",
    "Fewer replicas are ready than bot.yaml wants (minimumReplicas).",
    _MORE,
    severity=Severity.WARNING,
)
ONE_NODE = Problem(
    "one-node",
    "All replicas run on one node of several.",
    "spread them by topologySpreadConstraints, in a patch in the external cluster's custom/",
    _PODS,
    severity=Severity.WARNING,
)
ONE_ZONE = Problem(
    "one-zone",
    "All replicas run in one zone of several.",
    "spread them by topologySpreadConstraints, in a patch in the external cluster's custom/",
    _PODS,
    severity=Severity.WARNING,
)
NO_BUDGET = Problem(
    "no-disruption-budget",
    "bot.yaml wants several replicas, and no PodDisruptionBudget keeps a drain from evicting all.",
    "add a PodDisruptionBudget to the external cluster's custom/",
    severity=Severity.WARNING,
)


def _of_deployment(name: str, namespace: str) -> tuple[Permission, ...]:
    return (
        Permission(
            Side.EXTERNAL, deployments.RESOURCE, ("get",), deployments.GROUP, namespace, (name,)
        ),
        Permission(Side.EXTERNAL, "pods", namespace=namespace),
        Permission(Side.EXTERNAL, spread.BUDGETS, ("list",), spread.BUDGET_GROUP, namespace),
    )


@check(
    "EXTCP-H16",
    "blast-radius",
    title="Is there enough of the control plane for what depends on it here?",
    scope=Scope.REMOTE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.REMOTE, "namespaces"),
        Permission(Side.REMOTE, webhooks.MUTATING, group=webhooks.GROUP),
        *_of_deployment(deployments.ISTIOD, CONTROL_PLANE_NAMESPACE),
        *_of_deployment(INGRESS_GATEWAY, INGRESS_NAMESPACE),
        Permission(Side.EXTERNAL, "nodes"),
    ),
    problems=(
        NO_ISTIOD,
        NO_GATEWAY,
        SCALED_TO_ZERO,
        TOO_FEW,
        NOT_ALL_READY,
        BELOW_MINIMUM,
        ONE_NODE,
        ONE_ZONE,
        NO_BUDGET,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """While istiod or its gateway is away, no Pod can be created in an injected namespace.

    What runs goes on running. Looked at are the injected namespaces and the failure policy of the
    webhook, and in the external cluster the replicas of istiod and of the ingress gateway: how
    many are ready, and whether all of several run on one node or in one zone. Further replicas
    have ten minutes to become ready, since a HorizontalPodAutoscaler asks for them at any time. A
    single replica each is what Istio's profiles start with, and is healthy; who wants more says so
    in bot.yaml (`minimumReplicas`), and then a PodDisruptionBudget is asked for, too. User reports:
    istio#5576.
    """
    istiod = _Part(
        "istiod", deployments.ISTIOD, target.plane.namespace, await deployments.istiod(target)
    )
    gateway = _Part(
        "gateway", INGRESS_GATEWAY, INGRESS_NAMESPACE, await deployments.gateway(target)
    )
    impact = await _impact(target)
    both = (istiod, gateway)
    found = [
        seen
        async for seen in parts.each(
            _numbers(target, istiod, NO_ISTIOD, impact),
            _numbers(target, gateway, NO_GATEWAY, impact),
            *(_spread(target, part) for part in both),
            *(_budget(target, part) for part in both),
        )
    ]
    if not found:
        place = f"injected namespaces of {target.cluster.name}"
        words = f"{istiod.words}, {gateway.words}"
        found = [healthy(place, f"{impact} when the control plane is away: {words}")]
    for seen in found:
        yield seen


@dataclass(frozen=True, slots=True)
class _Part:
    """istiod or its gateway, without which there is no control plane."""

    title: str
    name: str
    namespace: str
    deployment: Deployment | None

    @property
    def words(self) -> str:
        """How many replicas there are, for people."""
        if self.deployment is None:
            return f"{self.title} not there"
        return f"{self.title} {self.deployment.ready} of {self.deployment.wanted} ready"

    @property
    def names(self) -> Mapping[str, str]:
        """For the command."""
        return {"where": self.namespace, "name": self.name}

    def place(self, what: str) -> str:
        """For people."""
        return f"Deployment {self.namespace}/{self.name}, {what}"


async def _numbers(
    target: Target, part: _Part, none_ready: Problem, impact: str
) -> AsyncIterator[Observation]:
    found, minimum = part.deployment, target.fleet.settings.minimum_replicas
    place = part.place("replicas")
    if found is None or not found.ready:
        problem = SCALED_TO_ZERO if found and not found.wanted else none_ready
        said = f"{part.words}; {impact}"
        yield problem.at(target, place, found=said, wanted="at least 1 ready", **part.names)
    elif found.ready < max(found.wanted, minimum):
        problem = _shortage(target, found) if found.ready < found.wanted else BELOW_MINIMUM
        wanted = f"{max(found.wanted, minimum)} ready"
        yield problem.at(target, place, found=part.words, wanted=wanted, **part.names)


def _shortage(target: Target, found: Deployment) -> Problem:
    """Whether replicas that are not ready are on their way, or missing."""
    if found.is_stuck:
        return TOO_FEW
    return NOT_ALL_READY if found.is_available or _has_just_turned(target, found) else TOO_FEW


def _has_just_turned(target: Target, found: Deployment) -> bool:
    if found.turned is None:
        return False
    ahead = timedelta(seconds=target.external.clock_skew or 0.0)
    return target.fleet.now() - found.turned + ahead <= STARTING


async def _impact(target: Target) -> str:
    """What happens on the cluster while the control plane is away, for people."""
    injected = [each for each in await namespaces.of(target.api) if each.is_injected]
    hooks = webhooks.own(target, await webhooks.injecting(target))
    fails = any(hook.failure_policy != "Ignore" for hook in hooks)
    what = "stop creating Pods" if fails else "create Pods without a sidecar"
    return f"{len(injected)} injected namespaces {what}"


async def _spread(target: Target, part: _Part) -> AsyncIterator[Observation]:
    if part.deployment is None or part.deployment.ready < _SEVERAL:
        return
    seen = await spread.of(target, part.deployment)
    if len(seen.nodes) == 1 < len(seen.all_nodes):
        found, place = ", ".join(seen.nodes), part.place("nodes")
        yield ONE_NODE.at(target, place, found=found, wanted="several nodes", **part.names)
    elif len(seen.zones) == 1 < len(seen.all_zones):
        found, place = ", ".join(seen.zones), part.place("zones")
        yield ONE_ZONE.at(target, place, found=found, wanted="several zones", **part.names)


async def _budget(target: Target, part: _Part) -> AsyncIterator[Observation]:
    if part.deployment is None or target.fleet.settings.minimum_replicas < _SEVERAL:
        return
    if not await spread.has_budget(target, part.deployment):
        place = part.place("PodDisruptionBudget")
        yield NO_BUDGET.at(target, place, found="none", wanted="one")
