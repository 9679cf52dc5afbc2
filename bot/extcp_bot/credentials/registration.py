"""How istiod takes a remote secret up and lets it go, seen at every one of its replicas."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from extcp_bot.credentials.afresh import afresh
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import fields, istiod, registry
from extcp_bot.live.versions import Version, of_image

if TYPE_CHECKING:
    from extcp_bot.credentials.model import RemoteSecret
    from extcp_bot.kube.answers import Object
    from extcp_bot.kube.writes import Writer
    from extcp_bot.live.registry import Member
    from extcp_bot.target import Target

GOES: Final = 20.0
"""Seconds within which every replica has let a cluster go; it takes a busy one a few."""
BLIND: Final = 5.0
"""Seconds to wait where the replicas cannot be asked whether they have let it go."""
_INTERVAL: Final = 0.5
_CONTAINER: Final = "discovery"


async def versions(target: Target) -> set[str]:
    """The releases of Istio that the repository wants and that run, such as ``1.29.1``.

    Raises:
        CannotLookError: The external cluster does not show istiod's Pods.
    """
    pods = await target.external.list(
        f"/api/v1/namespaces/{target.plane.namespace}/pods", labels=istiod.SELECTOR
    )
    images = (
        fields.string(container.get("image"))
        for pod in pods
        for container in fields.items(fields.at(pod, "spec", "containers"))
        if container.get("name") == _CONTAINER
    )
    wanted = Version.parse(target.fleet.inventory.mesh.istio_version)
    found = [each for each in (wanted, *map(of_image, images)) if each is not None]
    return {f"{each.major}.{each.minor}.{each.patch}" for each in found}


async def renew(target: Target, external: Writer, raw: Object, wanted: RemoteSecret) -> bool:
    """Take a remote secret away and make it anew, so that istiod begins with the cluster again.

    Whoever only did one after the other would change nothing: istiod looks at what is there, and
    would find the same kubeconfig. An interruption does not leave the cluster without its Secret.

    Args:
        target: The remote cluster.
        external: Writes to the external cluster.
        raw: The Secret as it was read.
        wanted: What comes in its place.

    Returns:
        Whether every replica was seen to let the cluster go.

    Raises:
        CannotLookError: It may or may not be gone, or there again; the next delivery makes it.
    """
    await external.delete(wanted.path, raw)
    try:
        is_gone = await _let_go(target)
    finally:
        await external.create(wanted.collection, wanted.as_object())
    return is_gone


async def members(target: Target) -> dict[str, Member | None]:
    """What each replica that runs has of the target's cluster, by the replica's name.

    Raises:
        CannotLookError: One of them cannot be asked.
    """
    replicas = await istiod.replicas(target)
    known = await asyncio.gather(*(registry.members(target, each) for each in replicas))
    return {
        each.name: its.get(target.cluster.name) for each, its in zip(replicas, known, strict=True)
    }


async def _let_go(target: Target) -> bool:
    """Wait until no replica has the cluster any more."""
    deadline = asyncio.get_running_loop().time() + GOES
    while asyncio.get_running_loop().time() < deadline:
        try:
            async with afresh(target) as now:
                found = await members(now)
        except CannotLookError:
            await asyncio.sleep(BLIND)
            return False
        if not any(found.values()):
            return True
        await asyncio.sleep(_INTERVAL)
    return False
