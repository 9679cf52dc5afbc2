"""What stays on a cluster that has left: nothing here deletes what others may still use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import (
    Check,
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    healthy,
)
from extcp_bot.live import namespaces, roots, versions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.target import Target

_SHOWN: Final = 5

STILL_INJECTED = Problem(
    "still-injected",
    "Namespaces ask for sidecars, which nobody gives any more once the cluster has left.",
    "take the label off, and restart the workloads",
    "kubectl --context {context} label namespaces --selector istio-injection=enabled "
    "istio-injection-",
    severity=Severity.WARNING,
)


async def _left(target: Target) -> AsyncIterator[Observation]:
    """Argo CD deletes what it has deployed; namespaces, CRDs and roots stay.

    Namespaces and CustomResourceDefinitions are kept from pruning, because with them would go what
    other people have put there; the root certificates are istiod's own.
    """
    found = await namespaces.of(target.api)
    injected = [each.name for each in found if each.is_injected]
    if injected:
        more = f" and {len(injected) - _SHOWN} more" if injected[_SHOWN:] else ""
        seen = f"{', '.join(injected[:_SHOWN])}{more}"
        label = f"Namespaces, label {namespaces.INJECTION}"
        yield STILL_INJECTED.at(target, label, found=seen, wanted="none")
    own = any(each.name == target.plane.namespace for each in found)
    certificates = await roots.of(target)
    crds = await versions.of_crds(target.api)
    parts = (
        f"Namespace {target.plane.namespace}" if own else "",
        f"{len(crds)} CustomResourceDefinitions of Istio" if crds else "",
        f"ConfigMap {roots.CONFIG_MAP} in {len(certificates)} namespaces" if certificates else "",
    )
    said = ", ".join(filter(None, parts)) or "nothing"
    yield healthy(f"objects of {target.cluster.name}", f"stays behind: {said}")


LEFT: Final = Check(
    "EXTCP-L05",
    "left-behind",
    "What stays on the cluster?",
    Scope.REMOTE,
    Severity.WARNING,
    (
        Permission(Side.REMOTE, "namespaces"),
        Permission(Side.REMOTE, "configmaps", names=(roots.CONFIG_MAP,)),
        Permission(Side.REMOTE, versions.CRDS, group=versions.CRD_GROUP),
    ),
    (STILL_INJECTED,),
    _left,
)
