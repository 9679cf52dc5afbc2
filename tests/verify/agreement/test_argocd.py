from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.inventory.model import Destination
from extcp_gitops.verify.agreement import check_argocd, check_root
from tests.repositories import put, spoilt, swap, without

if TYPE_CHECKING:
    from extcp_gitops.errors import Finding
    from extcp_gitops.inventory.model import Cluster
    from extcp_gitops.verify.objects import Built
    from tests.repositories import Change, Scene

NAME = "mesh1.remote-cluster-2"
PROJECT = ("AppProject", NAME)
APPLICATION = ("Application", NAME)
CRDS = ("Application", f"{NAME}.crds")


@pytest.mark.parametrize(
    ("item", "change"),
    [
        (APPLICATION, put("remote-cluster-1", "spec", "destination", "name")),
        (APPLICATION, put("https://x", "spec", "destination", "server")),
        (APPLICATION, put("clusters/remote-cluster-1", "spec", "source", "path")),
        (APPLICATION, put("https://git.example.com/x.git", "spec", "source", "repoURL")),
        (APPLICATION, put("HEAD", "spec", "source", "targetRevision")),
        (APPLICATION, put("default", "spec", "project")),
        (APPLICATION, put("other", "metadata", "namespace")),
        (CRDS, put("istio/1.28.3/crds", "spec", "source", "path")),
        (PROJECT, put(["*"], "spec", "sourceRepos")),
        (PROJECT, put("*", "spec", "destinations", 0, "name")),
        (PROJECT, put("remote-cluster-?", "spec", "destinations", 0, "name")),
        (PROJECT, put("*", "spec", "destinations", 0, "server")),
        (PROJECT, put("*", "spec", "destinations", 0, "namespace")),
        (PROJECT, put("*", "spec", "clusterResourceWhitelist", 0, "kind")),
        (PROJECT, put([], "spec", "namespaceResourceWhitelist")),
        (PROJECT, put("other", "metadata", "namespace")),
    ],
)
def test_each_disagreement_is_found(
    host_name: Scene, item: tuple[str, str], change: Change
) -> None:
    found = _check(host_name, spoilt(_read(host_name), *item, change))
    assert {finding.code for finding in found} == {"EXTCP-V019"}
    assert {finding.file for finding in found} == {"clusters/remote-cluster-2/argocd"}


@pytest.mark.parametrize("item", [PROJECT, APPLICATION, CRDS])
def test_each_object_that_has_to_be_there_is_missed(
    host_name: Scene, item: tuple[str, str]
) -> None:
    assert _check(host_name, without(_read(host_name), *item))


def test_what_is_generated_agrees(host_name: Scene, ip_address: Scene) -> None:
    for scene in (host_name, ip_address):
        for cluster in scene.inventory.clusters:
            built = scene.built[f"{cluster.directory}/argocd"]
            assert _check(scene, built, cluster) == []


def test_a_destination_with_the_signs_of_a_glob_is_itself(host_name: Scene) -> None:
    name = "a[b]*\\c"
    cluster = replace(host_name.cluster("remote-cluster-2"), destination=Destination(name=name))
    built = spoilt(_read(host_name), *PROJECT, swap("remote-cluster-2", "a\\[b\\]\\*\\\\c"))
    for item in (APPLICATION, CRDS):
        built = spoilt(built, *item, put(name, "spec", "destination", "name"))
    found = _check(host_name, built, cluster)
    assert not [finding for finding in found if "destination" in finding.message]


ROOT_PROJECT = ("AppProject", "extcp-mesh1")
ROOT = ("Application", "extcp-mesh1")


@pytest.mark.parametrize(
    ("item", "change"),
    [
        (ROOT, put("https://git.example.com/x.git", "spec", "source", "repoURL")),
        (ROOT, put("HEAD", "spec", "source", "targetRevision")),
        (ROOT, put("default", "spec", "project")),
        (ROOT, put("https://x", "spec", "destination", "server")),
        (ROOT, put("other", "metadata", "namespace")),
        (ROOT_PROJECT, put("other", "metadata", "namespace")),
        (ROOT_PROJECT, put(["*"], "spec", "sourceRepos")),
        (ROOT_PROJECT, put("*", "spec", "destinations", 0, "namespace")),
        (ROOT_PROJECT, put("*", "spec", "namespaceResourceWhitelist", 0, "kind")),
        (
            ROOT_PROJECT,
            put([{"group": "*", "kind": "*"}], "spec", "clusterResourceWhitelist"),
        ),
    ],
)
def test_the_root_tells_argo_cd_of_the_clusters_and_nothing_else(
    host_name: Scene, item: tuple[str, str], change: Change
) -> None:
    root = host_name.built["argocd"]
    assert check_root(host_name.inventory, root) == []
    found = check_root(host_name.inventory, spoilt(root, *item, change))
    assert [(finding.code, finding.file) for finding in found] == [("EXTCP-V019", "argocd")]


def test_a_root_that_is_gone_is_missed(host_name: Scene) -> None:
    for item in (ROOT_PROJECT, ROOT):
        assert check_root(host_name.inventory, without(host_name.built["argocd"], *item))


def _read(scene: Scene) -> Built:
    return scene.built["clusters/remote-cluster-2/argocd"]


def _check(scene: Scene, built: Built, cluster: Cluster | None = None) -> list[Finding]:
    cluster = cluster or scene.cluster("remote-cluster-2")
    directories = (cluster.directory, "istio/1.29.1/crds")
    return check_argocd(scene.inventory, cluster, built, directories)
