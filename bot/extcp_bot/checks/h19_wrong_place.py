"""EXTCP-H19: configuration lies where istiod reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_bot.checks.model import (
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    check,
    healthy,
    unknown,
)
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import istio_objects

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.live.istio_objects import Found
    from extcp_bot.target import Target

NO_EFFECT = Problem(
    "no-effect",
    "Configuration of Istio lies in a cluster where no istiod reads it, and has no effect.",
    "look at each object; apply it to the config cluster {config_cluster} where it is still "
    "wanted, and delete it here",
    "kubectl --context {context} --namespace {of_object} get {resource} {name} --output=yaml",
)


@check(
    "EXTCP-H19",
    "wrong-place",
    title="Is there configuration in the cluster that nobody reads?",
    scope=Scope.REMOTE,
    severity=Severity.WARNING,
    permissions=tuple(
        Permission(Side.REMOTE, kind.resource, group=kind.group) for kind in istio_objects.KINDS
    ),
    problems=(NO_EFFECT,),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """A policy that was applied to the wrong cluster looks as if it were in force.

    The external istiod reads Istio's configuration in the config cluster alone. Further remote
    clusters have the same CustomResourceDefinitions, and their API servers take every object,
    unvalidated and without effect. Looked at are VirtualServices, DestinationRules, Gateways,
    ServiceEntries, AuthorizationPolicies and PeerAuthentications in them, of which there should be
    none. WorkloadEntries do have an effect in every cluster. Related report: istio#32860.
    """
    place = "configuration of Istio in this cluster"
    if target.fleet.inventory.is_config_cluster(target.cluster):
        yield healthy(place, "this is the config cluster, where it belongs")
        return
    seen = await istio_objects.of(target)
    unseen = {each.why: each for each in seen if isinstance(each, CannotLookError)}
    for error in unseen.values():
        yield unknown(error.looked_at, error.why, error.remedy)
    found = [each for each in seen if not isinstance(each, CannotLookError)]
    wrong = [each for each in found if each.names]
    for each in wrong:
        yield _no_effect(target, each)
    if found and not wrong:
        kinds = ", ".join(each.kind.resource for each in found)
        yield healthy(place, f"no {kinds}")


def _no_effect(target: Target, found: Found) -> Observation:
    namespace, name = found.names[0]
    return NO_EFFECT.at(
        target,
        f"{found.kind.resource} in this cluster",
        found=found.words,
        wanted="none",
        of_object=namespace,
        resource=f"{found.kind.resource}.{found.kind.group}",
        name=name,
    )
