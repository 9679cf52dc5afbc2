from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command

REMOTE = "clusters/remote-cluster-2"

pytestmark = pytest.mark.usefixtures("kustomize_on_path")


@pytest.fixture
def root(host_name_mesh: Path, tmp_path: Path) -> Path:
    return shutil.copytree(host_name_mesh, tmp_path / "root")


def test_a_valid_repository(extcp: Command, root: Path) -> None:
    assert extcp("-C", root / REMOTE, "validate") == 0
    assert "3 clusters built" in extcp.out
    assert "0 errors, 0 warnings, 0 could not tell" in extcp.out
    assert (
        "not compared with a schema, for none is at hand: 4 argoproj.io/v1alpha1 AppProject"
        in extcp.out
    )
    assert extcp.err == ""


def test_as_json(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "validate", "--output", "json") == 0
    result = json.loads(extcp.out)
    assert result["result"] == "ok"
    assert result["findings"] == result["unknown"] == []
    assert result["checked"]["clusters"] == 3
    assert result["checked"]["distinctObjects"] < result["checked"]["objects"]
    assert result["notChecked"]["cert-manager.io/v1 Certificate"] == 1


def test_a_finding_says_where_what_and_how_to_mend_it(extcp: Command, root: Path) -> None:
    (root / REMOTE / "notes.txt").write_text(f"\n{meshes.private_key()}")
    assert extcp("-C", root, "validate") == 1
    assert f"{REMOTE}/notes.txt:2:1: EXTCP-V031 a private key is in Git\n    revoke" in extcp.out
    assert meshes.private_key().splitlines()[1] not in extcp.out + extcp.err
    assert extcp("-C", root, "validate", "--output", "json") == 1
    result = json.loads(extcp.out)
    assert result["result"] == "findings"
    assert [(item["code"], item["line"]) for item in result["findings"]] == [("EXTCP-V031", 2)]


def test_a_missing_tool_is_no_success(
    extcp: Command, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(root))
    assert extcp("-C", root, "validate") == 5
    assert "could not tell:\nEXTCP-V004" in extcp.out
    assert extcp("-C", root, "validate", "--output", "json") == 5
    assert json.loads(extcp.out)["result"] == "unknown"


def test_one_cluster_alone(extcp: Command, root: Path) -> None:
    assert extcp("-C", root, "validate", "--cluster", "remote-cluster-1") == 0
    assert "1 cluster built" in extcp.out
    assert extcp("-C", root, "validate", "--cluster", "remote-cluster-9") == 1
    assert "did you mean" in extcp.err


def test_a_cluster_that_cannot_be_built_is_named(extcp: Command, root: Path) -> None:
    (root / REMOTE / "kustomization.yaml").write_text("resources: [nowhere.yaml]\n")
    assert extcp("-C", root, "validate") == 1
    assert f"{REMOTE}: EXTCP-V003 Kustomize cannot build it" in extcp.out
    assert "2 clusters built" in extcp.out
    assert str(root) not in extcp.out
