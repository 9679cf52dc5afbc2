"""The root of trust that istiod publishes in its config cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.live import fields

if TYPE_CHECKING:
    from extcp_bot.target import Target

CONFIG_MAP: Final = "istio-ca-root-cert"
KEY: Final = "root-cert.pem"


async def published(target: Target) -> str:
    """The roots, PEM; empty where istiod has not published any yet.

    Raises:
        CannotLookError: The config cluster does not show them.
    """
    namespace = target.plane.namespace
    path = f"/api/v1/namespaces/{namespace}/configmaps/{CONFIG_MAP}"
    return fields.string(fields.at(await target.config.find(path), "data", KEY))


def place(target: Target) -> str:
    """Where it stands, for people."""
    where = f"{target.plane.namespace}/{CONFIG_MAP}"
    return f"ConfigMap {where} of {target.plane.config_cluster}"
