"""Nothing that istiod, Kubernetes or Argo CD does of itself makes Argo CD sync again."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.e2e.testbed.argocd import APPLICATIONS, NAMESPACE

if TYPE_CHECKING:
    from tests.e2e.testbed.api import Object
    from tests.e2e.testbed.standard import Mesh

QUIET_SECONDS = 300
LOOK_SECONDS = 10


def test_all_applications_stay_synced_and_healthy_for_five_minutes(mesh: Mesh) -> None:
    mesh.argocd.wait_synced(180)
    before = operations(mesh)
    seen: Counter[tuple[str, str, str]] = Counter()
    deadline = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < deadline:
        for name, (sync, health) in mesh.argocd.applications().items():
            seen[name, sync, health] += 1
        time.sleep(LOOK_SECONDS)
    assert [state for state in seen if state[1:] != ("Synced", "Healthy")] == []
    assert operations(mesh) == before


def operations(mesh: Mesh) -> dict[str, object]:
    """When each Application was last synced: a sync loop shows here even if it is quick."""
    return {app["metadata"]["name"]: _last(app) for app in _all(mesh)}


def _all(mesh: Mesh) -> list[Object]:
    return mesh.argocd.home.api.list(APPLICATIONS, NAMESPACE)


def _last(app: Object) -> object:
    return app.get("status", {}).get("operationState", {}).get("startedAt")
