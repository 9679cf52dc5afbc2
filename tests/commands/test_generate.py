from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.generate import Options, create
from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command


@pytest.fixture
def root(tmp_path: Path, istioctl_path: Path) -> Path:
    create(tmp_path, meshes.mesh(), Options(istioctl=istioctl_path))
    return tmp_path


def test_check_says_4_and_writes_nothing(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "generate", "--check") == 0
    file = root / "mesh.yaml"
    file.write_text(file.read_text().replace("meshID: mesh1", "meshID: mesh2"))
    kept = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert extcp("-C", root, "generate", "--check", "--output", "json") == 4
    assert "istio/1.29.1/external-istiod/istiod/manifests.yaml" in json.loads(extcp.out)["modified"]
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == kept
    assert extcp("-C", root, "generate") == 0
    assert extcp("-C", root, "generate", "--check") == 0


def test_from_a_directory_below(extcp: Command, root: Path) -> None:
    assert extcp("-C", root / "clusters/remote-cluster-1", "generate") == 0
    assert "nothing to do" in extcp.err


def test_where_there_is_no_mesh(extcp: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert extcp("-C", tmp_path / "empty", "generate") == 1
    assert "EXTCP-I010" in extcp.err


def test_force_takes_an_edited_file_back(extcp: Command, root: Path) -> None:
    edited = root / "clusters/remote-cluster-1/namespace.yaml"
    edited.write_text(edited.read_text() + "# mine\n")
    assert extcp("-C", root, "generate") == 1
    assert "clusters/remote-cluster-1/namespace.yaml" in extcp.err
    assert "--force" in extcp.err
    assert extcp("-C", root, "generate", "--force") == 0
