"""An object that istiod has to refuse, shown to the config cluster's API server as a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.live import admission

if TYPE_CHECKING:
    from extcp_bot.kube.answers import Object
    from extcp_bot.live.admission import Refusal
    from extcp_bot.target import Target

GROUP: Final = "networking.istio.io"
RESOURCE: Final = "virtualservices"
WEBHOOKS: Final = "validation.istio.io"
"""The names of istiod's validation webhooks end so."""

_NAME: Final = "extcp-bot-probe"


async def refusal(target: Target) -> Refusal | None:
    """What keeps an invalid VirtualService out of the config cluster; None where nothing does.

    Raises:
        CannotLookError: The config cluster cannot be asked.
    """
    namespace = target.plane.namespace
    path = f"/apis/{GROUP}/v1/namespaces/{namespace}/{RESOURCE}"
    trial = await target.config.dry_run(path, _invalid(namespace))
    return None if trial.refusal is None else admission.read(trial.refusal)


def _invalid(namespace: str) -> Object:
    """The schema takes it, and so only istiod says that a route has to lead somewhere."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "VirtualService",
        "metadata": {"name": _NAME, "namespace": namespace},
        "spec": {"hosts": [f"{_NAME}.invalid"], "http": [{"name": "to-nowhere"}]},
    }
