"""The Pods of a cluster in which a proxy of the mesh runs: sidecars and gateways.

One list for all checks. The label is the one that every way to a proxy leaves on its Pod: the
templates ``sidecar`` and ``gateway`` of the injector, those for the Gateway API, and the
Deployments of ``istioctl``'s gateways, which carry it even where nothing was injected (istio,
injection-template.yaml, kube-gateway.yaml, gateways/*/injected-deployment.yaml).
``security.istio.io/tlsMode`` is on sidecars alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from extcp_bot.live import fields, pods, times

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from extcp_bot.kube.answers import Object
    from extcp_bot.target import Target
    from extcp_gitops.inventory.model import ControlPlane

PATH: Final = "/api/v1/pods"
SELECTOR: Final = "service.istio.io/canonical-name"
CONTAINER: Final = "istio-proxy"
CLUSTER_ID: Final = "ISTIO_META_CLUSTER_ID"
NETWORK: Final = "ISTIO_META_NETWORK"
AUTHORITY: Final = "CA_ADDR"
AT_MOST: Final = 200
PREPARING: Final = frozenset({"ContainerCreating", "PodInitializing"})
"""Why a container waits that was never started: for its image, its volumes, or init containers."""
_VARIABLES: Final = frozenset({CLUSTER_ID, NETWORK, AUTHORITY})
_OVER: Final = ("Succeeded", "Failed")
_PARTS: Final = ("containers", "initContainers", "containerStatuses", "initContainerStatuses")


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy, by its Pod.

    Attributes:
        namespace: Of the Pod.
        name: Of the Pod.
        since: Since when it could work: since its container was started for the first time, or,
            where it was not or not only once, since the Pod has a node; None where nobody says it.
        image: Of the proxy's container.
        waiting: Why its container does not run, as the kubelet calls it; empty where it does.
        is_ready: Whether the proxy's container is, whatever the application does.
        variables: Those of its environment that say whose it is, as far as they stand in the Pod.
    """

    namespace: str
    name: str
    since: datetime | None
    image: str
    waiting: str
    is_ready: bool
    variables: Mapping[str, str] = field(repr=False)

    @property
    def id(self) -> str:
        """As istiod's debug interface calls it; unique within a cluster."""
        return f"{self.name}.{self.namespace}"

    @property
    def cluster_id(self) -> str:
        """The cluster that it says it is in."""
        return self.variables.get(CLUSTER_ID, "")

    @property
    def place(self) -> str:
        """For people."""
        return f"Pod {self.namespace}/{self.name}"

    def is_led_by(self, plane: ControlPlane) -> bool:
        """Whether it gets its certificate, and its configuration, from this control plane."""
        return self.variables.get(AUTHORITY, "").startswith(f"{plane.address}:")


@dataclass(frozen=True, slots=True)
class Proxies:
    """What was read of a cluster's proxies.

    Attributes:
        found: In the order of the API server.
        complete: False where there are more Pods than were read.
    """

    found: tuple[Proxy, ...]
    complete: bool

    @property
    def words(self) -> str:
        """How many, for people."""
        if self.complete:
            return f"{len(self.found)} Pods with a proxy"
        return f"{len(self.found)} Pods with a proxy, among the first {AT_MOST} of more"


async def of(target: Target) -> Proxies:
    """The Pods of a cluster with a proxy, without those that are over, on their way out or nowhere.

    Raises:
        CannotLookError: The cluster does not show its Pods.
    """
    read = await target.api.list(PATH, labels=SELECTOR, at_most=AT_MOST, keep=_kept)
    found = tuple(_proxy(pod, own) for pod in read if _is_alive(pod) and (own := _container(pod)))
    return Proxies(found, read.complete)


def _kept(pod: Object) -> Object:
    """A Pod with nothing of its containers but what says whose proxy it is, and how that is."""
    spec, status, own = _parts(pod.get("spec")), _parts(pod.get("status")), pods.kept(pod)
    return {
        **own,
        "spec": {**own["spec"], **{part: list(map(_of_spec, its)) for part, its in spec.items()}},
        "status": {
            **own["status"],
            **{part: list(map(_of_status, its)) for part, its in status.items()},
        },
    }


def _parts(found: object) -> dict[str, list[Object]]:
    """The proxy's container, or its status, in each list that may hold it.

    Where the cluster has native sidecars, it is an init container.
    """
    lists = {part: fields.items(fields.at(found, part)) for part in _PARTS}
    return {
        part: own
        for part, each in lists.items()
        if (own := [item for item in each if item.get("name") == CONTAINER])
    }


def _of_spec(container: Object) -> Object:
    env = fields.items(container.get("env"))
    return {
        **pods.chosen(container, "name", "image"),
        "env": [pods.chosen(each, "name", "value") for each in env if _tells_whose(each)],
    }


def _tells_whose(variable: Object) -> bool:
    return fields.string(variable.get("name")) in _VARIABLES


def _of_status(container: Object) -> Object:
    return {
        **pods.chosen(container, "name", "ready", "restartCount"),
        "state": {
            "waiting": {"reason": fields.at(container, "state", "waiting", "reason")},
            "running": {"startedAt": fields.at(container, "state", "running", "startedAt")},
        },
    }


def _is_alive(pod: Object) -> bool:
    is_over = fields.at(pod, "status", "phase") in _OVER
    is_leaving = fields.at(pod, "metadata", "deletionTimestamp") is not None
    is_nowhere = _scheduled(pod).get("status") == "False"
    return not (is_over or is_leaving or is_nowhere)


def _scheduled(pod: Object) -> Object:
    conditions = fields.items(fields.at(pod, "status", "conditions"))
    return next((each for each in conditions if each.get("type") == "PodScheduled"), {})


def _container(pod: Object) -> Object | None:
    return next((each for its in _parts(pod.get("spec")).values() for each in its), None)


def _proxy(pod: Object, container: Object) -> Proxy:
    metadata, parts = fields.mapping(pod.get("metadata")), _parts(pod.get("status"))
    status = next((each for its in parts.values() for each in its), {})
    return Proxy(
        fields.string(metadata.get("namespace")),
        fields.string(metadata.get("name")),
        _since(pod, status),
        fields.string(container.get("image")),
        fields.string(fields.at(status, "state", "waiting", "reason")),
        status.get("ready") is True,
        {
            fields.string(each.get("name")): fields.string(each.get("value"))
            for each in fields.items(container.get("env"))
        },
    )


def _since(pod: Object, status: Object) -> datetime | None:
    """A Pod may wait long for its node, and on it for its image: neither is the proxy's fault.

    Later starts do not count, or a container that crashes again and again were always new.
    """
    placed = times.parse(_scheduled(pod).get("lastTransitionTime"))
    created = times.parse(fields.at(pod, "metadata", "creationTimestamp"))
    started = times.parse(fields.at(status, "state", "running", "startedAt"))
    is_first = fields.number(status.get("restartCount")) == 0
    return (started if is_first else None) or placed or created
