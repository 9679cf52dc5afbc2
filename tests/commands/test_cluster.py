from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.generate import Options, create
from extcp_gitops.inventory.load import load_directory
from extcp_gitops.inventory.model import Gateways
from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command


@pytest.fixture
def root(tmp_path: Path, istioctl_path: Path) -> Path:
    create(tmp_path, meshes.mesh(), Options(istioctl=istioctl_path))
    return tmp_path


def test_the_next_free_name(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "cluster", "add", "--output", "json") == 0
    result = json.loads(extcp.out)
    assert result["cluster"] == "remote-cluster-3"
    assert result["modified"] == result["deleted"] == []
    assert all(path.startswith("clusters/remote-cluster-3/") for path in result["added"])


def test_all_that_can_be_said_of_a_cluster(extcp: Command, root: Path) -> None:
    options = ["--network", "1e3", "--server", "https://x.example.com", "--ingress", "--egress"]
    assert extcp("-C", root, "cluster", "add", "0o17", *options) == 0
    cluster = load_directory(root).inventory.by_name["0o17"]
    assert (cluster.network, cluster.gateways) == ("1e3", Gateways(ingress=True, egress=True))
    assert cluster.destination.server == "https://x.example.com"


def test_an_empty_server_is_not_taken_for_none(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "cluster", "add", "--server", "") == 1
    assert "EXTCP-I004 argocd.server" in extcp.err
    assert not (root / "clusters/remote-cluster-3").exists()


def test_a_name_whose_directory_is_there_is_not_chosen(extcp: Command, root: Path) -> None:
    (root / "clusters/remote-cluster-3/custom").mkdir(parents=True)
    assert extcp("-C", root, "cluster", "add", "--output", "json") == 0
    assert json.loads(extcp.out)["cluster"] == "remote-cluster-4"


def test_what_a_removed_cluster_left_is_part_of_the_new_one(extcp: Command, root: Path) -> None:
    custom = root / "clusters/remote-cluster-2/custom/kustomization.yaml"
    custom.parent.mkdir()
    custom.write_text("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n")
    assert extcp("-C", root, "generate") == 0
    assert extcp("-C", root, "cluster", "remove", "remote-cluster-2") == 0
    assert extcp("-C", root, "cluster", "add", "remote-cluster-2") == 0
    assert "clusters/remote-cluster-2/custom/ was there before" in extcp.err
    assert "credential" not in extcp.err
    assert extcp("-C", root, "generate", "--check") == 0


def test_a_cluster_without_a_remote_secret_is_not_told_to_get_one(
    extcp: Command, root: Path
) -> None:
    assert extcp("-C", root, "cluster", "add", "a/b") == 0
    assert "EXTCP-I043" in extcp.err
    assert "comes last" not in extcp.err
    assert extcp("-C", root, "cluster", "add", "b") == 0
    assert "Its remote secret comes last" in extcp.err


def test_a_name_from_elsewhere_cannot_steer_the_terminal(extcp: Command, root: Path) -> None:
    for name in ("a\x1b[31mb", "c\nd", "e\u202ef", "g\udc80"):
        shutil.copytree(root / "clusters/remote-cluster-2", root / "clusters" / name)
    assert extcp("-C", root, "cluster", "list") == 1
    for shown in (r"a\x1b[31mb", r"c\nd", r"e\u202ef", r"g\udc80"):
        assert f"clusters/{shown}/cluster.yaml: EXTCP-I012" in extcp.err
    assert extcp.err.replace("\n", "").isprintable()


@pytest.mark.parametrize("name", ["", "../x", ".git", "Remote", "a\nb", "remote-cluster-1", "-x"])
def test_a_name_that_cannot_be(extcp: Command, root: Path, name: str) -> None:
    before = sorted(root.rglob("*"))
    assert extcp("-C", root, "cluster", "add", "--", name) == 1
    assert "EXTCP-I01" in extcp.err
    assert sorted(root.rglob("*")) == before


def test_commit_takes_exactly_what_was_changed(extcp: Command, root: Path) -> None:
    git = ["git", "-C", str(root)]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True, timeout=30)
    subprocess.run([*git, "add", "-A"], check=True, timeout=30)
    subprocess.run([*git, "commit", "-qm", "start"], check=True, timeout=30)
    (root / "notes.txt").write_text("mine")
    subprocess.run([*git, "add", "notes.txt"], check=True, timeout=30)
    assert extcp("-C", root, "cluster", "add", "--commit") == 0
    shown = subprocess.run(
        [*git, "show", "--format=%s", "--name-only"],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout.split("\n")
    assert shown[0] == "Add the remote cluster remote-cluster-3"
    assert all(path.startswith("clusters/remote-cluster-3/") for path in shown[2:] if path)
    status = subprocess.run(
        [*git, "status", "--porcelain"], check=True, capture_output=True, text=True, timeout=30
    )
    assert status.stdout == "A  notes.txt\n"


def test_commit_needs_a_repository(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "cluster", "add", "--commit") == 1
    assert "git init" in extcp.err
    assert len(load_directory(root).inventory.clusters) == 3


def test_remove_and_what_cannot_be_removed(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "cluster", "remove", "remote-cluster-2") == 0
    assert not (root / "clusters/remote-cluster-2").exists()
    assert "'remote-cluster-2' leaves when this is merged" in extcp.err
    assert "before the merge" in extcp.err
    assert "README.md, 'Remove a remote cluster'" in extcp.err
    assert extcp("-C", root, "cluster", "remove", "remote-cluster-1") == 1
    assert "leaves when" not in extcp.err
    assert "config cluster" in extcp.err
    assert extcp("-C", root, "cluster", "remove", "remote-cluster-9") == 1
    assert "did you mean" in extcp.err


def test_list_and_show(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "cluster", "list") == 0
    assert extcp.out.splitlines()[0].split() == [
        "NAME",
        "ROLE",
        "CONTROL",
        "PLANE",
        "NETWORK",
        "GATEWAYS",
    ]
    assert [line.split()[:2] for line in extcp.out.splitlines()[1:]] == [
        ["external-cluster", "external"],
        ["remote-cluster-1", "config"],
        ["remote-cluster-2", "remote"],
    ]
    assert extcp("-C", root, "cluster", "show", "remote-cluster-2", "--output", "json") == 0
    facts = json.loads(extcp.out)
    assert facts["injection webhook"].endswith("/inject/cluster/remote-cluster-2/net/network1")
    assert facts["secret"] == "istio-remote-secret-remote-cluster-2"  # noqa: S105 - a name
    assert extcp("-C", root, "cluster", "list", "-o", "json") == 0
    assert len(json.loads(extcp.out)) == 3


def test_comments_of_other_clusters_stay(extcp: Command, root: Path) -> None:
    file = root / "clusters/remote-cluster-1/cluster.yaml"
    file.write_text(f"# ours\n{file.read_text()}")
    assert extcp("-C", root, "cluster", "add") == 0
    assert file.read_text().startswith("# ours\n")
