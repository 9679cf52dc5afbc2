from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops.verify.objects import Built, Reader
from extcp_gitops.verify.projects import Allowed, check

if TYPE_CHECKING:
    from extcp_gitops.errors import Finding
    from tests.repositories import Scene


@pytest.mark.parametrize(
    ("api_version", "kind", "namespace", "words"),
    [
        ("batch/v1", "Job", "external-istiod", "kind"),
        ("v1", "Service", "default", "namespace"),
        ("v1", "Service", "*", "namespace"),
        ("apps/v1", "Service", "external-istiod", "kind"),
        ("v1", "Node", "", "kind"),
        ("argoproj.io/v1alpha1", "Application", "argocd", "kind"),
    ],
)
def test_what_argo_cd_would_refuse_is_found(
    host_name: Scene, api_version: str, kind: str, namespace: str, words: str
) -> None:
    (found,) = _check(host_name, api_version, kind, namespace)
    assert found.code == "EXTCP-V050"
    assert words in found.message


@pytest.mark.parametrize(
    ("api_version", "kind", "namespace"),
    [
        ("v1", "Service", "external-istiod"),
        ("v1", "Service", ""),  # goes to the namespace of the Application's destination
        ("v1", "ConfigMap", "external-istiod"),
        ("networking.istio.io/v1", "Gateway", "external-istiod"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", ""),
        ("v1", "Namespace", ""),
    ],
)
def test_what_belongs_to_a_mesh_is_allowed(
    host_name: Scene, api_version: str, kind: str, namespace: str
) -> None:
    assert _check(host_name, api_version, kind, namespace) == []


def test_everything_generated_is_allowed(host_name: Scene, ip_address: Scene) -> None:
    for scene in (host_name, ip_address):
        for cluster in scene.inventory.clusters:
            for path in (cluster.directory, "istio/1.29.1/crds"):
                allowed = _allowed(scene, cluster.directory)
                assert list(check(scene.built[path], allowed)) == []


def _check(scene: Scene, api_version: str, kind: str, namespace: str) -> list[Finding]:
    text = f"apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: x\n"
    if namespace:
        text += f'  namespace: "{namespace}"\n'
    built = Built("clusters/remote-cluster-2", Reader().read(text))
    return list(check(built, _allowed(scene, "clusters/remote-cluster-2")))


def _allowed(scene: Scene, directory: str) -> Allowed:
    argocd = scene.built[f"{directory}/argocd"]
    (project,) = argocd.of_kind("AppProject")
    return Allowed.by(project, next(argocd.of_kind("Application")))
