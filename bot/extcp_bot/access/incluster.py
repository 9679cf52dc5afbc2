"""The service account of the Pod that the bot runs in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from extcp_bot.access.kubeconfig import is_server
from extcp_bot.access.model import Access, Secret
from extcp_bot.kube.failure import CannotLookError

ORIGIN: Final = "the service account of this Pod"
MOUNTED: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_MAX_BYTES: Final = 1 << 20


def access(mounted: Path = MOUNTED) -> Access:
    """The way to the API server of the cluster that the bot runs in.

    Args:
        mounted: Where the service account's token and the server's CA are; tests set it.

    Raises:
        CannotLookError: This is no Pod, or one without a service account.
    """
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    if not host or not port or not is_server(server):
        raise _no_pod("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT do not name a server")
    try:
        token, ca = (_text(mounted / name) for name in ("token", "ca.crt"))
    except (OSError, ValueError):
        raise _no_pod(f"there is no service account in {mounted}") from None
    return Access(server, ca=ca, token=Secret(token.strip()), origin=ORIGIN)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        found = file.read(_MAX_BYTES).decode()
    if not found.strip():
        raise ValueError("empty")
    return found


def _no_pod(why: str) -> CannotLookError:
    return CannotLookError(
        f"{ORIGIN}: {why}",
        "run in a Pod whose service account is mounted, or name a kubeconfig context",
        ORIGIN,
    )
