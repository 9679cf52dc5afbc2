"""A Pod as it would become: the API server asks the real webhook for it, and keeps nothing.

The injector's configuration says ``sideEffects: None``, so API servers call it for dry runs too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import admission, fields, namespaces, selectors, times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from extcp_bot.kube.answers import Object
    from extcp_bot.kube.client import Trial
    from extcp_bot.live.admission import Refusal
    from extcp_bot.live.namespaces import Namespace
    from extcp_bot.live.webhooks import Webhook
    from extcp_bot.target import Target

PROXY: Final = "istio-proxy"
INIT: Final = "istio-init"
WEBHOOKS: Final = "sidecar-injector.istio.io"
"""The names of the injector's webhooks end so."""
CNI: Final = "istio-cni-node"
INJECT: Final = "sidecar.istio.io/inject"
RECENT: Final = timedelta(minutes=15)

_NAME: Final = "extcp-bot-probe"
_LABELS: Final = {"app": _NAME, INJECT: "true"}
_DEFAULT: Final = "default"
_EVENTS: Final = 100


@dataclass(frozen=True, slots=True)
class Probe:
    """One dry run.

    Attributes:
        namespace: Where the Pod was asked for.
        seconds: Until the answer, the way from the bot to the API server included.
        pod: The Pod as it would be; None where it was refused.
        refusal: Why it was; None where it was not.
    """

    namespace: Namespace
    seconds: float
    pod: Object | None = field(repr=False)
    refusal: Refusal | None

    @property
    def place(self) -> str:
        """For people."""
        return f"dry run of a Pod in namespace {self.namespace.name}"

    def hooks(self, hooks: Iterable[Webhook]) -> list[Webhook]:
        """Those of the webhooks that the API server calls for this Pod."""
        return [
            hook
            for hook in hooks
            if selectors.selects(hook.namespaces, self.namespace.labels)
            and selectors.selects(hook.objects, _LABELS)
        ]


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What istiod has put into a Pod; a text is empty where there is none.

    Attributes:
        image: Of the proxy.
        cluster_id: The cluster that the proxy says it is in.
        network: The network that it says it is in.
        discovery_address: Where it gets its configuration.
        ca_address: Where it gets its certificate.
        interception: How traffic gets into it: ``REDIRECT``, ``TPROXY`` or ``NONE``.
        has_init: Whether an init container redirects the traffic; else Istio's CNI plugin has to.
    """

    image: str
    cluster_id: str
    network: str
    discovery_address: str
    ca_address: str
    interception: str
    has_init: bool


async def probe(target: Target) -> Probe:
    """Ask the API server of a cluster for a Pod with a sidecar, and do not have it.

    Raises:
        CannotLookError: The cluster cannot be asked, or not for that.
    """
    namespace = await _namespace(target)
    trial = await _ask(target, namespace, inject=True)
    refusal = None if trial.refusal is None else admission.read(trial.refusal)
    return Probe(namespace, trial.seconds, trial.made, refusal)


async def seconds_without(target: Target, probe: Probe) -> float:
    """How long the API server takes for the same Pod when it need not ask istiod.

    So much of a probe's time is the API server's own, the way to it, or the bot's machine.

    Raises:
        CannotLookError: The cluster cannot be asked.
    """
    return (await _ask(target, probe.namespace, inject=False)).seconds


def sidecar(pod: Object) -> Sidecar | None:
    """The sidecar in a Pod, which is an init container where the cluster has native sidecars."""
    spec = fields.mapping(pod.get("spec"))
    inits = fields.items(spec.get("initContainers"))
    both = [*fields.items(spec.get("containers")), *inits]
    own = next((each for each in both if each.get("name") == PROXY), None)
    if own is None:
        return None
    told = {
        fields.string(each.get("name")): fields.string(each.get("value"))
        for each in fields.items(own.get("env"))
    }
    return Sidecar(
        fields.string(own.get("image")),
        told.get("ISTIO_META_CLUSTER_ID", ""),
        told.get("ISTIO_META_NETWORK", ""),
        _discovery_address(told),
        told.get("CA_ADDR", ""),
        told.get("ISTIO_META_INTERCEPTION_MODE", ""),
        any(each.get("name") == INIT for each in inits),
    )


async def cni(target: Target) -> str:
    """The namespace of Istio's CNI plugin on the target's cluster; empty where it has none.

    Raises:
        CannotLookError: The cluster does not show it.
    """
    path, name = "/apis/apps/v1/daemonsets", f"metadata.name={CNI}"
    found = await target.api.list(path, fields=name, metadata_only=True)
    places = (fields.string(fields.at(each, "metadata", "namespace")) for each in found)
    return next(places, "")


async def failures(target: Target) -> dict[str, int]:
    """How often, by namespace, an injector could not be called for real Pods of late.

    Read from the first 100 Events only: more of them say nothing more.

    Raises:
        CannotLookError: The cluster does not show its Events.
    """
    found: dict[str, int] = {}
    events = await target.api.list(
        "/api/v1/events", fields="reason=FailedCreate", at_most=_EVENTS, keep=_kept
    )
    for event in events:
        if _is_recent(target, event) and _is_of_the_injector(event):
            namespace = fields.string(fields.at(event, "metadata", "namespace"))
            found[namespace] = found.get(namespace, 0) + max(fields.number(event.get("count")), 1)
    return found


async def _namespace(target: Target) -> Namespace:
    wanted = target.fleet.settings.probe_namespace
    found = await namespaces.of(target.api)
    # A namespace that is on its way out takes no Pods.
    injected = (
        each.name
        for each in found
        if each.is_injected and not each.is_leaving and each.name not in namespaces.SYSTEM
    )
    name = wanted or next(injected, _DEFAULT)
    for namespace in found:
        if namespace.name == name:
            return namespace
    why = f"{target.cluster.name} has no namespace {name}"
    raise CannotLookError(
        why, "name another one as probeNamespace in bot.yaml", f"Namespace {name}"
    )


async def _ask(target: Target, namespace: Namespace, *, inject: bool) -> Trial:
    path = f"/api/v1/namespaces/{namespace.name}/pods"
    labels = _LABELS if inject else {**_LABELS, INJECT: "false"}
    return await target.api.dry_run(path, _pod(namespace.name, labels))


def _pod(namespace: str, labels: Mapping[str, str]) -> Object:
    """A Pod that the strictest of the Pod Security Standards and quotas for all resources take."""
    resources = {"cpu": "10m", "memory": "16Mi"}
    container: dict[str, Any] = {
        "name": "probe",
        "image": "extcp-bot/probe",  # nobody ever pulls it
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": f"{_NAME}-", "namespace": namespace, "labels": labels},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        },
    }


def _discovery_address(told: Mapping[str, str]) -> str:
    try:
        config = json.loads(told.get("PROXY_CONFIG", ""))
    except (ValueError, RecursionError):
        return ""
    return fields.string(fields.at(config, "discoveryAddress"))


def _kept(event: Object) -> Object:
    """Without the words of others than the injector, which may quote what is in a Pod."""
    return {
        "metadata": {"namespace": fields.at(event, "metadata", "namespace")},
        **{name: event.get(name) for name in ("count", "series", "lastTimestamp", "eventTime")},
        "message": event.get("message") if _is_of_the_injector(event) else "",
    }


def _is_recent(target: Target, event: Object) -> bool:
    last = (
        event.get("lastTimestamp"),
        fields.at(event, "series", "lastObservedTime"),
        event.get("eventTime"),
    )
    seen = next(filter(None, map(times.parse, last)), None)
    return seen is not None and target.fleet.now() - seen < RECENT


def _is_of_the_injector(event: Object) -> bool:
    said = admission.read(fields.string(event.get("message")))
    return said.cause is not None and said.is_of(WEBHOOKS)
