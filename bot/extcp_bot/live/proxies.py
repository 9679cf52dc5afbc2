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

from extcp_bot.live import fields, times

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
_OVER: Final = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy, by its Pod.

    Attributes:
        namespace: Of the Pod.
        name: Of the Pod.
        created: When the Pod was; None where it says nonsense.
        image: Of the proxy's container.
        is_ready: Whether the proxy's container is, whatever the application does.
        variables: Environment of the proxy's container, as far as it stands in the Pod.
    """

    namespace: str
    name: str
    created: datetime | None
    image: str
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
    pods = await target.api.list(PATH, labels=SELECTOR, at_most=AT_MOST)
    found = tuple(_proxy(pod, own) for pod in pods if _is_alive(pod) and (own := _container(pod)))
    return Proxies(found, pods.complete)


def _is_alive(pod: Object) -> bool:
    is_over = fields.at(pod, "status", "phase") in _OVER
    is_leaving = fields.at(pod, "metadata", "deletionTimestamp") is not None
    conditions = fields.items(fields.at(pod, "status", "conditions"))
    is_nowhere = any(
        each.get("type") == "PodScheduled" and each.get("status") == "False" for each in conditions
    )
    return not (is_over or is_leaving or is_nowhere)


def _container(pod: Object) -> Object | None:
    """The proxy's own, which is an init container where the cluster has native sidecars."""
    spec = fields.mapping(pod.get("spec"))
    both = [*fields.items(spec.get("containers")), *fields.items(spec.get("initContainers"))]
    return next((each for each in both if each.get("name") == CONTAINER), None)


def _proxy(pod: Object, container: Object) -> Proxy:
    metadata, status = fields.mapping(pod.get("metadata")), fields.mapping(pod.get("status"))
    states = [
        *fields.items(status.get("containerStatuses")),
        *fields.items(status.get("initContainerStatuses")),
    ]
    return Proxy(
        fields.string(metadata.get("namespace")),
        fields.string(metadata.get("name")),
        times.parse(metadata.get("creationTimestamp")),
        fields.string(container.get("image")),
        any(each.get("name") == CONTAINER and each.get("ready") is True for each in states),
        {
            fields.string(each.get("name")): fields.string(each.get("value"))
            for each in fields.items(container.get("env"))
        },
    )
