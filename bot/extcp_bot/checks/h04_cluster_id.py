"""EXTCP-H04: a cluster has one ID, whoever says it to istiod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
    unknown,
)
from extcp_bot.checks.parts import each
from extcp_bot.checks.remedies import RESTORE, RESTORE_COMMAND, RESTORE_EXTERNAL_COMMAND
from extcp_bot.live import credentials, deployments, environment, proxies, webhooks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.target import Target

ANNOTATION: Final = "networking.istio.io/cluster"
_CONTAINER: Final = "discovery"
_VARIABLE: Final = "CLUSTER_ID"
_AUTHORITY: Final = "CA_ADDR"
_PARAMETER: Final = "cluster"

WRONG_WEBHOOK = Problem(
    "wrong-webhook",
    "The injection webhook tells istiod another cluster ID, so that new Pods join under a name "
    "that istiod does not know.",
    RESTORE,
    RESTORE_COMMAND,
)
MALFORMED_PATH = Problem(
    "malformed-path",
    "The path of the injection webhook names no cluster.",
    RESTORE,
    RESTORE_COMMAND,
)
WRONG_ISTIOD = Problem(
    "wrong-istiod",
    "istiod takes its config cluster for another one.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
TWICE = Problem(
    "twice",
    "istiod is told the ID of its config cluster twice, which breaks the next server-side apply.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
WRONG_ANNOTATION = Problem(
    "wrong-annotation",
    "The Secret with the config cluster's kubeconfig is marked as that of another cluster.",
    "see that its kubeconfig is the right one, as EXTCP-H06 says; then mark it",
    "kubectl --context {external} --namespace {namespace} annotate --overwrite secret "
    f"{credentials.CONFIG_SECRET} {ANNOTATION}={{cluster}}",
    severity=Severity.WARNING,
)
WRONG_PROXIES = Problem(
    "wrong-proxies",
    "Proxies run that have joined under another cluster ID.",
    "once the injection webhook is right, restart the workloads",
    "kubectl --context {context} --namespace {of_pod} rollout restart deployment",
)


@check(
    "EXTCP-H04",
    "cluster-id",
    title="Does the cluster go by one ID everywhere?",
    scope=Scope.REMOTE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.REMOTE, webhooks.MUTATING, group=webhooks.GROUP),
        Permission(Side.REMOTE, "pods"),
        Permission(
            Side.EXTERNAL,
            deployments.RESOURCE,
            ("get",),
            group=deployments.GROUP,
            namespace=CONTROL_PLANE_NAMESPACE,
            names=(deployments.ISTIOD,),
        ),
        Permission(
            Side.EXTERNAL,
            "secrets",
            ("get",),
            namespace=CONTROL_PLANE_NAMESPACE,
            names=(credentials.CONFIG_SECRET,),
        ),
    ),
    problems=(
        WRONG_WEBHOOK,
        MALFORMED_PATH,
        WRONG_ISTIOD,
        TWICE,
        WRONG_ANNOTATION,
        WRONG_PROXIES,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Endpoints, certificates and locality all hang on the cluster ID, and nobody compares it.

    It is the name of the cluster in the repository. Looked at are the path of the injection
    webhook, which tells istiod where a new Pod is (`/inject/cluster/NAME/net/NETWORK`, with
    `--slash--` for a slash), and what running proxies were told by it; for the config cluster also
    istiod's variable `CLUSTER_ID`, which has to be there exactly once, and the annotation
    `networking.istio.io/cluster` of `istio-kubeconfig`, where it is there. The key in the remote
    secret is looked at by EXTCP-H05. User reports: istio#36022, #43716, #52388, #56022.
    """
    parts = [_webhooks(target), _proxies(target)]
    if target.is_config:
        parts += [_istiod(target), _annotation(target)]
    async for seen in each(*parts):
        yield seen


async def _webhooks(target: Target) -> AsyncIterator[Observation]:
    name = target.cluster.name
    hooks = webhooks.own(target, await webhooks.injecting(target))
    # All webhooks of a configuration share a path; a wrong one is one fault and not four.
    paths = {(hook.configuration, hook.path): hook for hook in hooks}
    wrong = [hook for hook in paths.values() if (hook.parameters or {}).get(_PARAMETER) != name]
    for hook in wrong:
        said = (hook.parameters or {}).get(_PARAMETER)
        place = f"{hook.configuration}, path of its webhooks"
        if said:
            yield WRONG_WEBHOOK.at(target, place, found=said, wanted=name)
        else:
            wanted = f"/inject/cluster/{target.cluster.slug}/net/{target.cluster.network}"
            yield MALFORMED_PATH.at(target, place, found=hook.path or "none", wanted=wanted)
    if not hooks:
        why = "there is no injection webhook that could name the cluster"
        yield unknown(f"injection webhook of {target.plane.name}", why, RESTORE)
    elif not wrong:
        yield healthy(f"{hooks[0].configuration}, path of its webhooks", name)


async def _proxies(target: Target) -> AsyncIterator[Observation]:
    name = target.cluster.name
    found = await proxies.of(target)
    # Where another control plane's are, EXTCP-H15 says so.
    own = [
        proxy
        for proxy in found.found
        if proxy.variables.get(_AUTHORITY, "").startswith(f"{target.plane.address}:")
    ]
    wrong = [proxy for proxy in own if proxy.cluster_id != name]
    place = f"{proxies.CLUSTER_ID} of {found.words}"
    if wrong:
        first = wrong[0]
        seen = f"{first.cluster_id or 'none'} in {first.place}"
        if wrong[1:]:
            seen += f", and {len(wrong) - 1} more are wrong"
        yield WRONG_PROXIES.at(target, place, found=seen, wanted=name, of_pod=first.namespace)
    else:
        yield healthy(place, name if own else "no proxy of this control plane runs")


async def _istiod(target: Target) -> AsyncIterator[Observation]:
    name = target.cluster.name
    place = f"Deployment {target.plane.namespace}/{deployments.ISTIOD}, variable {_VARIABLE}"
    deployment = await deployments.istiod(target)
    said = environment.values(deployment.pod, _CONTAINER, _VARIABLE) if deployment else None
    if said is None:
        yield unknown(place, f"there is no container {_CONTAINER}", RESTORE)
        return
    if len(said) > 1:
        yield TWICE.at(target, place, found=", ".join(said), wanted=f"{name}, once")
    elif said != [name]:
        yield WRONG_ISTIOD.at(target, place, found="".join(said) or "none", wanted=name)
    else:
        yield healthy(place, name)


async def _annotation(target: Target) -> AsyncIterator[Observation]:
    name = target.cluster.name
    place = f"Secret {target.plane.namespace}/{credentials.CONFIG_SECRET}, {ANNOTATION}"
    found = await credentials.named(target, credentials.CONFIG_SECRET)
    said = found[0].annotations.get(ANNOTATION, name) if found else name
    if said != name:
        yield WRONG_ANNOTATION.at(target, place, found=said, wanted=name)
    else:
        yield healthy(place, f"{name}, or none")
