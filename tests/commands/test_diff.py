from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import gitrepo, meshes, repositories

if TYPE_CHECKING:
    from tests.conftest import Command

REMOTE = "clusters/remote-cluster-2"

pytestmark = pytest.mark.usefixtures("kustomize_on_path")


@pytest.fixture
def root(committed_mesh: Path, tmp_path: Path) -> Path:
    return shutil.copytree(committed_mesh, tmp_path / "root")


@pytest.fixture
def changed(root: Path) -> Path:
    """Another network for one cluster, and another setting of Argo CD's root."""
    for path, old, new in (
        (f"{REMOTE}/namespace.yaml", "network1", "network2"),
        ("argocd/application.yaml", "selfHeal: true", "selfHeal: false"),
        ("istio/1.29.1/crds/manifests.yaml", "singular: sidecar", "singular: other"),
    ):
        file = root / path
        file.write_text(meshes.replaced(file.read_text(), old, new))
    return root


def test_no_difference(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "diff", "HEAD") == 0
    assert extcp.out == "no object differs from HEAD\n"


def test_text_without_colour_where_there_is_no_terminal(extcp: Command, changed: Path) -> None:
    assert extcp("-C", changed, "diff", "main") == 4
    assert "remote-cluster-2: 1 changed\n~ Namespace external-istiod\n" in extcp.out
    assert "    -    topology.istio.io/network: network1\n" in extcp.out
    assert "    +    topology.istio.io/network: network2\n" in extcp.out
    assert "Argo CD's root: 1 changed\n~ Application argocd/extcp-mesh1\n" in extcp.out
    assert "CustomResourceDefinitions: 1 changed\n~ sidecars.networking.istio.io\n" in extcp.out
    assert "singular" not in extcp.out
    assert "\x1b" not in extcp.out


def test_json(extcp: Command, changed: Path) -> None:
    assert extcp("-C", changed, "diff", "HEAD", "--output", "json") == 4
    result = json.loads(extcp.out)
    assert set(result) == {"from", "clusters", "argocd", "crds", "unknown"}
    commit = gitrepo.git(changed, "rev-parse", "HEAD").strip()
    assert result["from"] == {"revision": "HEAD", "commit": commit}
    (cluster,) = result["clusters"]
    (item,) = cluster.pop("objects")
    assert cluster == {
        "name": "remote-cluster-2",
        "change": "changed",
        "added": 0,
        "changed": 1,
        "removed": 0,
    }
    assert {key: item[key] for key in ("change", "apiVersion", "kind", "namespace", "name")} == {
        "change": "changed",
        "apiVersion": "v1",
        "kind": "Namespace",
        "namespace": "",
        "name": "external-istiod",
    }
    assert item["diff"].startswith("@@")
    assert result["crds"]["changed"] == 1


def test_markdown(extcp: Command, changed: Path) -> None:
    assert extcp("-C", changed, "diff", "HEAD", "--output", "markdown") == 4
    assert "| `remote-cluster-2` |  |  | 1 |  |\n" in extcp.out
    assert "<details><summary><code>remote-cluster-2</code>: 1 changed</summary>" in extcp.out
    assert extcp.out.endswith("</details>\n")


def test_a_removed_and_a_new_cluster_are_said_in_words(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "cluster", "remove", "remote-cluster-2") == 0
    assert extcp("-C", root, "cluster", "add", "new", "--network", "network1") == 0
    assert extcp("-C", root, "diff", "HEAD") == 4
    assert "new (new): " in extcp.out
    assert "remote-cluster-2 (removed): " in extcp.out


def test_the_default_is_the_remotes_default_branch(extcp: Command, changed: Path) -> None:
    assert extcp("-C", changed, "diff") == 1
    assert "EXTCP-G041" in extcp.err
    assert "such as HEAD" in extcp.err
    gitrepo.git(changed, "update-ref", "refs/remotes/origin/main", "HEAD")
    assert extcp("-C", changed, "diff", "--output", "json") == 4
    assert json.loads(extcp.out)["from"]["revision"] == "origin/main"


@pytest.mark.parametrize(("program", "code"), [("git", "EXTCP-G010"), ("kustomize", "EXTCP-V004")])
def test_without_a_tool_it_cannot_tell(
    root: Path, tmp_path: Path, program: str, code: str, kustomize: Path
) -> None:
    """In a process of its own: GitPython looks for Git when it is imported."""
    tools = {name: Path(shutil.which(name) or "") for name in ("git", "env")}
    tools["kustomize"] = kustomize
    del tools[program]
    directory = tmp_path / "only"
    repositories.search_path(directory, **tools)
    done = subprocess.run(
        [sys.executable, "-m", "extcp_gitops", "-C", root, "diff", "HEAD"],
        env={**os.environ, "PATH": str(directory)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert done.stderr.startswith(code)


def test_what_cannot_be_built_is_said_and_is_neither_yes_nor_no(
    extcp: Command, changed: Path
) -> None:
    (changed / "clusters/remote-cluster-1/namespace.yaml").unlink()
    assert extcp("-C", changed, "diff", "HEAD") == 5
    assert "remote-cluster-2: 1 changed" in extcp.out
    assert "clusters/remote-cluster-1: EXTCP-V003 in the working tree: Kustomize" in extcp.err


def test_outside_of_git_there_is_nothing_to_compare_with(extcp: Command, root: Path) -> None:
    shutil.rmtree(root / ".git")
    assert extcp("-C", root, "diff", "HEAD") == 1
    assert "EXTCP-D001" in extcp.err


def test_a_revision_is_no_option_of_git(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "diff", "--", "--output=/nowhere") == 1
    assert "EXTCP-G" in extcp.err


def test_one_cluster_alone(extcp: Command, changed: Path) -> None:
    assert extcp("-C", changed, "diff", "HEAD", "--cluster", "remote-cluster-1") == 0
    assert extcp("-C", changed, "diff", "HEAD", "--cluster", "remote-cluster-9") == 1
    assert "EXTCP-D002" in extcp.err
