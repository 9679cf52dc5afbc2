"""Replicas of istiod on a simulated external cluster: Pods whose port-forwarding answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.bot.fleets import PLANE
from tests.bot.forwarding import serving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.bot.apiserver import ApiServer

PODS = f"/api/v1/namespaces/{PLANE}/pods"
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


def put(
    server: ApiServer,
    name: str,
    pages: Mapping[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401 - fields of a Pod
) -> None:
    """A replica of istiod.

    Args:
        server: The external cluster's.
        name: Of its Pod.
        pages: What it answers, see :func:`tests.bot.forwarding.serving`; what is put into the map
            later counts, too.
        changes: ``metadata`` and ``status`` of the Pod, where they are others than a ready one's.
    """
    metadata = {"name": name, "labels": {"app": "istiod"}, **changes.get("metadata", {})}
    server.put(PODS, {"metadata": metadata, "status": changes.get("status", READY)})
    server.handlers[f"{PODS}/{name}/portforward"] = serving({} if pages is None else pages)
