"""``diff`` on real repositories, with real Git and Kustomize."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.diff.model import Change
from extcp_gitops.diff.run import compare
from extcp_gitops.errors import CouldNotTellError, ExitCode, ExtcpError
from extcp_gitops.generate import Options, generate
from extcp_gitops.git import Repository
from tests import gitrepo, meshes, repositories

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from extcp_gitops.diff.model import Diff, PartDiff

REMOTE = "clusters/remote-cluster-2"
NEW = meshes.REMOTE.format(name="remote-cluster-3").encode()

pytestmark = pytest.mark.usefixtures("kustomize_on_path")


@pytest.fixture
def root(committed_mesh: Path, tmp_path: Path) -> Path:
    return shutil.copytree(committed_mesh, tmp_path / "root")


@pytest.fixture
def change(root: Path, istioctl_path: Path) -> Callable[[Mapping[str, bytes | None]], None]:
    """Edit a person's files, and generate."""

    def edit(files: Mapping[str, bytes | None]) -> None:
        generate(root, Options(istioctl=istioctl_path), lambda _: files)

    return edit


def compared(root: Path, *names: str, revision: str = "HEAD") -> Diff:
    repository = Repository.discover(root)
    assert repository is not None
    return compare(repository, revision, names)


def one(found: Diff) -> PartDiff:
    (cluster,) = found.clusters
    return cluster


def replaced(root: Path, path: str, old: str, new: str) -> None:
    file = root / path
    file.write_text(meshes.replaced(file.read_text(), old, new))


def test_what_is_committed_does_not_differ(root: Path) -> None:
    found = compared(root)
    assert not found
    assert found.exit_code is ExitCode.OK
    assert found.commit == gitrepo.git(root, "rev-parse", "HEAD").strip()


def test_files_that_build_nothing_do_not_differ(root: Path) -> None:
    (root / "README.md").write_text("other\n")
    (root / REMOTE / "notes.txt").write_text("not built\n")
    (root / "clusters/notes").mkdir()
    (root / "clusters/notes/x").write_text("")
    assert not compared(root)


def test_a_new_cluster_is_new(
    root: Path, change: Callable[[Mapping[str, bytes | None]], None]
) -> None:
    change({"clusters/remote-cluster-3/cluster.yaml": NEW})
    cluster = one(compared(root))
    assert (cluster.name, cluster.change) == ("remote-cluster-3", Change.ADDED)
    assert cluster.count(Change.ADDED) == len(cluster.objects) > 5
    assert {"Namespace", "AppProject", "Application"} <= {item.kind for item in cluster.objects}


def test_a_removed_cluster_is_removed(
    root: Path, change: Callable[[Mapping[str, bytes | None]], None]
) -> None:
    change({f"{REMOTE}/cluster.yaml": None})
    found = compared(root)
    assert (one(found).name, one(found).change) == ("remote-cluster-2", Change.REMOVED)
    assert found.exit_code is ExitCode.CHANGES_PENDING


def test_a_change_of_one_cluster_touches_no_other(
    root: Path, change: Callable[[Mapping[str, bytes | None]], None]
) -> None:
    text = (root / REMOTE / "cluster.yaml").read_text().replace("network1", "network2")
    change({f"{REMOTE}/cluster.yaml": text.encode()})
    cluster = one(compared(root))
    assert (cluster.name, cluster.change) == ("remote-cluster-2", Change.CHANGED)
    assert [item.title for item in cluster.objects] == [
        "Namespace external-istiod",
        "MutatingWebhookConfiguration istio-sidecar-injector-external-istiod",
    ]
    assert "+    topology.istio.io/network: network2\n" in cluster.objects[0].diff


def test_a_change_of_a_base_touches_those_that_build_on_it(root: Path) -> None:
    base = "istio/1.29.1/external-istiod/remote-cluster/manifests.yaml"
    replaced(root, base, "name: istio-reader-service-account\n", "name: other\n")
    cluster = one(compared(root))
    assert cluster.name == "remote-cluster-2"
    assert {item.change for item in cluster.objects} >= {Change.ADDED, Change.REMOVED}


def test_bases_that_nobody_builds_on_touch_nobody(root: Path) -> None:
    replaced(
        root,
        "istio/1.29.1/external-istiod/gateways/egress/manifests.yaml",
        "kind: Deployment",
        "kind: StatefulSet",
    )
    assert not compared(root)


def test_what_clusters_share_stands_apart(root: Path) -> None:
    replaced(root, "argocd/application.yaml", "selfHeal: true", "selfHeal: false")
    replaced(root, "istio/1.29.1/crds/manifests.yaml", "singular: sidecar", "singular: other")
    found = compared(root)
    assert found.clusters == ()
    assert found.argocd is not None
    assert [item.kind for item in found.argocd.objects] == ["Application"]
    assert found.crds is not None
    assert [item.name for item in found.crds.objects] == ["sidecars.networking.istio.io"]
    assert found.exit_code is ExitCode.CHANGES_PENDING


def test_another_release_changes_the_crds_and_removes_none(
    root: Path, istioctl_other: Path
) -> None:
    replaced(root, "mesh.yaml", "1.29.1", "1.28.3")
    generate(root, Options(istioctl=istioctl_other))
    found = compared(root)
    assert found.crds is not None
    assert found.crds.change is Change.CHANGED
    assert found.crds.count(Change.CHANGED) > 0
    assert [part.name for part in found.clusters] == [
        "external-cluster",
        "remote-cluster-1",
        "remote-cluster-2",
    ]


def test_an_argo_cd_object_of_a_cluster_belongs_to_it(root: Path) -> None:
    replaced(root, f"{REMOTE}/argocd/project.yaml", "kind: ClusterRole\n", "kind: Node\n")
    assert [item.title for item in one(compared(root)).objects] == [
        "AppProject argocd/mesh1.remote-cluster-2"
    ]


def test_what_argo_cd_would_take_for_a_cluster_is_shown(root: Path) -> None:
    stray = "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: x}\n"
    gitrepo.write(root, {"clusters/stray\x1b[31m/argocd/project.yaml": stray})
    cluster = one(compared(root))
    assert (cluster.name, cluster.change) == (r"stray\x1b[31m", Change.ADDED)
    assert [item.title for item in cluster.objects] == ["AppProject x"]


def test_clusters_can_be_chosen(root: Path) -> None:
    for number in (1, 2):
        path = f"clusters/remote-cluster-{number}/namespace.yaml"
        replaced(root, path, "network1", "network2")
    replaced(root, "argocd/application.yaml", "selfHeal: true", "selfHeal: false")
    found = compared(root, "remote-cluster-1")
    assert one(found).name == "remote-cluster-1"
    assert found.argocd is None
    with pytest.raises(ExtcpError, match="EXTCP-D002"):
        compared(root, "remote-cluster-9")


@pytest.mark.parametrize("side", ["at HEAD", "in the working tree"])
def test_what_cannot_be_built_is_unknown_and_hides_nothing_else(root: Path, side: str) -> None:
    def spoil() -> None:
        (root / REMOTE / "namespace.yaml").unlink()

    if side == "at HEAD":
        kept = (root / REMOTE / "namespace.yaml").read_bytes()
        spoil()
        gitrepo.git(root, "commit", "--quiet", "--all", "--message=Spoil")
        (root / REMOTE / "namespace.yaml").write_bytes(kept)
    else:
        spoil()
    replaced(root, "clusters/remote-cluster-1/namespace.yaml", "network1", "network2")
    found = compared(root)
    assert one(found).name == "remote-cluster-1"
    (problem,) = found.unknown
    assert (problem.code, problem.file) == ("EXTCP-V003", REMOTE)
    assert problem.message.startswith(f"{side}: Kustomize cannot build it")
    assert str(root.parent) not in problem.message
    assert found.exit_code is ExitCode.COULD_NOT_TELL


def test_a_commit_before_the_mesh_has_no_clusters(root: Path) -> None:
    gitrepo.git(root, "checkout", "--quiet", "--orphan", "empty")
    gitrepo.git(root, "rm", "--quiet", "-r", "--cached", ".")
    gitrepo.git(root, "commit", "--quiet", "--allow-empty", "--message=Empty")
    found = compared(root)
    assert {part.change for part in found.clusters} == {Change.ADDED}
    assert len(found.clusters) == 3
    assert found.crds is not None
    assert found.crds.change is Change.ADDED


def test_nothing_is_checked_out(root: Path) -> None:
    replaced(root, f"{REMOTE}/namespace.yaml", "network1", "network2")
    (root / "clusters/remote-cluster-1/namespace.yaml").unlink()
    before = (gitrepo.status(root), (root / ".git/index").read_bytes())
    compared(root)
    assert (gitrepo.status(root), (root / ".git/index").read_bytes()) == before


def test_a_commit_that_is_not_there_is_an_error(root: Path) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G040"):
        compared(root, revision="no-such-branch")


def test_without_kustomize_nothing_can_be_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = shutil.which("git")
    assert git is not None
    (root.parent / "only").mkdir()
    (root.parent / "only/git").symlink_to(git)
    (root.parent / "only/env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(root.parent / "only"))
    with pytest.raises(CouldNotTellError, match="EXTCP-V004"):
        compared(root)


def test_the_bot_is_a_part_of_the_external_cluster(
    root: Path, change: Callable[[Mapping[str, bytes | None]], None]
) -> None:
    change({"mesh.yaml": repositories.with_bot()["mesh.yaml"]})
    found = one(compared(root))
    assert found.name == "external-cluster"
    kinds = {each.kind for each in found.objects}
    assert {"Deployment", "NetworkPolicy", "AppProject", "Application"} <= kinds
    change({"mesh.yaml": meshes.mesh()["mesh.yaml"]})
    assert compared(root).clusters == ()
