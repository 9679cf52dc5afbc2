"""Until when the certificate is valid that istiod signs those of the workloads with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from extcp_bot.live import istiod, metrics

if TYPE_CHECKING:
    from extcp_bot.live.istiod import Replica
    from extcp_bot.target import Target

CHAIN_END: Final = "citadel_server_cert_chain_expiry_timestamp"
"""Of the first certificate in cert-chain.pem; not there where istiod signs with its root."""
ROOT_END: Final = "citadel_server_root_cert_expiry_timestamp"
"""Of the first root that istiod has, which is its own where it has made one."""
_LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


async def end(target: Target, replica: Replica) -> datetime | None:
    """When the certificate ends that a replica signs with, as its metrics say.

    Both are Unix times in seconds, and those of the certificates that are in use now
    (security/pkg/server/ca/server.go, RecordCertsExpiry; since Istio 1.24 also of reloaded ones).

    Returns:
        None where it does not say; another CA may sign in its place.

    Raises:
        CannotLookError: It cannot be asked.
    """
    text = await istiod.metrics(target, replica)
    for name in (CHAIN_END, ROOT_END):
        for sample in metrics.samples(text, name):
            if 0 < sample.value < _LATEST:
                return datetime.fromtimestamp(sample.value, UTC)
    return None
