"""What it takes to ask every replica of istiod for what it knows and serves to itself alone."""

from __future__ import annotations

from typing import Final

from extcp_bot.checks.model import CONTROL_PLANE_NAMESPACE, Permission, Side
from extcp_bot.kube import portforward

PERMISSIONS: Final = (
    Permission(Side.EXTERNAL, "pods", namespace=CONTROL_PLANE_NAMESPACE),
    Permission(
        Side.EXTERNAL, "pods/portforward", portforward.VERBS, namespace=CONTROL_PLANE_NAMESPACE
    ),
)
