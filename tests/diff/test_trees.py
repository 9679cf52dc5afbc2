from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.diff.trees import Inputs, Snapshot, WorkingTree, directories_above
from extcp_gitops.errors import ExtcpError
from tests import gitrepo

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "clusters/a/kustomization.yaml": (
        "resources: [own.yaml, ../../istio/base]\ncomponents: [custom, ../../istio/east-west]\n"
    ),
    "clusters/a/own.yaml": "",
    "clusters/a/custom/kustomization.yaml": "resources: [https://example.com/x, ../../../../etc]\n",
    "clusters/b/cluster.yaml": "",
    "clusters/c/kustomization.yaml": "]",
    "clusters/d/kustomization.yaml": "resources: [../e]\n",
    "clusters/e/kustomization.yaml": "resources: [../d, {not: a path}]\n",
    "istio/base/kustomization.yaml": "resources: [manifests.yaml]\n",
    "istio/east-west/kustomization.yaml": "",
    "outside/kustomization.yaml": "",
}


@pytest.fixture(params=["snapshot", "working tree"])
def inputs(request: pytest.FixtureRequest, tmp_path: Path) -> Inputs:
    if request.param == "snapshot":
        return Inputs(Snapshot({path: text.encode() for path, text in FILES.items()}))
    gitrepo.write(tmp_path, FILES)
    return Inputs(WorkingTree(tmp_path))


def test_a_directory_is_built_from_all_that_it_names(inputs: Inputs) -> None:
    assert inputs.of("clusters/a") == {
        "clusters/a",
        "clusters/a/custom",
        "istio/base",
        "istio/east-west",
    }


def test_what_is_not_there_is_built_from_nothing(inputs: Inputs) -> None:
    assert inputs.of("clusters/b") == frozenset()
    assert inputs.of("clusters/z") == frozenset()
    assert not inputs.is_there("clusters/b")
    assert inputs.is_there("clusters/a")


def test_what_cannot_be_read_is_left_to_the_build(inputs: Inputs) -> None:
    assert inputs.of("clusters/c") == {"clusters/c"}


def test_a_circle_comes_to_an_end(inputs: Inputs) -> None:
    assert inputs.of("clusters/d") == {"clusters/d", "clusters/e"}


def test_directories_right_below_a_place(inputs: Inputs) -> None:
    assert set(inputs.side.directories("clusters")) == set("abcde")
    assert set(inputs.side.directories("nowhere")) == set()


def test_links_are_no_directories_and_pipes_no_files(tmp_path: Path) -> None:
    (tmp_path / "root/clusters/a").mkdir(parents=True)
    (tmp_path / "root/clusters/link").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "root/clusters/a/kustomization.yaml")
    tree = WorkingTree(tmp_path / "root")
    assert set(tree.directories("clusters")) == {"a"}
    assert tree.read("clusters/a/kustomization.yaml") is None


def test_what_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gitrepo.write(tmp_path, FILES)

    def refuse(*_: object) -> bytes:  # permissions stop everybody but root
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "read_bytes", refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    tree = WorkingTree(tmp_path)
    with pytest.raises(ExtcpError, match="EXTCP-D004"):
        tree.read("clusters/b/cluster.yaml")
    with pytest.raises(ExtcpError, match="EXTCP-D004"):
        tree.directories("clusters")


def test_only_the_wanted_directories_are_written(tmp_path: Path) -> None:
    snapshot = Snapshot({path: text.encode() for path, text in FILES.items()})
    snapshot.write(tmp_path, ["clusters/a", "istio/base"])
    written = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert written == {path for path in FILES if path.startswith(("clusters/a/", "istio/base/"))}
    assert (tmp_path / "clusters/a/kustomization.yaml").read_text() == FILES[
        "clusters/a/kustomization.yaml"
    ]


def test_no_path_leads_out(tmp_path: Path) -> None:
    snapshot = Snapshot({"clusters/../../x": b""})
    with pytest.raises(ExtcpError, match="EXTCP-D003"):
        snapshot.write(tmp_path, ["clusters"])


def test_directories_above_a_file_are_all_of_them() -> None:
    assert directories_above(["a/b/c.yaml", "d"]) == {".", "a", "a/b"}
