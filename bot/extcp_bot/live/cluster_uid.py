"""By what a cluster is known to be itself, whatever it is called and wherever it is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.kube.failure import NonsenseError

if TYPE_CHECKING:
    from extcp_bot.kube.client import Client

NAMESPACE: Final = "kube-system"
"""Every cluster has it, made once; its UID is what tools agree on as the cluster's own (the
Kubernetes SIG Multicluster's About API recommends it for ``cluster.clusterset.k8s.io``)."""


async def of(api: Client) -> str:
    """The UID of a cluster.

    Raises:
        CannotLookError: The cluster does not show its namespaces.
    """
    path, name = "/api/v1/namespaces", f"metadata.name={NAMESPACE}"
    for found in await api.list(path, fields=name, metadata_only=True):
        if uid := found["metadata"].get("uid"):
            return str(uid)
    raise NonsenseError(
        f"{api.access.host} has no namespace {NAMESPACE}",
        "check that the address is that of an API server of Kubernetes",
        f"Namespace {NAMESPACE}",
    )
