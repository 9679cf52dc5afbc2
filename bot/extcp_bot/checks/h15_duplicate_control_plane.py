"""EXTCP-H15: nobody else leads the cluster."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from extcp_bot import listed
from extcp_bot.checks import parts
from extcp_bot.checks.model import (
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    check,
    healthy,
)
from extcp_bot.live import namespaces, roots, selectors, webhooks, workloads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from extcp_bot.live.namespaces import Namespace
    from extcp_bot.live.webhooks import Webhook
    from extcp_bot.target import Target

_ALIVE: Final = timedelta(minutes=2)
"""A leader says every few seconds that it is there; two minutes leave room for its clock."""
_PODS: Final[tuple[Mapping[str, str], ...]] = (
    {},
    {"sidecar.istio.io/inject": "true"},
    {namespaces.REVISION: namespaces.DEFAULT_REVISION},
)
"""The labels of Pods that say nothing, and of those that ask for a sidecar themselves."""

LOCAL_ISTIOD = Problem(
    "local-istiod",
    "An istiod runs in the remote cluster, which the external one is to lead.",
    "stop it; once nothing is missing, remove it and what it was installed with",
    "kubectl --context {context} --namespace {of_istiod} scale deployment {istiod} --replicas=0",
)
TWO_INJECTORS = Problem(
    "two-injectors",
    "Another injector wants Pods that this control plane injects; the last one to be asked wins.",
    "find out who put it there, and delete it if these Pods belong to this control plane",
    "kubectl --context {context} delete mutatingwebhookconfiguration {configuration}",
)
TWO_LEADERS = Problem(
    "two-leaders",
    "The istiod of another control plane leads this cluster too, and each writes its own root "
    "into every namespace.",
    "take the cluster's remote secret from the control plane that should not have it; then let go",
    "kubectl --context {context} annotate namespace {other} "
    f"{namespaces.CONTROL_PLANE_CLUSTERS}-",
    severity=Severity.CRITICAL,
)


@check(
    "EXTCP-H15",
    "duplicate-control-plane",
    title="Does nobody else lead the cluster?",
    scope=Scope.REMOTE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.REMOTE, workloads.RESOURCE, group=workloads.GROUP),
        Permission(Side.REMOTE, webhooks.MUTATING, group=webhooks.GROUP),
        Permission(Side.REMOTE, "namespaces"),
        Permission(Side.REMOTE, "configmaps", ("get",), names=(roots.ELECTION,)),
    ),
    problems=(LOCAL_ISTIOD, TWO_INJECTORS, TWO_LEADERS),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Two control planes in one cluster overwrite each other's sidecars and roots, in turns.

    Looked at are: a Deployment of istiod in the remote cluster that has replicas; other
    configurations of Istio's injector whose selectors take Pods that this control plane injects as
    well, tried on the cluster's own namespaces; and other namespaces with the annotation
    `topology.istio.io/controlPlaneClusters` in which an istiod has been leading until just now.
    Injectors of other revisions, for other namespaces, are in nobody's way.
    User reports: sail#97, istio#32370, #36858, #44368.
    """
    async for seen in parts.each(_istiods(target), _injectors(target), _leaders(target)):
        yield seen


async def _istiods(target: Target) -> AsyncIterator[Observation]:
    running = [each for each in await workloads.istiods(target) if each.wanted]
    for each in running:
        yield LOCAL_ISTIOD.at(
            target,
            each.place,
            found=f"{each.wanted} replicas wanted, {each.available} available",
            wanted="none",
            of_istiod=each.namespace,
            istiod=each.name,
        )
    if not running:
        yield healthy("Deployments of istiod", "none that has replicas")


async def _injectors(target: Target) -> AsyncIterator[Observation]:
    hooks = await webhooks.injecting(target)
    own = webhooks.own(target, hooks)
    found = [name for name in await namespaces.of(target.api) if name.name not in namespaces.SYSTEM]
    destinations = {_destination(hook) for hook in own}
    others: dict[str, list[Webhook]] = {}
    for hook in hooks:
        if hook not in own and _destination(hook) not in destinations:
            others.setdefault(hook.configuration, []).append(hook)
    is_alone = True
    for configuration, theirs in others.items():
        if both := [each.name for each in found if _is_contested(each, own, theirs)]:
            is_alone = False
            yield TWO_INJECTORS.at(
                target,
                f"MutatingWebhookConfiguration {configuration}",
                found=f"Pods in {listed.first(both)} go to {theirs[0].host or 'a Service'} as well",
                wanted=f"Pods of this control plane go to {target.plane.address} alone",
                configuration=configuration,
            )
    if is_alone:
        yield healthy("MutatingWebhookConfigurations of Istio", "no other one for the same Pods")


async def _leaders(target: Target) -> AsyncIterator[Observation]:
    is_alone, now = True, target.fleet.now()
    for namespace in await namespaces.of(target.api):
        named = namespace.annotations.get(namespaces.CONTROL_PLANE_CLUSTERS)
        if named is None or namespace.name == target.plane.namespace:
            continue
        leader = await roots.leader(target, namespace.name)
        if leader and leader.holder and leader.renewed and now - leader.renewed < _ALIVE:
            is_alone = False
            yield TWO_LEADERS.at(
                target,
                f"ConfigMap {namespace.name}/{roots.ELECTION}",
                found=f"{leader.holder} leads; the namespace names {named}",
                wanted=f"no leader but that of {target.plane.namespace}",
                other=namespace.name,
            )
    if is_alone:
        yield healthy(f"ConfigMaps {roots.ELECTION}", "no leader of another control plane")


def _is_contested(namespace: Namespace, own: Iterable[Webhook], others: Iterable[Webhook]) -> bool:
    """Whether there are Pods in a namespace for which the API server asks both."""
    return any(_takes(own, namespace, pod) and _takes(others, namespace, pod) for pod in _PODS)


def _takes(hooks: Iterable[Webhook], namespace: Namespace, pod: Mapping[str, str]) -> bool:
    return any(
        selectors.selects(hook.namespaces, namespace.labels)
        and selectors.selects(hook.objects, pod)
        for hook in hooks
    )


def _destination(hook: Webhook) -> str:
    """Who is asked, and for which cluster; two configurations may well ask the same."""
    service = hook.service or {}
    return hook.url or f"{service.get('namespace')}/{service.get('name')}{hook.path}"
