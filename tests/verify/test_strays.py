from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops.inventory.load import load
from extcp_gitops.inventory.model import Cluster, Destination, Role
from extcp_gitops.verify import strays
from tests import gitrepo, meshes

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER = Cluster("team/a", Role.REMOTE, Destination(name="a"))
CUSTOM = "clusters/team--slash--a/custom"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / CUSTOM).mkdir(parents=True)
    return tmp_path / CUSTOM


def test_files_that_nothing_lists_are_a_warning(directory: Path, tmp_path: Path) -> None:
    (directory / "service.yaml").write_text("kind: Service\n")
    (finding,) = strays.check_custom(tmp_path, CLUSTER)
    assert (finding.code, finding.severity, finding.file) == ("EXTCP-V002", "warning", CUSTOM)
    (directory / "kustomization.yaml").write_text("kind: Component\n")
    assert list(strays.check_custom(tmp_path, CLUSTER)) == []


def test_nothing_there_is_nothing_wrong(directory: Path, tmp_path: Path) -> None:
    assert list(strays.check_custom(tmp_path, CLUSTER)) == []
    directory.rmdir()
    assert list(strays.check_custom(tmp_path, CLUSTER)) == []


@pytest.fixture
def deeper(tmp_path: Path) -> Path:
    """A mesh in a directory of a repository that has a commit and ignores ``build``."""
    gitrepo.begin(tmp_path)
    gitrepo.write(tmp_path, {".gitignore": "build\n", "below/mesh.yaml": "", "build/mesh.yaml": ""})
    return tmp_path / "below"


def test_a_mesh_below_the_top_of_its_repository_is_found(deeper: Path) -> None:
    (new,) = strays.check_root(deeper)
    assert (new.code, new.file, new.severity) == ("EXTCP-V007", "mesh.yaml", "error")
    assert "in 'below' of a Git repository" in new.message
    gitrepo.git(deeper, "add", "mesh.yaml")
    assert list(strays.check_root(deeper)) == [new]
    gitrepo.git(deeper, "commit", "--quiet", "--message=Add")
    assert list(strays.check_root(deeper)) == [new]


def test_a_mesh_that_is_no_part_of_an_outer_repository_is_fine(
    deeper: Path, tmp_path: Path
) -> None:
    assert list(strays.check_root(tmp_path)) == []
    assert list(strays.check_root(tmp_path / "build")) == []
    gitrepo.git(deeper, "init", "--quiet")
    assert list(strays.check_root(deeper)) == []


def test_a_mesh_in_no_repository_is_fine(directory: Path) -> None:
    assert list(strays.check_root(directory)) == []


def test_what_argo_cd_would_take_for_a_cluster_is_found(tmp_path: Path) -> None:
    inventory = load(meshes.mesh()).inventory
    assert list(strays.check(tmp_path, inventory)) == []
    gitrepo.write(
        tmp_path,
        {
            "clusters/remote-cluster-1/argocd/project.yaml": "",
            "clusters/notes/README.md": "",
            "clusters/deeper/custom/argocd/project.yaml": "",
            "clusters/stray/argocd/project.yaml": "",
            "clusters/stray\x1b[31m/argocd/applications.yaml": "",
        },
    )
    found = list(strays.check(tmp_path, inventory))
    assert [finding.file for finding in found] == ["clusters/stray", r"clusters/stray\x1b[31m"]
    assert {finding.code for finding in found} == {"EXTCP-V006"}
