"""``--commit``: what is in the commit, when it is refused, and what is said when it fails."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.errors import ExitCode
from tests import meshes, repositories
from tests.gitrepo import committed, git, status, use_filter, write
from tests.interrupt import interrupt_when

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command

FIRST = "clusters/remote-cluster-1"
SECOND = "clusters/remote-cluster-2"
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"

pytestmark = pytest.mark.usefixtures("kustomize_on_path")


@pytest.fixture
def root(generated_mesh: Path, tmp_path: Path) -> Path:
    """A mesh that is committed, in a repository with something else."""
    root = shutil.copytree(generated_mesh, tmp_path / "mesh")
    write(root, {"notes.txt": "mine\n", ".gitignore": "*.bak\n"})
    repositories.commit(root)
    write(root, {"notes.txt": "mine, and not done\n"})
    return root


def edit(root: Path, old: str, new: str, path: str = f"{FIRST}/cluster.yaml") -> None:
    write(root, {path: meshes.replaced((root / path).read_text(), old, new)})


def assert_stands_on_its_own(extcp: Command, root: Path) -> None:
    """What is committed, and nothing else, is a valid mesh in line with its inventory."""
    clone = root.parent / "clone"
    git(root.parent, "clone", "--quiet", str(root), str(clone))
    assert extcp("-C", clone, "generate", "--check") == 0
    assert extcp("-C", clone, "validate") == 0, extcp.out


def test_generate_commits_the_inventory_with_what_follows_from_it(
    extcp: Command, root: Path
) -> None:
    edit(root, "eastWest: false", "eastWest: true")
    assert extcp("-C", root, "generate", "--commit") == 0
    assert f"with what you changed: {FIRST}/cluster.yaml\n" in extcp.err
    assert f"{FIRST}/cluster.yaml" in committed(root)
    assert status(root) == [" M notes.txt"]
    assert_stands_on_its_own(extcp, root)


def test_generate_commits_what_it_wrote_earlier(extcp: Command, root: Path) -> None:
    edit(root, "eastWest: false", "eastWest: true")
    assert extcp("-C", root, "generate") == 0
    assert extcp("-C", root, "cluster", "remove", "remote-cluster-2") == 0
    assert extcp("-C", root, "generate", "--commit") == 0
    assert status(root) == [" M notes.txt"]
    assert f"D\t{SECOND}/kustomization.yaml" in git(root, "show", "--format=", "--name-status")
    assert_stands_on_its_own(extcp, root)


def test_generate_commits_additions_but_not_what_git_ignores(extcp: Command, root: Path) -> None:
    resources = "resources:\n  - team.yaml\n"
    account = (
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: team, namespace: external-istiod}\n"
    )
    write(
        root,
        {
            f"{FIRST}/custom/kustomization.yaml": COMPONENT + resources,
            f"{FIRST}/custom/team.yaml": account,
            f"{FIRST}/custom/team.yaml.bak": account,
            f"{FIRST}/mine.txt": "mine\n",
            "clusters/mine.txt": "mine\n",
        },
    )
    git(root, "init", "--quiet", f"{FIRST}/custom/other")
    assert extcp("-C", root, "generate", "--commit") == 0
    there = {f"{FIRST}/custom/kustomization.yaml", f"{FIRST}/custom/team.yaml"}
    assert {path for path in committed(root) if "custom" in path} == there
    assert {" M notes.txt", f"?? {FIRST}/mine.txt", "?? clusters/mine.txt"} <= {*status(root)}
    assert_stands_on_its_own(extcp, root)


def test_generate_commits_that_a_cluster_is_gone(extcp: Command, root: Path) -> None:
    shutil.rmtree(root / SECOND)
    (root / ".gitignore").unlink()
    assert extcp("-C", root, "generate", "--commit") == 0
    assert f"{SECOND}/cluster.yaml" in committed(root)
    assert status(root) == [" D .gitignore", " M notes.txt"]
    assert_stands_on_its_own(extcp, root)


def test_generate_commits_a_mesh_before_there_is_any_commit(
    extcp: Command, generated_mesh: Path, root: Path
) -> None:
    new = shutil.copytree(generated_mesh, root.parent / "new")
    write(new, {"notes.txt": "mine\n", "gone.txt": "mine\n"})
    git(new, "init", "--quiet", "--initial-branch=main")
    git(new, "add", "gone.txt")
    (new / "gone.txt").unlink()
    assert extcp("-C", new, "generate", "--commit") == 0
    assert status(new) == ["AD gone.txt", "?? notes.txt"]
    assert_stands_on_its_own(extcp, new)


def test_where_all_is_committed_there_is_no_commit(extcp: Command, root: Path) -> None:
    before = git(root, "rev-parse", "HEAD")
    assert extcp("-C", root, "generate", "--commit") == 0
    assert git(root, "rev-parse", "HEAD") == before


@pytest.mark.parametrize("is_generated", [False, True])
def test_one_change_is_not_committed_beside_another_one(
    extcp: Command, root: Path, is_generated: bool
) -> None:
    edit(root, "ingress: true", "ingress: false", f"{SECOND}/cluster.yaml")
    if is_generated:
        assert extcp("-C", root, "generate") == 0
    before = status(root)
    assert extcp("-C", root, "cluster", "add", "--commit") == 1
    assert "EXTCP-G054" in extcp.err
    assert f"{SECOND}/cluster.yaml" in extcp.err
    assert status(root) == before
    assert extcp("-C", root, "generate", "--commit") == 0
    assert extcp("-C", root, "cluster", "add", "--commit") == 0
    assert all(path.startswith("clusters/remote-cluster-3/") for path in committed(root))
    assert_stands_on_its_own(extcp, root)


def test_one_change_is_not_committed_with_what_was_never_generated(
    extcp: Command, root: Path
) -> None:
    edit(root, "ingress: true", "ingress: false", f"{SECOND}/cluster.yaml")
    git(root, "commit", "--quiet", "-m", "Edit", "--", SECOND)
    assert extcp("-C", root, "cluster", "add", "--commit") == 1
    assert f"not in line with the inventory: {SECOND}/" in extcp.err
    assert status(root) == [" M notes.txt"]


def test_additions_in_the_making_hinder_no_other_change(extcp: Command, root: Path) -> None:
    write(root, {f"{FIRST}/custom/kustomization.yaml": COMPONENT})
    assert extcp("-C", root, "generate", "--commit") == 0
    write(root, {f"{FIRST}/custom/draft.yaml": "mine\n"})
    assert extcp("-C", root, "cluster", "add", "--commit") == 0
    assert status(root) == [" M notes.txt", f"?? {FIRST}/custom/draft.yaml"]


def test_a_commit_that_fails_leaves_files_and_the_command_that_commits_them(
    extcp: Command, root: Path
) -> None:
    (root / ".git/index.lock").touch()
    assert extcp("-C", root, "cluster", "add", "--commit") == 1
    assert "EXTCP-G024" in extcp.err
    *_, state, remedy = extcp.err.splitlines()
    assert state == "EXTCP-G051 the files are written, not committed"
    (root / ".git/index.lock").unlink()
    command = remedy.partition(": extcp-gitops ")[2]
    assert extcp(*command.split()) == 0
    assert status(root) == [" M notes.txt"]
    assert_stands_on_its_own(extcp, root)


def test_an_interrupted_commit_leaves_files_and_the_command_that_commits_them(
    istioctl_path: Path, root: Path, tmp_path: Path
) -> None:
    witness = tmp_path / "witness"
    use_filter(root, f"touch {witness}; sleep 60; cat")
    status_, said = interrupt_when(witness, istioctl_path, "-C", root, "cluster", "add", "--commit")
    assert status_ == ExitCode.INTERRUPTED, said
    assert "EXTCP-G051 interrupted: the files are written, not committed" in said
    assert said.endswith(f": extcp-gitops -C {root} generate --commit\n")
    assert (root / "clusters/remote-cluster-3/cluster.yaml").is_file()
