"""Restarts istiod, which reads the kubeconfig of its config cluster only when it starts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from extcp_bot.live import deployments, fields

if TYPE_CHECKING:
    from extcp_bot.kube.answers import Object
    from extcp_bot.kube.writes import Writer
    from extcp_bot.target import Target

RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
"""The annotation of ``kubectl rollout restart``; Argo CD leaves alone what Git does not name."""


async def restart(target: Target, external: Writer, seconds: float, interval: float) -> bool:
    """Roll istiod out anew, one replica after the other as its Deployment says.

    Args:
        target: Of the control plane.
        external: Writes to the external cluster.
        seconds: How long it may take.
        interval: From one look to the next.

    Returns:
        Whether it was done in that time.

    Raises:
        CannotLookError: The external cluster could not be asked.
    """
    path = (
        f"/apis/{deployments.GROUP}/v1/namespaces/{target.plane.namespace}"
        f"/{deployments.RESOURCE}/{deployments.ISTIOD}"
    )
    now = target.fleet.now().isoformat(timespec="seconds")
    template = {"metadata": {"annotations": {RESTARTED: now}}}
    wanted = await external.merge(path, {"spec": {"template": template}})
    generation = fields.number(fields.at(wanted, "metadata", "generation"))
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await external.read(path)
        if found is not None and _is_rolled_out(found, generation):
            return True
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(interval)


def _is_rolled_out(found: Object, generation: int) -> bool:
    status = fields.mapping(found.get("status"))
    replicas = fields.at(found, "spec", "replicas")
    wanted = replicas if isinstance(replicas, int) else 1
    numbers = (
        fields.number(status.get(name)) for name in ("replicas", "updatedReplicas", "readyReplicas")
    )
    return fields.number(status.get("observedGeneration")) >= generation and all(
        number == wanted for number in numbers
    )
