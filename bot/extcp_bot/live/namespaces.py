"""The namespaces of a cluster, their labels and annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.live import times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.kube.client import Client
    from extcp_bot.target import Target

CONTROL_PLANE_CLUSTERS: Final = "topology.istio.io/controlPlaneClusters"
NETWORK: Final = "topology.istio.io/network"
INJECTION: Final = "istio-injection"
REVISION: Final = "istio.io/rev"
DEFAULT_REVISION: Final = "default"
SYSTEM: Final = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
"""Namespaces that istiod never injects into (pkg/kube/inject IgnoredNamespaces)."""


class Namespace:
    """One namespace.

    Attributes:
        name: Its name.
        labels: Of its metadata.
        annotations: Of its metadata.
        created: When it was made; None where it says nonsense.
        is_leaving: Whether it is being deleted.
    """

    def __init__(self, metadata: Mapping[str, object]) -> None:
        self.name = str(metadata.get("name"))
        self.labels = _strings(metadata.get("labels"))
        self.annotations = _strings(metadata.get("annotations"))
        self.created = times.parse(metadata.get("creationTimestamp"))
        self.is_leaving = metadata.get("deletionTimestamp") is not None

    @property
    def is_injected(self) -> bool:
        """Whether Pods there get a sidecar unless they say no."""
        if INJECTION in self.labels:
            return self.labels[INJECTION] == "enabled"
        return self.labels.get(REVISION) == DEFAULT_REVISION


async def of(api: Client) -> list[Namespace]:
    """All namespaces of a cluster, by name.

    Raises:
        CannotLookError: The cluster does not show them.
    """
    found = await api.list("/api/v1/namespaces", metadata_only=True)
    return sorted((Namespace(item["metadata"]) for item in found), key=lambda each: each.name)


async def of_control_plane(target: Target) -> Namespace | None:
    """The control plane's namespace on the target's cluster; None where it is not there."""
    found = await of(target.api)
    return next((each for each in found if each.name == target.plane.namespace), None)


def _strings(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(name): str(text) for name, text in value.items()}
