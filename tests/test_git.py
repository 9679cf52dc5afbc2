from __future__ import annotations

import os
import shlex
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.git import Repository
from tests.gitrepo import bare, begin, git, program, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return begin(tmp_path / "mesh")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare(tmp_path / "remote.git")


# Making and finding


def test_init_makes_a_repository_on_the_branch(tmp_path: Path) -> None:
    repository = Repository.init(tmp_path / "a" / "mesh", "trunk")
    assert repository.root == tmp_path / "a" / "mesh"
    assert git(repository.root, "symbolic-ref", "HEAD") == "refs/heads/trunk\n"


def test_init_leaves_a_repository_as_it_is(root: Path) -> None:
    head = git(root, "rev-parse", "HEAD")
    Repository.init(root, "other")
    assert git(root, "rev-parse", "HEAD") == head
    assert git(root, "symbolic-ref", "HEAD") == "refs/heads/main\n"


@pytest.mark.parametrize("branch", ["-x", "a b", "HEAD", "a..b", ""])
def test_init_refuses_what_is_no_branch(tmp_path: Path, branch: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G004"):
        Repository.init(tmp_path / "mesh", branch)
    assert not (tmp_path / "mesh").exists()


def test_discover_says_where_there_is_none(tmp_path: Path) -> None:
    assert Repository.discover(tmp_path) is None
    assert Repository.discover(tmp_path / "missing") is None


def test_discover_finds_the_repository_around_a_directory(root: Path) -> None:
    repository = Repository.discover(root / "clusters" / "one")
    assert repository is not None
    assert repository.root == root / "clusters" / "one"
    assert not repository.changed_paths("HEAD")


def test_discover_refuses_a_repository_without_a_working_tree(remote: Path) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G014"):
        Repository.discover(remote)


def test_discover_tells_a_broken_repository_from_none(root: Path, tmp_path: Path) -> None:
    write(tmp_path, {"broken/.git": f"gitdir: {root}/.git/worktrees/gone\n"})
    with pytest.raises(ExtcpError, match="EXTCP-G012"):
        Repository.discover(tmp_path / "broken")


@pytest.fixture
def _others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Git take every repository for somebody else's, by the switch of its own tests."""
    real = shlex.quote(str(subprocess.check_output(["which", "git"], text=True).strip()))
    (tmp_path / "bin").mkdir()
    program(
        tmp_path / "bin" / "git",
        "export GIT_TEST_ASSUME_DIFFERENT_OWNER=1",
        f'exec {real} "$@"',
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


@pytest.mark.usefixtures("_others")
def test_a_repository_of_another_user_is_refused_with_the_command_that_mends_it(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "my mesh"
    git(tmp_path, "init", "--quiet", str(directory))
    with pytest.raises(ExtcpError, match="EXTCP-G013") as caught:
        Repository.discover(directory)
    assert caught.value.findings[0].remedy.endswith(
        f"git config --global --add safe.directory '{directory}'"
    )


def test_the_top_of_a_repository(root: Path) -> None:
    assert Repository(root / "clusters/one").top == root


def test_the_next_commit_is_on_the_branch_or_refused(root: Path) -> None:
    repository = Repository(root)
    repository.require_branch("main")
    git(root, "switch", "--quiet", "--orphan", "empty")
    with pytest.raises(ExtcpError, match=r"EXTCP-G026.*'empty'") as caught:
        repository.require_branch("main")
    assert caught.value.findings[0].remedy.startswith("git switch main, or")
    repository.require_branch("trunk")
    assert git(root, "symbolic-ref", "HEAD") == "refs/heads/trunk\n"


# Reading


def test_changed_paths(root: Path) -> None:
    repository = Repository(root)
    assert repository.changed_paths("HEAD") == set()
    write(root, {".gitignore": "ignored\n"})
    repository.commit([".gitignore"], "Ignore")
    write(root, {"mesh.yaml": "a: 2\n", "untracked/a b": "1\n", "staged": "1\n", "ignored": "1\n"})
    (root / "clusters/one/cluster.yaml").unlink()
    git(root, "add", "staged")
    changed = {"mesh.yaml", "untracked/a b", "staged", "clusters/one/cluster.yaml"}
    assert repository.changed_paths("HEAD") == changed
    assert repository.changed_paths("HEAD~1") == changed | {".gitignore"}


def test_a_touched_file_has_not_changed(root: Path) -> None:
    later = time.time() + 100
    os.utime(root / "mesh.yaml", (later, later))
    repository = Repository(root)
    assert repository.changed_paths("HEAD") == set()


def test_uncommitted_paths_before_the_first_commit(tmp_path: Path) -> None:
    repository = Repository.init(tmp_path, "main")
    write(tmp_path, {".gitignore": "ignored\n", "staged": "1\n", "gone": "1\n", "ignored": "1\n"})
    git(tmp_path, "add", "staged", "gone")
    (tmp_path / "gone").unlink()
    assert repository.uncommitted_paths() == {".gitignore", "staged"}
    repository.commit([".gitignore", "staged"], "Begin")
    write(tmp_path, {"staged": "2\n", "untracked": "1\n"})
    assert repository.uncommitted_paths() == {"staged", "untracked"}
