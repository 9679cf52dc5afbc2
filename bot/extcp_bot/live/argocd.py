"""Argo CD's Applications of the mesh, and what it says of them (argo-cd 3.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.live import fields, times
from extcp_gitops.render.argocd import LABEL_MESH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from extcp_bot.kube.answers import Object
    from extcp_bot.target import Fleet

GROUP: Final = "argoproj.io"
RESOURCE: Final = "applications"
SYNCED: Final = "Synced"
HEALTHY: Final = "Healthy"
CASCADE: Final = "resources-finalizer.argocd.argoproj.io"
"""With it, deleting the Application deletes all that it deployed; a variant may follow a slash."""

_SYNC_FAILED: Final = "SyncFailed"
_MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that Argo CD says of an Application beside its status."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Application:
    """One Application.

    Attributes:
        spec: What it is to do.
        finalizers: Of its metadata.
        is_leaving: Whether it is being deleted.
        sync: ``Synced``, ``OutOfSync`` or ``Unknown``; empty where it was never compared.
        revision: The commit that it was compared with.
        looked: When it was last compared with Git.
        health: ``Healthy``, ``Progressing``, ``Degraded`` and so on.
        health_message: Why, where Argo CD says so.
        phase: Of the last operation: ``Succeeded``, ``Running``, ``Failed``, ``Error``.
        started: When that operation began; None where it does not say.
        finished: When it ended.
        is_asked: Whether a sync is asked for that has not begun.
        message: Of the last operation.
        conditions: Errors and warnings.
        out_of_sync: Resources that are not as Git says; the first of many.
        failed: Resources that could not be applied, and why; the first of many.
    """

    spec: Mapping[str, Any] = field(repr=False)
    finalizers: tuple[str, ...]
    is_leaving: bool
    sync: str
    revision: str
    looked: datetime | None
    health: str
    health_message: str
    phase: str
    started: datetime | None
    finished: datetime | None
    is_asked: bool
    message: str
    conditions: tuple[Condition, ...]
    out_of_sync: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def cascades(self) -> bool:
        """Whether deleting it deletes what it deployed."""
        return any(each.partition("/")[0] == CASCADE for each in self.finalizers)

    @property
    def errors(self) -> tuple[Condition, ...]:
        """Those of its conditions that say what keeps it from working."""
        return tuple(each for each in self.conditions if each.kind.endswith("Error"))

    @property
    def warnings(self) -> tuple[Condition, ...]:
        """Its other conditions."""
        return tuple(each for each in self.conditions if not each.kind.endswith("Error"))


async def applications(fleet: Fleet) -> Mapping[str, Application]:
    """The Applications of the mesh, by name; read once for all clusters.

    Raises:
        CannotLookError: Argo CD's API server does not show them.
    """

    async def read() -> Mapping[str, Application]:
        mesh = fleet.inventory.mesh
        path = f"/apis/{GROUP}/v1alpha1/namespaces/{mesh.argocd_namespace}/{RESOURCE}"
        found = await fleet.argocd_api.list(path, labels=f"{LABEL_MESH}={mesh.mesh_id}", keep=_kept)
        return {
            fields.string(fields.at(item, "metadata", "name")): _application(item) for item in found
        }

    return await fleet.once("Argo CD: Applications", read)


def _kept(item: Object) -> Object:
    """An Application without what nobody asks for, which is most of it in a large fleet."""
    metadata, status = fields.mapping(item.get("metadata")), fields.mapping(item.get("status"))
    operation = fields.mapping(status.get("operationState"))
    resources = fields.items(status.get("resources"))
    results = fields.items(fields.at(operation, "syncResult", "resources"))
    return {
        "metadata": {
            name: metadata.get(name) for name in ("name", "finalizers", "deletionTimestamp")
        },
        "spec": item.get("spec"),
        "is asked to sync": item.get("operation") is not None,
        "status": {
            "sync": {name: fields.at(status, "sync", name) for name in ("status", "revision")},
            "health": status.get("health"),
            "reconciledAt": status.get("reconciledAt"),
            "conditions": status.get("conditions"),
            "operationState": {
                name: operation.get(name)
                for name in ("phase", "startedAt", "finishedAt", "message")
            },
            "out of sync": [_title(each) for each in resources if _is_out_of_sync(each)],
            "failed": [
                f"{_title(each)}: {fields.string(each.get('message'))}"
                for each in results
                if each.get("status") == _SYNC_FAILED
            ][:_MOST_NAMED],
        },
    }


def _is_out_of_sync(resource: Mapping[str, Any]) -> bool:
    return resource.get("status") not in (SYNCED, None)


def _title(resource: Mapping[str, Any]) -> str:
    kind, namespace, name = (
        fields.string(resource.get(key)) for key in ("kind", "namespace", "name")
    )
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _application(item: Object) -> Application:
    metadata, status = item["metadata"], item["status"]
    health = fields.mapping(status["health"])
    return Application(
        fields.mapping(item["spec"]),
        fields.strings(metadata["finalizers"]),
        metadata["deletionTimestamp"] is not None,
        fields.string(status["sync"]["status"]),
        fields.string(status["sync"]["revision"]),
        times.parse(status["reconciledAt"]),
        fields.string(health.get("status")),
        fields.string(health.get("message")),
        fields.string(status["operationState"]["phase"]),
        times.parse(status["operationState"]["startedAt"]),
        times.parse(status["operationState"]["finishedAt"]),
        bool(item["is asked to sync"]),
        fields.string(status["operationState"]["message"]),
        tuple(
            Condition(fields.string(each.get("type")), fields.string(each.get("message")))
            for each in fields.items(status["conditions"])
        ),
        tuple(status["out of sync"]),
        tuple(status["failed"]),
    )
