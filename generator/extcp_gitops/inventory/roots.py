"""Which root the ingress gateway verifies istiod against, and how it is pinned.

A plugged-in CA's root is a file that its owner has from the beginning. A control plane that signs
for itself makes its root when it first starts, and writes it into its config cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_gitops.errors import Finding, Severity
from extcp_gitops.inventory import names, schema
from extcp_gitops.inventory.model import CAType

if TYPE_CHECKING:
    from extcp_gitops.inventory.model import ControlPlane

_COMMAND = "extcp-gitops control-plane pin-root"


def pin_command(plane: ControlPlane) -> str:
    """The command that pins the root which istiod has written into its config cluster.

    Args:
        plane: Whose; the context of its config cluster is taken to be called like that.
    """
    context = plane.config_cluster.replace("/", names.SLASH)
    return f"{_COMMAND} {plane.name} --context {context}"


def how_to_pin(plane: ControlPlane) -> str:
    """How to pin the root of a control plane that has none pinned, as a remedy."""
    if plane.ca.type is CAType.SELF_SIGNED:
        return (
            f"{pin_command(plane)}, once istiod runs; a CA of your own, with "
            "certificateAuthority.type: plugged-in, can be pinned before, with --file root-cert.pem"
        )
    if plane.ca.issuer is not None:
        return f"{pin_command(plane)}, once istiod runs"
    return f"{_COMMAND} {plane.name} --file root-cert.pem"


def file_warning(plane: ControlPlane) -> Finding | None:
    """What to say where the root comes from a file; None where that is as it should be.

    Args:
        plane: Whose root is pinned.

    Returns:
        A warning, EXTCP-I049, where istiod signs for itself: only a file that was read from the
        config cluster is its root then, and any other has the gateway answer 503.
    """
    if plane.ca.type is not CAType.SELF_SIGNED:
        return None
    return Finding(
        "EXTCP-I049",
        f"'{plane.name}' signs for itself: its root is one that istiod makes, so that the gateway "
        "trusts no istiod where this file was not read from its config cluster",
        "where the file is the root of your own CA, set certificateAuthority.type: plugged-in; "
        f"where it may be another one than istiod's, {pin_command(plane)}",
        schema.MESH_FILE,
        severity=Severity.WARNING,
    )
