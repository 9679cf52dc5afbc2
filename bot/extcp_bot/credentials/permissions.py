"""What it takes to write: to deliver remote secrets, to rotate them, and to take them away.

What it takes to look, the checks declare themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import CONTROL_PLANE_NAMESPACE, Permission, Side
from extcp_bot.live import deployments, identity
from extcp_bot.rbac import permitted
from extcp_gitops.render.bases import token_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACCOUNTS: Final = tuple(sorted((identity.READER, identity.ISTIOD)))
_TOKENS: Final = tuple(sorted(map(token_secret_name, _ACCOUNTS)))
_NAMESPACE: Final = CONTROL_PLANE_NAMESPACE

DELIVER: Final = (
    Permission(
        Side.EXTERNAL,
        "secrets",
        ("get", "list", "create", "update", "patch", "delete"),
        namespace=_NAMESPACE,
    ),
    Permission(Side.REMOTE, "secrets", ("get",), namespace=_NAMESPACE, names=_TOKENS),
)
ROTATE: Final = (
    # Each rotation makes one of another name.
    Permission(Side.REMOTE, "secrets", ("get", "create", "patch", "delete"), namespace=_NAMESPACE),
    # The last number is noted there.
    Permission(
        Side.REMOTE, "serviceaccounts", ("get", "patch"), namespace=_NAMESPACE, names=_ACCOUNTS
    ),
    Permission(
        Side.EXTERNAL,
        deployments.RESOURCE,
        ("get", "patch"),
        group=deployments.GROUP,
        namespace=_NAMESPACE,
        names=(deployments.ISTIOD,),
    ),
)


def permissions(side: Side, *, rotation: bool = False) -> Iterator[tuple[str, Permission]]:
    """What one side is asked for, each with the command that asks.

    Args:
        side: Whose API server.
        rotation: Also what it takes to rotate.
    """
    wanted = {"credential deliver": DELIVER, **({"credential rotate": ROTATE} if rotation else {})}
    for command, asked in wanted.items():
        for permission in permitted(asked, side):
            yield command, permission
