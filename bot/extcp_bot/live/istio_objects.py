"""Objects of Istio's own APIs, of which istiod reads most in the config cluster alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import fields

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extcp_bot.target import Target

_SHOWN: Final = 5
_NETWORKING: Final = "networking.istio.io"
_SECURITY: Final = "security.istio.io"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of configuration: its API group and its plural."""

    group: str
    resource: str


# Each is a request to every remote cluster, so these are the kinds that configuration begins with.
# Who has one of the others in the wrong place (Sidecar, EnvoyFilter, RequestAuthentication, ...)
# has one of these there, too. WorkloadEntry is none: istiod does read it in every cluster
# (pilot/pkg/serviceregistry/kube/controller/multicluster.go, createWleConfigStore).
KINDS: Final = (
    Kind(_NETWORKING, "virtualservices"),
    Kind(_NETWORKING, "destinationrules"),
    Kind(_NETWORKING, "gateways"),
    Kind(_NETWORKING, "serviceentries"),
    Kind(_SECURITY, "authorizationpolicies"),
    Kind(_SECURITY, "peerauthentications"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of one kind.

    Attributes:
        kind: Which.
        names: Namespace and name of the first few.
        complete: False where there are more.
    """

    kind: Kind
    names: Sequence[tuple[str, str]]
    complete: bool

    @property
    def words(self) -> str:
        """For people."""
        shown = ", ".join(f"{namespace}/{name}" for namespace, name in self.names)
        return shown if self.complete else f"{shown} and more"


async def of(target: Target) -> list[Found | CannotLookError]:
    """The first few of each kind on the target's cluster, or why nobody shows them.

    There are none of a kind that the cluster does not have.
    """
    return await asyncio.gather(*(_tried(target, kind) for kind in KINDS))


async def _tried(target: Target, kind: Kind) -> Found | CannotLookError:
    try:
        return await _of(target, kind)
    except CannotLookError as error:
        return error


async def _of(target: Target, kind: Kind) -> Found:
    path = f"/apis/{kind.group}/v1/{kind.resource}"
    found = await target.api.list(path, metadata_only=True, at_most=_SHOWN)
    names = [
        (
            fields.string(fields.at(each, "metadata", "namespace")),
            fields.string(fields.at(each, "metadata", "name")),
        )
        for each in found
    ]
    return Found(kind, names, found.complete)
