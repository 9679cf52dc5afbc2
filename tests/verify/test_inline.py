from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.generate import Options
from extcp_gitops.verify import inline

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repositories import Scene


@pytest.fixture
def root(host_name: Scene, tmp_path: Path) -> Path:
    return shutil.copytree(host_name.root, tmp_path / "root")


def test_what_is_generated_is_in_line(root: Path, istioctl_path: Path) -> None:
    assert inline.check(root, Options(istioctl=istioctl_path)) == ([], [])


def test_each_file_that_is_not_in_line_is_named(root: Path, istioctl_path: Path) -> None:
    mesh = root / "mesh.yaml"
    mesh.write_text(mesh.read_text().replace("istiod.example.com", "other.example.com"))
    shutil.rmtree(root / "clusters/remote-cluster-2/argocd")
    (root / "clusters/remote-cluster-2/namespace.yaml").rename(root / "clusters/old.yaml")
    found, unknown = inline.check(root, Options(istioctl=istioctl_path))
    words = {finding.file: finding.message for finding in found}
    assert "is missing" in words["clusters/remote-cluster-2/argocd/project.yaml"]
    assert "is not what" in words["clusters/remote-cluster-1/injection-webhook.yaml"]
    assert "any more" in words["clusters/old.yaml"]
    assert {finding.code for finding in found} == {"EXTCP-V001"}
    assert unknown == []


def test_many_files_are_summed_up(root: Path, istioctl_path: Path) -> None:
    shutil.rmtree(root / "istio")
    shutil.rmtree(root / "argocd")
    for cluster in (root / "clusters").iterdir():
        shutil.rmtree(cluster / "argocd")
    found, _ = inline.check(root, Options(istioctl=istioctl_path))
    assert len(found) == 21
    assert "more files" in found[-1].message


def test_a_generated_file_edited_by_hand_is_named(root: Path, istioctl_path: Path) -> None:
    path = "clusters/remote-cluster-2/namespace.yaml"
    (root / path).write_text((root / path).read_text() + "# mine\n")
    found, _ = inline.check(root, Options(istioctl=istioctl_path))
    assert [(finding.code, finding.file) for finding in found] == [("EXTCP-W004", path)]


def test_without_istioctl_it_is_unknown(
    root: Path, empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("EXTCP_ISTIO_RELEASES", "https://127.0.0.1:1/nowhere")
    found, unknown = inline.check(root, Options())
    assert found == []
    assert unknown
    assert all(finding.code.startswith("EXTCP-T") for finding in unknown)
    assert not list(empty_cache.rglob("*.json"))
