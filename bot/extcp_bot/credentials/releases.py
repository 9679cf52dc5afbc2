"""Releases of Istio whose istiod does not take up another credential of a cluster as it should.

istiod reads a cluster anew when the kubeconfig in its remote secret changes. In some releases that
ends the reading of remote secrets altogether, ends istiod, or loses endpoints until istiod is
restarted. The table is the one place for what is known of them; its sources are Istio's issues and
the release notes that name their repair (https://istio.io/latest/news/releases/).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.live.versions import Version

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong in some releases.

    Attributes:
        first: The first release that has it.
        repaired: The first release that has it no more.
        what: What happens when a remote secret gets another kubeconfig, as the end of a sentence.
        issue: Where it was reported.
        spares_renewal: Whether a remote secret may be taken away and made anew without harm to
            other clusters.
        until_restart: Whether nothing is lost by it, and a restarted istiod is as it should be.
    """

    first: str
    repaired: str
    what: str
    issue: str
    spares_renewal: bool = True
    until_restart: bool = False

    def __str__(self) -> str:
        return f"{self.what} ({self.issue}, repaired in {self.repaired})"


FAULTS: Final = (
    # The mesh watcher of each cluster, new in 1.29, is waited for before it is told to end.
    Fault(
        "1.29.0",
        "1.29.3",
        "istiod reads no remote secret any more until it is restarted",
        "istio#59875",
        until_restart=True,
    ),
    # The repair of the above closes a channel twice; release notes of 1.29.5.
    Fault("1.29.3", "1.29.5", "istiod may end in a panic", "istio#60520", until_restart=True),
    Fault(
        "1.30.0",
        "1.30.3",
        "istiod never uses the new credential until it is restarted",
        "istio#60612",
        until_restart=True,
    ),
    Fault(
        "1.30.0",
        "1.30.4",
        "istiod loses the cluster's endpoints until it is restarted",
        "istio#61043",
    ),
    Fault(
        "1.30.0",
        "1.30.4",
        "istiod loses network gateways of other clusters until it is restarted",
        "istio#60920",
        spares_renewal=False,
    ),
)


def faults(releases: Iterable[str]) -> tuple[Fault, ...]:
    """What is known to go wrong in any of some releases.

    Args:
        releases: Such as ``1.29.1``; what is no release has no known fault.
    """
    found = [version for each in releases if (version := Version.parse(each)) is not None]
    return tuple(fault for fault in FAULTS if any(_has(fault, version) for version in found))


def _has(fault: Fault, version: Version) -> bool:
    first, repaired = Version.parse(fault.first), Version.parse(fault.repaired)
    if first is None or repaired is None:
        raise ValueError(f"{fault.issue} names no releases")
    return first <= version < repaired
