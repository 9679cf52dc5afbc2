"""What each stage on the way into the mesh is seen by: checks of the mesh, and two of its own.

The two look at less than EXTCP-H18 and EXTCP-H09 do: before istiod has the cluster, its gateways
cannot be healthy and no root can be there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.checks import all_checks
from extcp_bot.checks.model import (
    ARGOCD_NAMESPACE,
    Check,
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    healthy,
)
from extcp_bot.credentials import turn
from extcp_bot.credentials.model import HeldError
from extcp_bot.joining.model import Stage
from extcp_bot.live import argocd, namespaces
from extcp_gitops.render.argocd import application_name, crds_application_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.live.argocd import Application
    from extcp_bot.target import Target

_FAILED: Final = frozenset({"Failed", "Error"})
_RUNNING: Final = "Running"
_SHORT: Final = 12
_SEE: Final = (
    "kubectl --context {argocd} --namespace {argocd_namespace} get "
    "applications.argoproj.io {application} --output yaml"
)

NO_APPLICATION = Problem(
    "no-application",
    "Argo CD does not have the cluster's Application yet.",
    "the root Application makes it once it has seen the merge, which takes it minutes",
    _SEE,
    severity=Severity.WARNING,
)
NOT_SYNCED = Problem(
    "not-synced",
    "Argo CD has not applied the cluster's directory yet.",
    "it tries again by itself; see what it says",
    _SEE,
    severity=Severity.WARNING,
)
FAILED = Problem(
    "failed",
    "Argo CD cannot apply the cluster's directory.",
    "mend what it says, in the repository or on the cluster",
    _SEE,
)
NOT_LIVE = Problem(
    "not-live",
    "The control plane's namespace is not as istiod wants to find it.",
    "Argo CD makes it from the repository; istiod is given the cluster only then",
    "kubectl --context {context} get namespace {namespace} --output yaml",
    severity=Severity.WARNING,
)


async def _synced(target: Target) -> AsyncIterator[Observation]:
    """Argo CD has the cluster's Applications, and has applied what they name.

    One that waits for the health of what it has applied counts: gateways wait for istiod.
    """
    inventory, found = target.fleet.inventory, await argocd.applications(target.fleet)
    of_cluster = (
        crds_application_name(inventory, target.cluster),
        application_name(inventory, target.cluster),
    )
    for name in of_cluster:
        yield _of_application(target, name, found.get(name))


def _of_application(target: Target, name: str, found: Application | None) -> Observation:
    place = f"Application {target.fleet.inventory.mesh.argocd_namespace}/{name}"
    words = {
        "application": name,
        "argocd_namespace": target.fleet.inventory.mesh.argocd_namespace,
    }
    if found is None:
        return NO_APPLICATION.at(target, place, found="none", wanted="one", **words)
    if found.errors or found.phase in _FAILED:
        said = [f"{each.kind}: {each.message}" for each in found.errors]
        said += [found.phase, *found.failed, found.message]
        seen = "; ".join(filter(None, said))
        return FAILED.at(target, place, found=seen, wanted="Succeeded", **words)
    is_applied = found.sync == argocd.SYNCED or (found.phase == _RUNNING and not found.failed)
    if not found.revision or found.is_leaving or not is_applied:
        seen = f"{found.sync or 'never compared'}, {', '.join(found.out_of_sync[:3])}".rstrip(", ")
        return NOT_SYNCED.at(target, place, found=seen, wanted=argocd.SYNCED, **words)
    return healthy(place, f"{found.sync} at {found.revision[:_SHORT]}")


async def _live(target: Target) -> AsyncIterator[Observation]:
    """The control plane's namespace is live, with the annotation that istiod looks for once.

    istiod looks when it is given the remote secret and gives up where it is not there: istio#41389.
    """
    place = f"Namespace {target.plane.namespace}, annotation {namespaces.CONTROL_PLANE_CLUSTERS}"
    try:
        await turn.require(target)
    except HeldError as error:
        wanted = target.plane.config_cluster
        yield NOT_LIVE.at(target, place, found=error.why, wanted=wanted)
    else:
        yield healthy(place, f"names {target.plane.config_cluster}")


SYNCED: Final = Check(
    "EXTCP-J01",
    "synced",
    "Has Argo CD applied the cluster's directory?",
    Scope.REMOTE,
    Severity.ERROR,
    (Permission(Side.ARGOCD, argocd.RESOURCE, group=argocd.GROUP, namespace=ARGOCD_NAMESPACE),),
    (NO_APPLICATION, NOT_SYNCED, FAILED),
    _synced,
)
LIVE: Final = Check(
    "EXTCP-J02",
    "namespace-live",
    "Is the control plane's namespace on the cluster as istiod wants to find it?",
    Scope.REMOTE,
    Severity.ERROR,
    (Permission(Side.REMOTE, "namespaces"),),
    (NOT_LIVE,),
    _live,
)

_CODES: Final = {
    Stage.CREDENTIAL: ("EXTCP-H05", "EXTCP-H06", "EXTCP-H07"),
    Stage.REGISTRY: ("EXTCP-H08",),
    Stage.ROOT: ("EXTCP-H09",),
    Stage.INJECTION: ("EXTCP-H10",),
}


def checks(stage: Stage) -> tuple[Check, ...]:
    """The checks that have to be healthy for a stage to be reached."""
    match stage:
        case Stage.SYNCED:
            return (SYNCED,)
        case Stage.NAMESPACE:
            return (LIVE,)
        case Stage.PROVEN:
            return ()
    known = all_checks()
    return tuple(known[code] for code in _CODES[stage])


def permissions() -> tuple[tuple[str, Permission], ...]:
    """What it takes to look, each with the code of who wants it, beside what to write takes."""
    return tuple(
        (check.code, permission)
        for stage in Stage
        for check in checks(stage)
        for permission in check.permissions
    )
