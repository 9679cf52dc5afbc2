"""A fault that Argo CD sees, and does not mend: somebody switched self-healing off."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.e2e.testbed.argocd import APPLICATIONS, NAMESPACE
from tests.e2e.testbed.processes import wait_for
from tests.e2e.testbed.standard import MESH_ID

from .model import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Stage

DEPLOYMENTS = "apps/v1/deployments"


@fault(
    "an object differs from the repository, and Argo CD is told not to mend it",
    names="H18 remote-cluster-2 out-of-sync",
    by_hand=True,
)
def out_of_sync(stage: Stage) -> Iterator[None]:
    cluster, argocd = stage.second, stage.mesh.argocd
    root, application = f"extcp-{MESH_ID}", f"{MESH_ID}.{cluster.name}"
    before = {}
    for name in (root, application):
        spec = argocd.home.api.get(APPLICATIONS, NAMESPACE, name)["spec"]
        before[name] = spec["syncPolicy"]["automated"]
        argocd.home.api.merge(APPLICATIONS, NAMESPACE, name, _automated(None))
    argocd.signal(signal.SIGCONT)
    change = {"metadata": {"labels": {"app": "something-else"}}}
    cluster.api.merge(DEPLOYMENTS, stage.mesh.plane.namespace, "istio-eastwestgateway", change)

    def is_seen() -> bool:
        argocd.refresh(application)
        return argocd.applications()[application][0] == "OutOfSync"

    wait_for(f"{application} is OutOfSync", is_seen, 60)
    yield
    # "Switch self-healing on again": Argo CD then does the rest.
    for name in (application, root):
        argocd.home.api.merge(APPLICATIONS, NAMESPACE, name, _automated(before[name]))
    argocd.wait_synced(60, application, root)
    argocd.signal(signal.SIGSTOP)


def _automated(value: object) -> dict[str, object]:
    return {"spec": {"syncPolicy": {"automated": value}}}
