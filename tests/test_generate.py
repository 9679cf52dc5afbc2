"""The pipeline from a person's files to the disk: all or nothing, and nothing of theirs lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.generate import Options, create, generate, pending
from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path

SECOND = "clusters/remote-cluster-2"


@pytest.fixture
def options(istioctl_path: Path) -> Options:
    return Options(istioctl=istioctl_path)


@pytest.fixture
def root(tmp_path: Path, options: Options) -> Path:
    create(tmp_path / "mesh", meshes.mesh(), options)
    return tmp_path / "mesh"


def snapshot(root: Path) -> dict[str, bytes]:
    found = {}
    for directory, _, names in os.walk(root):
        for name in names:
            path = os.path.join(directory, name)  # noqa: PTH118
            with open(path, "rb") as stream:  # noqa: PTH123
                found[os.path.relpath(path, root)] = stream.read()
    found.pop(".extcp-gitops/lock", None)
    return found


def test_a_second_run_has_nothing_to_do(root: Path, options: Options) -> None:
    before = snapshot(root)
    assert not pending(root, options).changes
    assert not generate(root, options).changes
    assert snapshot(root) == before


def test_looking_writes_nothing(root: Path, options: Options) -> None:
    mesh = (root / "mesh.yaml").read_text()
    (root / "mesh.yaml").write_text(mesh.replace("istiod.example.com", "other.example.com"))
    before = snapshot(root)
    changes = pending(root, options).changes
    assert f"{SECOND}/injection-webhook.yaml" in changes.modified
    assert snapshot(root) == before
    generate(root, options)
    assert b"other.example.com" in snapshot(root)[f"{SECOND}/injection-webhook.yaml"]


def test_a_mistake_leaves_the_disk_untouched(root: Path, options: Options) -> None:
    (root / SECOND / "cluster.yaml").write_text("kind: Cluster\n")
    before = snapshot(root)
    with pytest.raises(ExtcpError) as error:
        generate(root, options)
    assert {finding.file for finding in error.value.findings} == {f"{SECOND}/cluster.yaml"}
    assert snapshot(root) == before


def test_a_mistake_in_a_new_mesh_makes_no_directory(tmp_path: Path, options: Options) -> None:
    with pytest.raises(ExtcpError):
        create(tmp_path / "mesh", meshes.mesh({f"{SECOND}/cluster.yaml": "[" * 100_000}), options)
    assert list(tmp_path.iterdir()) == []


def test_a_mesh_is_not_made_twice(root: Path, options: Options) -> None:
    before = snapshot(root)
    with pytest.raises(ExtcpError, match="EXTCP-I031"):
        create(root, meshes.mesh(), options)
    assert snapshot(root) == before


def test_a_file_that_a_person_edited_is_named_and_kept(root: Path, options: Options) -> None:
    edited = root / SECOND / "namespace.yaml"
    edited.write_text(edited.read_text() + "# mine\n")
    before = snapshot(root)
    with pytest.raises(ExtcpError, match=f"{SECOND}/namespace.yaml"):
        generate(root, options)
    assert snapshot(root) == before
    generate(root, Options(options.istioctl, force=True))
    assert b"# mine" not in snapshot(root)[f"{SECOND}/namespace.yaml"]


def test_an_inventory_and_what_follows_from_it_change_together(
    root: Path, options: Options
) -> None:
    path = f"{SECOND}/cluster.yaml"
    outcome = generate(
        root, options, lambda files: {path: files[path].replace(b"network1", b"network9")}
    )
    assert path in outcome.changes.modified
    after = snapshot(root)
    assert b"net/network9" in after[f"{SECOND}/injection-webhook.yaml"]
    assert b"network9" in after[f"{SECOND}/namespace.yaml"]


def test_removing_a_cluster_removes_what_the_tool_wrote(root: Path, options: Options) -> None:
    custom = root / SECOND / "custom"
    custom.mkdir()
    (custom / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    )
    (root / SECOND / "notes.txt").write_text("mine")
    outcome = generate(root, options, lambda _: {f"{SECOND}/cluster.yaml": None})
    assert all(path.startswith(SECOND) for path in outcome.changes.deleted)
    left = [path for path in snapshot(root) if path.startswith(SECOND)]
    assert sorted(left) == [f"{SECOND}/custom/kustomization.yaml", f"{SECOND}/notes.txt"]


def test_another_istio_release_replaces_the_bases(
    root: Path, istioctl_other: Path, options: Options
) -> None:
    outcome = generate(
        root,
        Options(istioctl_other),
        lambda files: {"mesh.yaml": files["mesh.yaml"].replace(b"1.29.1", b"1.28.3")},
    )
    directories = {path.split("/")[1] for path in snapshot(root) if path.startswith("istio/")}
    assert directories == {"1.28.3"}
    assert all("1.29.1" in path for path in outcome.changes.deleted)
    assert options.istioctl


def test_the_wrong_istioctl_is_refused(tmp_path: Path, istioctl_other: Path) -> None:
    fresh = meshes.mesh({"mesh.yaml": meshes.MESH.replace("mesh1", "another")})
    with pytest.raises(ExtcpError) as error:
        create(tmp_path / "mesh", fresh, Options(istioctl_other))
    assert "1.29.1" in str(error.value)
    assert not (tmp_path / "mesh").exists()
