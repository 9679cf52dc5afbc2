"""What a person proposes on a command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extcp_gitops.inventory.model import Gateways


@dataclass(frozen=True, slots=True)
class NewMember:
    """A cluster that is to join; what is None, Argo CD's labels say, else the usual holds.

    Attributes:
        name: Of the cluster.
        network: Of Istio.
        control_plane: That it is to belong to.
        gateways: Wanted.
        server: URL by which Argo CD knows it, instead of its name.
        context: kubeconfig context that leads to it; None for one of its name, or Argo CD's way.
    """

    name: str
    network: str | None = None
    control_plane: str | None = None
    gateways: Gateways | None = None
    server: str | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Proposals by hand.

    Attributes:
        add: Clusters that are to join.
        remove: Names of clusters that are to leave.
        pin: Control planes whose published roots are to be pinned, also where another one is.
        pause: Seconds between two looks at the same clusters.
    """

    add: tuple[NewMember, ...] = ()
    remove: tuple[str, ...] = ()
    pin: tuple[str, ...] = ()
    pause: float = 10.0
