"""How a proxy or an API server is to verify what a control plane's address presents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import mesh_root

if TYPE_CHECKING:
    from extcp_bot.target import Target
    from extcp_gitops.inventory.model import ControlPlane


@dataclass(frozen=True, slots=True)
class Verification:
    """What a client wants to see.

    Attributes:
        host: The certificate is to be for it.
        roots: PEM; None for public ones.
        words: The roots, for people.
    """

    host: str
    roots: str | None = field(repr=False)
    words: str


def host(plane: ControlPlane) -> str:
    """The name that clients verify: with an IP address, TLS is passed through to istiod itself."""
    return f"istiod.{plane.namespace}.svc" if plane.is_ip_address else plane.address


async def wanted(target: Target) -> Verification:
    """What the inventory says for the target's control plane.

    Raises:
        CannotLookError: With an IP address it is istiod's root, and that is not to be seen.
    """
    plane = target.plane
    name = host(plane)
    if not plane.is_ip_address:
        words = "public roots" if plane.ca_bundle is None else "caBundle of mesh.yaml"
        return Verification(name, plane.ca_bundle, words)
    roots = await mesh_root.published(target)
    if not roots:
        raise CannotLookError(
            "istiod has not published its root yet", "see EXTCP-H09", mesh_root.place(target)
        )
    return Verification(name, roots, "the root of istiod's CA")
