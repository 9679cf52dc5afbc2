"""Whether it is a remote secret's turn: istiod looks at the cluster's namespace once (facts F2).

A remote secret that comes before the namespace and its annotation leads into the join-order trap:
the cluster is ``synced``, and istiod never writes a root there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.credentials.model import waiting
from extcp_bot.live import namespaces

if TYPE_CHECKING:
    from extcp_bot.target import Target

_ANY: Final = "*"
_ARGOCD: Final = "Argo CD makes it from the repository; see EXTCP-H18 where it does not come"


async def require(target: Target) -> None:
    """Let nothing be delivered before its turn.

    Raises:
        HeldError: The control plane's namespace is not live on the cluster, or lacks the
            annotation that names istiod's config cluster.
        CannotLookError: The cluster does not show its namespaces.
    """
    own = await namespaces.of_control_plane(target)
    what = f"namespace {target.plane.namespace}"
    if own is None:
        raise waiting(f"{target.cluster.name} does not have {what} yet", _ARGOCD)
    if own.is_leaving:
        raise waiting(f"{what} of {target.cluster.name} is being deleted", "wait until it is gone")
    if not is_named(target, own.annotations.get(namespaces.CONTROL_PLANE_CLUSTERS, "")):
        raise waiting(
            f"{what} of {target.cluster.name} does not name {target.plane.config_cluster} in its "
            f"annotation {namespaces.CONTROL_PLANE_CLUSTERS}",
            _ARGOCD,
        )


def is_named(target: Target, annotation: str) -> bool:
    """Whether istiod will lead there; it does on its config cluster without being named."""
    named = {each.strip() for each in annotation.split(",")}
    return target.is_config or not {_ANY, target.plane.config_cluster}.isdisjoint(named)
