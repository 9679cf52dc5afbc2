from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.git import Identity, Repository
from tests.gitrepo import bare, begin, git, write

if TYPE_CHECKING:
    from pathlib import Path

BOT = Identity("extcp-bot", "bot@example.com")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return begin(tmp_path / "mesh")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare(tmp_path / "remote.git")


def test_the_default_branch_of_a_clone(root: Path, tmp_path: Path) -> None:
    git(root, "branch", "--move", "trunk")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(root), str(clone))
    assert Repository(clone).default_branch() == "origin/trunk"
    assert Repository(clone).resolve("origin/trunk") == Repository(root).resolve("trunk")


def test_the_default_branch_without_a_clone(root: Path, remote: Path) -> None:
    repository = Repository(root)
    with pytest.raises(ExtcpError, match="EXTCP-G041") as caught:
        repository.default_branch()
    assert "push to origin, or git fetch origin" in caught.value.findings[0].remedy
    repository.add_remote("origin", str(remote))
    repository.push("origin", "main")
    git(root, "branch", "live")
    repository.push("origin", "live")
    assert repository.default_branch() == "origin/main"
    assert repository.default_branch("live") == "origin/live"
    assert repository.default_branch("missing") == "origin/main"


def test_resolve(root: Path) -> None:
    repository = Repository(root)
    head = git(root, "rev-parse", "HEAD").strip()
    git(root, "tag", "-a", "v1", "-m", "v1")
    git(root, "branch", "feature/x")
    for revision in ("HEAD", "main", "v1", "feature/x", "refs/heads/main", head, head[:10]):
        assert repository.resolve(revision) == head


@pytest.mark.parametrize("revision", ["missing", "0" * 40, "HEAD~7", "v1"])
def test_resolve_what_is_not_there(root: Path, revision: str) -> None:
    with pytest.raises(ExtcpError, match=f"EXTCP-G040.*'{revision}'"):
        Repository(root).resolve(revision)


@pytest.mark.parametrize("revision", ["--all", "-n1", "HEAD:mesh.yaml", "main..x", "a\nb", ""])
def test_resolve_refuses_what_is_no_revision(root: Path, revision: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G004"):
        Repository(root).resolve(revision)


def test_files_at(root: Path) -> None:
    contents = {"istio/bin": b"\0\n\xff", "istio/empty": b"", "istio/run": b"x", "istio/run2": b"x"}
    (root / "istio").mkdir()
    for path, content in contents.items():
        (root / path).write_bytes(content)
    (root / "istio/run").chmod(0o755)
    repository = Repository(root)
    repository.commit(contents, "Add")
    write(root, {"istio/empty": "dirty\n"})
    assert repository.files_at("HEAD", ["istio"]) == contents
    assert repository.files_at("HEAD", ["mesh.yaml", "missing"]) == {"mesh.yaml": b"a: 1\n"}
    assert len(repository.files_at("HEAD")) == len(contents) + 2
    assert sorted(repository.files_at("HEAD~1")) == ["clusters/one/cluster.yaml", "mesh.yaml"]


def test_files_at_refuses_a_symbolic_link(root: Path) -> None:
    (root / "clusters/link").symlink_to("/etc/passwd")
    repository = Repository(root)
    repository.commit(["clusters/link"], "Add")
    with pytest.raises(ExtcpError, match=r"EXTCP-G042.*clusters/link"):
        repository.files_at("HEAD")
    assert repository.files_at("HEAD", ["mesh.yaml"])


def test_files_at_tells_of_a_missing_object(root: Path) -> None:
    name = git(root, "rev-parse", "HEAD:mesh.yaml").strip()
    (root / ".git/objects" / name[:2] / name[2:]).unlink()
    with pytest.raises(ExtcpError, match=f"EXTCP-G043.*{name}"):
        Repository(root).files_at("HEAD")


def test_changed_between_two_commits(root: Path) -> None:
    repository = Repository(root)
    write(root, {"mesh.yaml": "a: 2\n", "clusters/two/x": "1\n"})
    repository.commit(["mesh.yaml", "clusters/two/x"], "Change")
    write(root, {"clusters/one/cluster.yaml": "not committed\n"})
    assert repository.changed_between("HEAD~1", "HEAD") == {"mesh.yaml", "clusters/two/x"}
    assert repository.changed_between("HEAD", "HEAD") == set()
    with pytest.raises(ExtcpError, match="EXTCP-G040"):
        repository.changed_between("0" * 40, "HEAD")


# How commits descend


def change(root: Path, text: str, identity: Identity | None = None) -> str:
    write(root, {"mesh.yaml": text})
    commit = Repository(root).commit(["mesh.yaml"], f"Make it {text.strip()}", identity)
    assert commit
    return commit


@pytest.fixture
def fork(root: Path) -> Repository:
    """Main is one commit ahead of where the branch began; the branch has two of its own."""
    git(root, "switch", "--quiet", "--create", "branch")
    change(root, "b: 1\n", BOT)
    change(root, "b: 2\n")
    git(root, "switch", "--quiet", "main")
    change(root, "a: 2\n")
    return Repository(root)


def test_the_commits_of_a_branch_say_who_made_them(fork: Repository) -> None:
    second, first = fork.commits("main", "branch")
    assert (first.author_email, first.committer_email) == (BOT.email, BOT.email)
    assert (second.author_email, second.committer_email) == ("operator@example.com",) * 2
    assert second.parents == (first.sha,)
    assert first.parents == (fork.resolve("main~1"),)
    assert second.subject == "Make it b: 2"
    assert second.sha == fork.resolve("branch")
    assert fork.commits("branch", "branch~1") == []
    assert fork.commits("main", "branch", at_most=1) == [second]


def test_author_and_committer_are_told_apart_and_no_mailmap_changes_them(fork: Repository) -> None:
    write(fork.root, {".mailmap": "X <x@example.com> <author@example.com>\n"})
    author = ("-c", "user.name=B", "-c", "user.email=b@example.com")
    git(
        fork.root,
        *author,
        "commit",
        "--quiet",
        "--allow-empty",
        "--message=x",
        "--author=A <author@example.com>",
    )
    commit = fork.commit_at("HEAD")
    assert (commit.author_email, commit.committer_email) == (
        "author@example.com",
        "operator@example.com",
    )


def test_equal_files_have_equal_trees(fork: Repository) -> None:
    before = fork.commit_at("main~1")
    change(fork.root, "a: 1\n")
    assert fork.commit_at("HEAD").tree == before.tree
    assert fork.commit_at("HEAD").sha != before.sha


def test_a_merge_has_two_parents(fork: Repository) -> None:
    sides = (fork.resolve("main"), fork.resolve("branch"))
    git(fork.root, "merge", "--quiet", "--strategy=ours", "--no-edit", "branch")
    assert fork.commit_at("HEAD").parents == sides


def test_ancestors(fork: Repository) -> None:
    assert fork.is_ancestor("main~1", "branch")
    assert fork.is_ancestor("branch", "branch")
    assert not fork.is_ancestor("main", "branch")
    assert fork.merge_base("main", "branch") == fork.resolve("main~1")
    with pytest.raises(ExtcpError, match="EXTCP-G040"):
        fork.is_ancestor("main", "missing")


def test_histories_that_have_nothing_in_common(fork: Repository) -> None:
    git(fork.root, "switch", "--quiet", "--orphan", "other")
    git(fork.root, "commit", "--quiet", "--allow-empty", "--message=x")
    assert fork.merge_base("main", "other") is None


def test_a_shallow_clone_says_no_only_where_it_can_tell(fork: Repository, tmp_path: Path) -> None:
    whole, shallow = f"file://{fork.root}", tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", whole, str(shallow))
    clone = Repository(shallow)
    assert clone.is_ancestor("origin/main", "HEAD")
    for ask in (clone.is_ancestor, clone.merge_base, clone.commits):
        with pytest.raises(ExtcpError, match="EXTCP-G044"):
            ask("origin/main", "origin/branch")


def test_commits_are_listed_without_running_anything(fork: Repository, tmp_path: Path) -> None:
    git(fork.root, "config", "log.showSignature", "true")
    git(fork.root, "config", "gpg.program", f"touch {tmp_path / 'witness'};")
    assert len(fork.commits("main", "branch")) == 2
    assert not (tmp_path / "witness").exists()
