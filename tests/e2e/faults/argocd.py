"""A fault that Argo CD sees, and does not mend: somebody switched self-healing off."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.e2e.testbed.argocd import APPLICATIONS, NAMESPACE
from tests.e2e.testbed.processes import wait_for
from tests.e2e.testbed.standard import MESH_ID

from .model import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.testbed.api import Object
    from tests.e2e.testbed.argocd import ArgoCD

    from .model import Stage

DEPLOYMENTS = "apps/v1/deployments"
SECONDS = 60


@fault(
    "somebody switches Argo CD's self-healing off, and changes an object",
    names="H18 remote-cluster-2 out-of-sync",
    follows=(
        "H18 remote-cluster-2 changed-application",
        "H18 external-cluster changed-application",
        "H18 external-cluster out-of-sync",
    ),
    by_hand=True,
)
def out_of_sync(stage: Stage) -> Iterator[None]:
    cluster, argocd = stage.second, stage.mesh.argocd
    root, application = f"extcp-{MESH_ID}", f"{MESH_ID}.{cluster.name}"
    names = (root, application)
    before = {name: _get(argocd, name)["spec"]["syncPolicy"]["automated"] for name in names}
    argocd.release()
    try:
        for name in names:
            _set_automated(argocd, name, None)
            argocd.wait_looked_at(SECONDS, name)
        change = {"metadata": {"labels": {"app": "something-else"}}}
        cluster.api.merge(DEPLOYMENTS, stage.mesh.plane.namespace, "istio-eastwestgateway", change)
        for name in names:
            wait_for(f"{name} is OutOfSync", partial(_is_out_of_sync, argocd, name), SECONDS)
        yield
    finally:
        # "Switch self-healing on again": Argo CD then does the rest.
        for name in reversed(names):
            _set_automated(argocd, name, before[name])
        argocd.hold(SECONDS)


def _get(argocd: ArgoCD, name: str) -> Object:
    return argocd.home.api.get(APPLICATIONS, NAMESPACE, name)


def _set_automated(argocd: ArgoCD, name: str, value: object) -> None:
    change = {"spec": {"syncPolicy": {"automated": value}}}
    argocd.home.api.merge(APPLICATIONS, NAMESPACE, name, change)


def _is_out_of_sync(argocd: ArgoCD, name: str) -> bool:
    argocd.refresh(name)
    return argocd.applications()[name][0] == "OutOfSync"
