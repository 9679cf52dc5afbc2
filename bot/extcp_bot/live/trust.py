"""Whether a kubeconfig vouches for the API server that it leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import certificates, presented

if TYPE_CHECKING:
    from extcp_bot.access.model import Access
    from extcp_bot.target import Target

_HTTPS: Final = 443


def has_roots(access: Access) -> bool:
    """Whether its CA, where it has one, holds certificates."""
    try:
        return access.ca is None or bool(certificates.of_pem(access.ca))
    except ValueError:
        return False


async def misplaced(target: Target, access: Access) -> bool:
    """Whether it is the target's cluster that answers, and the kubeconfig does not trust it.

    An address alone does not tell that it is: two networks may use the same private ones. So it is
    the cluster where it is the address at which the bot reaches it, or where the CA by which the
    bot knows the cluster vouches for what answers.

    Args:
        target: Whose cluster it should be.
        access: Of a kubeconfig, with readable roots; its credential is not shown to anybody.

    Raises:
        CannotLookError: Nobody answers.
    """
    host, port = _place(access)
    seen = await presented.presented(target.fleet, host, port)
    is_for = seen.certificate.is_for(access.tls_server_name or host)
    if is_for and await _is_trusted(target, access, access.ca):
        return False
    known = target.fleet.access.get(target.cluster.name)
    if known is None or isinstance(known, CannotLookError):
        return False
    if known.ca is None or not has_roots(known):
        return _place(known) == _place(access)
    return await _is_trusted(target, access, known.ca)


async def _is_trusted(target: Target, access: Access, roots: str | None) -> bool:
    found = await presented.verdict(target.fleet, *_place(access), roots)
    return found.is_trusted


def _place(access: Access) -> tuple[str, int]:
    url = urlsplit(access.server)
    return url.hostname or "", url.port or _HTTPS
