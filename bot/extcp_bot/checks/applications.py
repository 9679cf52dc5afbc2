"""What EXTCP-H18 makes of Argo CD's Applications: each as the repository has it, and at work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.checks.model import Observation, Problem, Severity, healthy
from extcp_bot.live import argocd, drift, fields
from extcp_gitops.render.argocd import application_name, crds_application_name, root_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from extcp_bot.live.argocd import Application
    from extcp_bot.live.repository import Tree
    from extcp_bot.target import Target
    from extcp_gitops.inventory.model import Inventory

TOLERANCE: Final = timedelta(minutes=10)
"""How long Argo CD may take to see what was merged; it looks every three minutes by default.

As long it may take to apply what it has seen."""
SETTLING: Final = timedelta(seconds=10)
"""How long after a sync Argo CD may still find something that is not as it should be."""

_RUNNING: Final = "Running"
_FAILED: Final = frozenset({"Failed", "Error"})
_MISSING: Final = "Missing"
_BROKEN: Final = frozenset({"Degraded", _MISSING})
_EXACT: Final = ("ignoreDifferences", "syncPolicy", "source", "destination")
_FILE: Final = "argocd/applications.yaml"
_ROOT_FILE: Final = "argocd/application.yaml"
_ENABLED: Final = "syncPolicy.automated.enabled"  # true where it is not there
_NAMED: Final = 3
_SHORT: Final = 12

_REFRESH: Final = (
    "kubectl --context {argocd} --namespace {argocd_namespace} annotate "
    "applications.argoproj.io {application} "
    "argocd.argoproj.io/refresh=normal --overwrite"
)
_LOOK: Final = (
    "kubectl --context {argocd} --namespace {argocd_namespace} get "
    "applications.argoproj.io {application} --output yaml"
)
_APPLY: Final = "kubectl --context {argocd} apply --server-side --force-conflicts --filename {file}"
_NO_FINALIZER: Final = (
    "kubectl --context {argocd} --namespace {argocd_namespace} patch "
    "applications.argoproj.io {application} "
    '--type merge --patch \'{{"metadata":{{"finalizers":null}}}}\''
)
_SEE: Final = "see what Argo CD says of it, mend that in the repository, and have it look again"

NO_APPLICATION = Problem(
    "no-application",
    "Argo CD does not have an Application that the repository has.",
    "the root Application makes it once it syncs; where it does not, apply it",
    _APPLY,
)
BEING_DELETED = Problem(
    "being-deleted",
    "An Application of a cluster that is in the mesh is being deleted, with all that it deployed.",
    "take its finalizers away, so that what it deployed stays; the root makes it anew",
    _NO_FINALIZER,
    severity=Severity.CRITICAL,
)
CASCADES = Problem(
    "cascades",
    "Whoever deletes the Application deletes the cluster's part of the mesh with it.",
    "take its finalizers away; the repository gives it none",
    _NO_FINALIZER,
)
CHANGED = Problem(
    "changed-application",
    "The Application is not as the repository has it: what it deploys, when, or what it overlooks.",
    "apply it from a checkout of the main branch",
    _APPLY,
)
FAULTY = Problem(
    "application-error",
    "Argo CD says that it cannot do its work for the Application.",
    _SEE,
    _REFRESH,
)
SYNC_FAILED = Problem(
    "sync-failed",
    "Argo CD's last sync failed.",
    _SEE,
    _REFRESH,
)
OUT_OF_SYNC = Problem(
    "out-of-sync",
    "What is live is not what Git says, by Argo CD's own account.",
    "switch self-healing on again where somebody switched it off, and have Argo CD look again",
    _REFRESH,
)
DEGRADED = Problem(
    "degraded",
    "Argo CD finds something broken, or missing, in what it deployed.",
    "see which resource, and why: status.resources names it, and what it lacks",
    _LOOK,
)
NOT_YET_HEALTHY = Problem(
    "not-yet-healthy",
    "Argo CD waits for something that it deployed.",
    "wait; where that takes long, see which resource it waits for: status.resources names it",
    _LOOK,
    severity=Severity.WARNING,
)
WARNED = Problem(
    "application-warning",
    "Argo CD warns of the Application.",
    "see what it says, in status.conditions: two Applications that bring the same object fight for "
    "it",
    _LOOK,
    severity=Severity.WARNING,
)
BEHIND = Problem(
    "behind",
    "The main branch has moved more than ten minutes ago, and Argo CD has not seen it.",
    "have it look; where that does not help, see the log of its repo-server",
    _REFRESH,
    severity=Severity.WARNING,
)

PROBLEMS: Final = (
    NO_APPLICATION,
    BEING_DELETED,
    CASCADES,
    CHANGED,
    FAULTY,
    SYNC_FAILED,
    OUT_OF_SYNC,
    DEGRADED,
    NOT_YET_HEALTHY,
    WARNED,
    BEHIND,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An Application as the repository has it.

    Attributes:
        name: Of the Application.
        file: Where it stands.
        spec: What it is to do; empty where nobody can tell.
    """

    name: str
    file: str
    spec: Mapping[str, Any]

    @property
    def place(self) -> str:
        """For people."""
        return f"Application {self.name}"

    def inputs(self, tree: Tree) -> frozenset[str]:
        """The directories that what it deploys is built from."""
        if self.file == _ROOT_FILE:
            return tree.argocd
        return tree.inputs.of(fields.string(fields.at(self.spec, "source", "path")))


def root(inventory: Inventory, tree: Tree) -> Wanted:
    """The root Application."""
    return _wanted(tree, root_name(inventory), _ROOT_FILE)


def own(target: Target, tree: Tree) -> Wanted:
    """The Application that brings a cluster everything but its CRDs."""
    name = application_name(target.fleet.inventory, target.cluster)
    return _wanted(tree, name, f"{target.cluster.directory}/{_FILE}")


def wanted(target: Target, tree: Tree | None) -> list[Wanted]:
    """The Applications of a cluster; with the external one, the root.

    Args:
        target: The cluster.
        tree: What the repository says; None where nobody can tell.

    Raises:
        CannotLookError: A file of the repository is no YAML.
    """
    inventory, cluster = target.fleet.inventory, target.cluster
    file = f"{cluster.directory}/{_FILE}"
    places = {crds_application_name(inventory, cluster): file}
    places[application_name(inventory, cluster)] = file
    if target.is_external:
        places[root_name(inventory)] = _ROOT_FILE
    return [_wanted(tree, name, path) for name, path in places.items()]


def problems(
    target: Target, each: Wanted, found: Application | None, *, is_behind: bool
) -> Iterator[Observation]:
    """What is wrong with an Application.

    Args:
        target: The cluster that it is for.
        each: As the repository has it.
        found: As Argo CD has it.
        is_behind: Whether what it deploys has changed since the commit that it has seen.
    """
    if found is None:
        yield _at(NO_APPLICATION, target, each, "", found="none", wanted="one")
        return
    yield from _of_deletion(target, each, found)
    yield from _of_spec(target, each, found)
    yield from _of_sync(target, each, found)
    yield from _of_health(target, each, found)
    for condition in found.warnings:
        yield _at(WARNED, target, each, condition.kind, found=condition.message, wanted="none")
    if is_behind and is_late(target, found):
        seen = f"{found.revision[:_SHORT]}, looked at {found.looked or 'never'}"
        yield _at(BEHIND, target, each, "sync.revision", found=seen, wanted="the main branch")


def is_late(target: Target, found: Application) -> bool:
    """Whether Argo CD should have looked at Git again by now."""
    return found.looked is None or target.fleet.now() - found.looked > TOLERANCE


def is_syncing(target: Target, found: Application) -> bool:
    """Whether Argo CD applies something, and has not for too long.

    From the moment on at which it sees a merge it shows the new commit and what is not live yet.
    """
    if found.phase != _RUNNING or found.started is None:
        return False
    return target.fleet.now() - found.started <= TOLERANCE


def _is_settling(target: Target, found: Application) -> bool:
    """Whether a sync is about to begin, or was about to end when Argo CD last compared.

    After a sync it may say OutOfSync for a second or two more, and then again until it has tried
    once more. Both times are by its own clock.
    """
    if is_late(target, found) or found.looked is None:
        return False
    return found.is_asked or (
        found.finished is not None and found.looked - found.finished <= SETTLING
    )


def in_order(target: Target, each: Wanted, found: Application) -> Observation:
    """What is said of an Application without a problem."""
    said = f"{found.sync} and {found.health} at {found.revision[:_SHORT]}"
    return healthy(each.place, f"{said}, a sync runs" if is_syncing(target, found) else said)


def some(several: Sequence[str]) -> str:
    """The first of many, for people."""
    more = f" and {len(several) - _NAMED} more" if len(several) > _NAMED else ""
    return f"{', '.join(several[:_NAMED])}{more}"


def _wanted(tree: Tree | None, name: str, path: str) -> Wanted:
    for item in (tree.objects(path) if tree else None) or []:
        if item.get("kind") == "Application" and fields.at(item, "metadata", "name") == name:
            return Wanted(name, path, fields.mapping(item.get("spec")))
    return Wanted(name, path, {})


def _of_deletion(target: Target, each: Wanted, found: Application) -> Iterator[Observation]:
    finalizers = ", ".join(found.finalizers) or "none"
    if found.is_leaving:
        said = f"being deleted, finalizers {finalizers}"
        yield _at(BEING_DELETED, target, each, "deletionTimestamp", found=said, wanted="none")
    elif found.cascades:
        yield _at(CASCADES, target, each, "finalizers", found=finalizers, wanted="none")


def _of_spec(target: Target, each: Wanted, found: Application) -> Iterator[Observation]:
    if not each.spec:
        return
    different = [f"{d.path} is {d.found}, not {d.wanted}" for d in _differences(each, found)]
    if different:
        yield _at(CHANGED, target, each, "spec", found=some(different), wanted=f"as in {each.file}")


def _differences(each: Wanted, found: Application) -> list[drift.Difference]:
    """Where either says what the other does not; Argo CD leaves out what is false."""
    said = list(drift.differences(dict(each.spec), found.spec))
    paths = {difference.path for difference in said}
    for name in _EXACT:
        said += [
            drift.Difference(other.path, other.wanted, other.found)
            for other in drift.differences(found.spec.get(name), each.spec.get(name), name)
            if other.path not in paths and other.path != _ENABLED
        ]
    if fields.at(found.spec, *_ENABLED.split(".")) is False:
        said.append(drift.Difference(_ENABLED, "false", "true"))
    return said


def _of_sync(target: Target, each: Wanted, found: Application) -> Iterator[Observation]:
    """The most telling of what Argo CD says of its syncs."""
    if found.errors:
        said = some([f"{error.kind}: {error.message}" for error in found.errors])
        yield _at(FAULTY, target, each, "conditions", found=said, wanted="no error")
    elif found.phase in _FAILED:
        said = f"{found.phase}: {some([*found.failed, found.message])}"
        yield _at(SYNC_FAILED, target, each, "operationState", found=said, wanted="Succeeded")
    elif found.sync != argocd.SYNCED and not (
        is_syncing(target, found) or _is_settling(target, found)
    ):
        said = f"{found.sync or 'never compared'}: {some([*found.out_of_sync, *found.failed])}"
        yield _at(OUT_OF_SYNC, target, each, "sync", found=said.rstrip(": "), wanted=argocd.SYNCED)


def _of_health(target: Target, each: Wanted, found: Application) -> Iterator[Observation]:
    if found.health != argocd.HEALTHY:
        # What a sync brings anew is missing until it is there.
        is_coming = found.health == _MISSING and is_syncing(target, found)
        is_broken = found.health in _BROKEN and not is_coming
        problem = DEGRADED if is_broken else NOT_YET_HEALTHY
        said = f"{found.health or 'unknown'}: {found.health_message}".rstrip(": ")
        yield _at(problem, target, each, "health", found=said, wanted=argocd.HEALTHY)


def _at(
    problem: Problem, target: Target, each: Wanted, what: str, *, found: str, wanted: str
) -> Observation:
    return problem.at(
        target,
        f"{each.place}, {what}" if what else each.place,
        found=found,
        wanted=wanted,
        application=each.name,
        argocd_namespace=target.fleet.inventory.mesh.argocd_namespace,
        file=each.file,
    )
