"""How far a cluster has come on its way into the mesh."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extcp_bot.checks.model import State
    from extcp_bot.result import Result


class Stage(enum.StrEnum):
    """What has to be reached, in this order (facts F2); each one rests on all before it."""

    SYNCED = "synced"
    """Argo CD has applied the cluster's directory."""
    NAMESPACE = "namespace"
    """The control plane's namespace is live, with the annotation that istiod looks for once."""
    CREDENTIAL = "credential"
    """The remote secret is in the external cluster, and the remote cluster accepts it."""
    REGISTRY = "registry"
    """Every replica of istiod has the cluster, as it is now."""
    ROOT = "root"
    """istiod writes the root certificate into the cluster's namespaces."""
    INJECTION = "injection"
    """A Pod that is tried on the cluster comes back with the sidecar that it should have."""
    PROVEN = "proven"
    """All of it has been seen."""

    @property
    def rank(self) -> int:
        """0 for the first."""
        return list(type(self)).index(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """What one look says of a cluster's way into the mesh.

    Attributes:
        cluster: Its name.
        stage: The first one that is not reached; ``PROVEN`` where all are.
        results: What was seen, of every stage up to that one.
        state: ``healthy`` where it is proven; ``unhealthy`` where something is to be waited for or
            mended; ``unknown`` where nobody could look, and nothing follows from it.
        words: What it waits for, or what was done, as one harmless line.
        wrote: Whether this look delivered a credential.
    """

    cluster: str
    stage: Stage
    results: tuple[Result, ...]
    state: State
    words: str
    wrote: bool = False
