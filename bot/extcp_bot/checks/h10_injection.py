"""EXTCP-H10: a Pod that is created now gets its sidecar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.checks import parts
from extcp_bot.checks.model import (
    PROBE_NAMESPACE,
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
from extcp_bot.checks.remedies import RESTORE, RESTORE_COMMAND, RESTORE_EXTERNAL_COMMAND
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import injection, namespaces, webhooks
from extcp_gitops.render.operators import XDS_PORT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.live.admission import Cause, Refusal
    from extcp_bot.live.injection import Probe, Sidecar
    from extcp_bot.live.namespaces import Namespace
    from extcp_bot.target import Target

_POD_SECURITY: Final = "violates PodSecurity"
_SLOW: Final = 0.5
"""Share of the webhook's time limit."""
_AUTO: Final = "auto"
_CHOOSE: Final = "let that namespace take Pods, or name another one as probeNamespace in bot.yaml"
_INTERCEPTS_NOTHING: Final = "NONE"

WEBHOOK_FAILED = Problem(
    "webhook-failed",
    "The API server cannot ask istiod, so that no Pod with a sidecar can be created.",
    "mend what {see} finds; where it finds nothing, the way from this cluster's API server is at "
    "fault: its DNS, a firewall, its route out of its network. Then try again whether a Pod gets "
    "through, as a dry run",
    "kubectl --context {context} --namespace {where} run extcp-bot-probe "
    "--image=extcp-bot/probe --labels=sidecar.istio.io/inject=true --dry-run=server",
)
DENIED = Problem(
    "denied",
    "istiod answers and refuses to inject, so that no Pod with a sidecar can be created.",
    "see what istiod says; mostly its injection template belongs to another release",
    "kubectl --context {external} --namespace {namespace} logs deployment/istiod --since=10m",
)
NOT_INJECTED = Problem(
    "not-injected",
    "Pods are created without a sidecar, and take no part in the mesh.",
    RESTORE,
    RESTORE_COMMAND,
)
POD_SECURITY = Problem(
    "pod-security",
    "The namespace's Pod Security Standard refuses the init container of the sidecar, so that no "
    "Pod with a sidecar can be created there.",
    "install Istio's CNI plugin, which takes the init container's place, or let the namespace be "
    "privileged",
    "kubectl --context {context} get namespace {where} --show-labels",
    severity=Severity.ERROR,
)
WRONG_CLUSTER = Problem(
    "wrong-cluster",
    "New proxies join the mesh under another cluster ID.",
    RESTORE,
    RESTORE_COMMAND,
    severity=Severity.ERROR,
)
WRONG_NETWORK = Problem(
    "wrong-network",
    "New proxies say that they are in another network.",
    RESTORE,
    RESTORE_COMMAND,
    severity=Severity.ERROR,
)
WRONG_DISCOVERY_ADDRESS = Problem(
    "wrong-discovery-address",
    "New proxies ask somebody else than the control plane for their configuration.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
WRONG_CA_ADDRESS = Problem(
    "wrong-ca-address",
    "New proxies ask somebody else than the control plane for their certificate.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
IMAGE_AUTO = Problem(
    "image-auto",
    "The proxy's image is the placeholder that the injector should have replaced.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
CNI_MISSING = Problem(
    "cni-missing",
    "istiod leaves the redirection of traffic to Istio's CNI plugin, which the cluster has not: "
    "Pods do not start, or bypass their sidecar.",
    "install the CNI plugin in this cluster, or set pilot.cni.enabled to false for istiod",
    "kubectl --context {context} get daemonsets --all-namespaces --selector k8s-app=istio-cni-node",
    severity=Severity.ERROR,
)
CNI_UNUSED = Problem(
    "cni-unused",
    "The cluster has Istio's CNI plugin, and istiod uses a privileged init container all the same.",
    "set pilot.cni.enabled for istiod once every cluster of the control plane has the plugin",
    severity=Severity.WARNING,
)
SLOW = Problem(
    "slow",
    "istiod's answer took more than half of the time that the API server waits for it.",
    "look for what is slow on the way: the gateway, istiod's CPU limit, the distance",
    "kubectl --context {external} --namespace {namespace} top pods",
    severity=Severity.WARNING,
)


@check(
    "EXTCP-H10",
    "injection",
    title="Does a Pod that is created now get its sidecar?",
    scope=Scope.REMOTE,
    severity=Severity.CRITICAL,
    permissions=(
        Permission(Side.REMOTE, "pods", ("create",), namespace=PROBE_NAMESPACE),
        Permission(Side.REMOTE, "namespaces"),
        Permission(Side.REMOTE, webhooks.MUTATING, group=webhooks.GROUP),
        Permission(Side.REMOTE, "daemonsets", group="apps", names=(injection.CNI,)),
        Permission(Side.REMOTE, "events"),
    ),
    problems=(
        WEBHOOK_FAILED,
        DENIED,
        NOT_INJECTED,
        POD_SECURITY,
        WRONG_CLUSTER,
        WRONG_NETWORK,
        WRONG_DISCOVERY_ADDRESS,
        WRONG_CA_ADDRESS,
        IMAGE_AUTO,
        CNI_MISSING,
        CNI_UNUSED,
        SLOW,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """The one honest question is to ask for a Pod; everything else is a guess at the answer.

    The cluster's own API server is asked to create a Pod as a server-side dry run: it goes through
    admission, so that the API server calls istiod through the load balancer and the gateway, as
    for any Pod, and then nothing is stored or started. The Pod is asked for in an injected
    namespace, or in the one that `probeNamespace` of bot.yaml names. Looked at are the sidecar,
    the cluster ID, the network and the two addresses that istiod has put into it, the proxy's
    image, the time that it took beside the webhook's limit, and whether the way in which traffic
    gets into the sidecar agrees with the presence of Istio's CNI plugin. Where the webhook cannot
    be called, the API server says why, and recent Events say whom it has hit already.
    User reports: istio#39905, #46573, #53290, #29618, #29772, #30899.
    """
    probe = await injection.probe(target)
    if probe.refusal is not None:
        yield await _refused(target, probe, probe.refusal)
        return
    sidecar = injection.sidecar(probe.pod or {})
    if sidecar is None:
        yield await _not_injected(target, probe)
        return
    async for seen in parts.each(
        _told(target, probe, sidecar), _redirection(target, sidecar), _time(target, probe)
    ):
        yield seen


async def _refused(target: Target, probe: Probe, refusal: Refusal) -> Observation:
    where = probe.namespace.name
    if refusal.is_of(injection.WEBHOOKS):
        if refusal.cause is not None:
            return await _webhook_failed(target, probe, refusal, refusal.cause)
        return DENIED.at(target, probe.place, found=refusal.words, wanted="a sidecar")
    if _POD_SECURITY in refusal.words and injection.INIT in refusal.words:
        return POD_SECURITY.at(
            target, probe.place, found=refusal.words, wanted="a Pod with a sidecar", where=where
        )
    who = f"webhook {refusal.webhook}" if refusal.webhook else "the API server"
    return unknown(probe.place, f"{who} refuses the Pod: {refusal.reason}", _CHOOSE)


async def _webhook_failed(
    target: Target, probe: Probe, refusal: Refusal, cause: Cause
) -> Observation:
    return WEBHOOK_FAILED.at(
        target,
        f"{probe.place}, webhook {refusal.webhook}",
        found=f"{await _victims(target)}{refusal.reason}",
        wanted="an answer of istiod",
        see=cause.check,
        where=probe.namespace.name,
    )


async def _victims(target: Target) -> str:
    """Whom it has hit already; nothing where there is none, or nobody may see."""
    try:
        found = await injection.failures(target)
    except CannotLookError:
        return ""
    if not found:
        return ""
    minutes = injection.RECENT.total_seconds() / 60
    places = ", ".join(sorted(found)[:3])
    return f"{sum(found.values())} times in the last {minutes:g} minutes, as in {places}: "


async def _not_injected(target: Target, probe: Probe) -> Observation:
    if _keeps_sidecars_away(probe.namespace):
        why = f"the labels of namespace {probe.namespace.name} keep sidecars away"
        return unknown(probe.place, why, "name another one as probeNamespace in bot.yaml")
    called = probe.hooks(webhooks.own(target, await webhooks.injecting(target)))
    who = f"{called[0].place} left it as it was" if called else "no webhook of istiod is called"
    policy = f", failurePolicy {called[0].failure_policy}" if called else ""
    return NOT_INJECTED.at(
        target, probe.place, found=f"a Pod without one: {who}{policy}", wanted="a sidecar"
    )


def _keeps_sidecars_away(namespace: Namespace) -> bool:
    labels = (namespaces.INJECTION, namespaces.REVISION)
    return not namespace.is_injected and any(label in namespace.labels for label in labels)


async def _told(target: Target, probe: Probe, found: Sidecar) -> AsyncIterator[Observation]:
    """What istiod has put into the sidecar."""
    address = f"{target.plane.address}:{XDS_PORT}"
    values = (
        (WRONG_CLUSTER, "ISTIO_META_CLUSTER_ID", found.cluster_id, target.cluster.name),
        (WRONG_NETWORK, "ISTIO_META_NETWORK", found.network, target.cluster.network or ""),
        (WRONG_DISCOVERY_ADDRESS, "discoveryAddress", found.discovery_address, address),
        (WRONG_CA_ADDRESS, "CA_ADDR", found.ca_address, address),
    )
    is_fine = True
    for problem, name, value, wanted in values:
        if value != wanted:
            is_fine = False
            yield problem.at(target, f"{probe.place}, {name}", found=value or "none", wanted=wanted)
    if found.image in ("", _AUTO):
        is_fine = False
        place = f"{probe.place}, image"
        yield IMAGE_AUTO.at(target, place, found=found.image or "none", wanted="that of a proxy")
    if is_fine:
        yield healthy(probe.place, f"a sidecar of {found.image} for {found.discovery_address}")


async def _redirection(target: Target, found: Sidecar) -> AsyncIterator[Observation]:
    """How traffic gets into the sidecar."""
    if found.interception == _INTERCEPTS_NOTHING:
        return
    place, plugin = f"DaemonSet {injection.CNI}", await injection.cni(target)
    if plugin and found.has_init:
        yield CNI_UNUSED.at(
            target, place, found=f"one in {plugin}, and istio-init", wanted="one of the two"
        )
    elif not plugin and not found.has_init:
        yield CNI_MISSING.at(target, place, found="neither it nor istio-init", wanted="one of them")
    else:
        yield healthy(place, f"one in {plugin}" if plugin else "none, and istio-init")


async def _time(target: Target, probe: Probe) -> AsyncIterator[Observation]:
    """How long it took, beside what the webhook may take.

    Where that is much, a Pod that istiod is not asked for says how much of it is not istiod's.
    """
    called = probe.hooks(webhooks.own(target, await webhooks.injecting(target)))
    if not called:
        return
    limit = min(hook.seconds for hook in called)
    place, found = f"{probe.place}, time", f"{probe.seconds:.1f} s of {limit} s"
    if probe.seconds > limit * _SLOW:
        without = await injection.seconds_without(target, probe)
        found += f", and {without:.1f} s where istiod is not asked"
        if probe.seconds - without > limit * _SLOW:
            wanted = f"at most {limit * _SLOW:g} s more"
            yield SLOW.at(target, place, found=found, wanted=wanted)
            return
    yield healthy(place, found)
