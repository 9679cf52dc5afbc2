"""The roots of trust that istiod writes into the namespaces of a cluster, and who writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.live import fields, times

if TYPE_CHECKING:
    from datetime import datetime

    from extcp_bot.target import Target

CONFIG_MAP: Final = "istio-ca-root-cert"
KEY: Final = "root-cert.pem"
SKIPPED: Final = frozenset({"kube-public", "kube-node-lease", "local-path-storage"})
"""Namespaces into which istiod writes none (pilot, NamespaceController.ignoredNamespaces)."""
ELECTION: Final = "istio-namespace-controller-election"
LEADER: Final = "control-plane.alpha.kubernetes.io/leader"
REMOTE: Final = "^"
"""Begins the key of an istiod that leads in a cluster which is not its config cluster."""


@dataclass(frozen=True, slots=True)
class Leader:
    """The istiod that writes the roots, as it has written down last.

    Attributes:
        holder: Name of its Pod; empty where it has stepped down.
        key: Its revision, behind ``^`` where the cluster is not its config cluster.
        renewed: When it last said that it is there, by its own clock; None where it says nonsense.
    """

    holder: str
    key: str
    renewed: datetime | None


async def of(target: Target) -> dict[str, str]:
    """The roots in each namespace of the target's cluster that has them, PEM.

    Raises:
        CannotLookError: The cluster does not show them.
    """
    found = await target.api.list("/api/v1/configmaps", fields=f"metadata.name={CONFIG_MAP}")
    return {
        fields.string(fields.at(each, "metadata", "namespace")): fields.string(
            fields.at(each, "data", KEY)
        )
        for each in found
    }


async def leader(target: Target, namespace: str = "") -> Leader | None:
    """Who writes the roots on the target's cluster; None where nobody ever has.

    Args:
        target: Where.
        namespace: That of another control plane; empty for the target's own.

    Raises:
        CannotLookError: The cluster does not show it.
    """
    path = f"/api/v1/namespaces/{namespace or target.plane.namespace}/configmaps/{ELECTION}"
    record = fields.at(await target.api.find(path), "metadata", "annotations", LEADER)
    if record is None:
        return None
    try:
        said = json.loads(fields.string(record))
    except (ValueError, RecursionError):
        said = None
    found = fields.mapping(said)
    return Leader(
        fields.string(found.get("holderIdentity")),
        fields.string(found.get("holderKey")),
        times.parse(found.get("renewTime")),
    )
