from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.git import Identity, Repository
from tests.gitrepo import bare, begin, committed, git, program, status, use_filter, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return begin(tmp_path / "mesh")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare(tmp_path / "remote.git")


def test_the_first_commit(tmp_path: Path) -> None:
    repository = Repository.init(tmp_path, "main")
    write(tmp_path, {"a/b.yaml": "x\n", "other.yaml": "y\n"})
    commit = repository.commit(["a/b.yaml"], "Begin\n\nWith a body.\n")
    assert commit == git(tmp_path, "rev-parse", "main").strip()
    assert git(tmp_path, "log", "--format=%an <%ae>%n%B") == (
        "Test Operator <operator@example.com>\nBegin\n\nWith a body.\n\n"
    )
    assert committed(tmp_path) == ["a/b.yaml"]
    assert status(tmp_path) == ["?? other.yaml"]


def test_a_commit_in_anothers_name(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"):
        monkeypatch.delenv(f"GIT_{name}")
    write(root, {"mesh.yaml": "a: 2\n"})
    with pytest.raises(ExtcpError, match="EXTCP-G020"):
        Repository(root).commit(["mesh.yaml"], "Change")
    Repository(root).commit(["mesh.yaml"], "Change", Identity("Extcp Bot", "bot@example.com"))
    assert git(root, "log", "-1", "--format=%an <%ae> %cn <%ce>") == (
        "Extcp Bot <bot@example.com> Extcp Bot <bot@example.com>\n"
    )


def test_added_modified_and_deleted_files_are_committed(root: Path) -> None:
    write(root, {"new.yaml": "n\n", "mesh.yaml": "a: 2\n"})
    (root / "clusters/one/cluster.yaml").unlink()
    paths = ["new.yaml", "mesh.yaml", "clusters/one/cluster.yaml", "never/was.yaml"]
    Repository(root).commit(paths, "Change")
    assert git(root, "show", "--format=%s", "--name-status", "HEAD").split() == [
        *("Change", "D", "clusters/one/cluster.yaml", "M", "mesh.yaml", "A", "new.yaml")
    ]
    assert status(root) == []


def test_nothing_else_is_committed_and_the_rest_stays_as_it_was(root: Path) -> None:
    write(root, {"staged.yaml": "1\n", "partly.yaml": "1\n2\n3\n", "gone.yaml": "1\n"})
    Repository(root).commit(["partly.yaml", "gone.yaml"], "Prepare")
    write(root, {"partly.yaml": "one\n2\n3\n"})
    git(root, "add", "staged.yaml", "partly.yaml")
    git(root, "rm", "--quiet", "--cached", "gone.yaml")
    write(root, {"partly.yaml": "one\n2\nthree\n", "untracked.yaml": "1\n", "mesh.yaml": "a: 2\n"})
    before = [git(root, "diff", "--cached"), *status(root)]

    write(root, {"wanted.yaml": "1\n"})
    Repository(root).commit(["wanted.yaml"], "Add")

    assert committed(root) == ["wanted.yaml"]
    assert [git(root, "diff", "--cached"), *status(root)] == before


def test_a_file_replaces_a_directory_and_a_directory_a_file(root: Path) -> None:
    (root / "clusters/one/cluster.yaml").unlink()
    (root / "clusters/one").rmdir()
    (root / "mesh.yaml").unlink()
    write(root, {"clusters/one": "1\n", "mesh.yaml/a": "1\n"})
    paths = ["clusters/one", "clusters/one/cluster.yaml", "mesh.yaml", "mesh.yaml/a"]
    Repository(root).commit(paths, "Turn around")
    assert sorted(Repository(root).files_at("HEAD")) == ["clusters/one", "mesh.yaml/a"]
    assert status(root) == []


def test_nothing_to_commit_makes_no_commit(root: Path) -> None:
    head = git(root, "rev-parse", "HEAD")
    assert Repository(root).commit(["mesh.yaml", "never/was.yaml"], "Nothing") is None
    assert Repository(root).commit([], "Nothing") is None
    assert git(root, "rev-parse", "HEAD") == head


def test_nothing_to_commit_in_a_new_repository(tmp_path: Path) -> None:
    assert Repository.init(tmp_path, "main").commit(["missing"], "Nothing") is None


def test_ignored_files_that_are_named_are_committed(root: Path) -> None:
    write(root, {".gitignore": "*\n", "argocd/project.yaml": "1\n"})
    Repository(root).commit(["argocd/project.yaml"], "Add")
    assert committed(root) == ["argocd/project.yaml"]


def test_names_that_look_like_patterns_or_magic_are_only_names(root: Path) -> None:
    names = ["*.yaml", ":(top)x", "a b", "ü", "[a]", "new\nline", "#x", '"q"']
    write(root, dict.fromkeys(names, "1\n"))
    Repository(root).commit(names, "Add")
    assert sorted(Repository(root).files_at("HEAD~0")) == sorted(
        [*names, "mesh.yaml", "clusters/one/cluster.yaml"]
    )


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "-x", ".git/x"])
def test_a_path_outside_is_a_bug_of_the_caller(root: Path, path: str) -> None:
    with pytest.raises(ValueError, match=r"path"):
        Repository(root).commit([path], "Bad")


def test_comment_signs_and_unicode_in_the_message_survive(root: Path) -> None:
    git(root, "config", "i18n.commitEncoding", "ISO-8859-1")
    git(root, "config", "commit.cleanup", "strip")
    write(root, {"mesh.yaml": "a: 2\n"})
    Repository(root).commit(["mesh.yaml"], "Ändere\n\n# 1 line\n--author=x")
    assert (
        git(root, "log", "-1", "--format=%B", "--encoding=UTF-8")
        == "Ändere\n\n# 1 line\n--author=x\n\n"
    )


def test_six_thousand_files_go_in_and_out(root: Path) -> None:
    files = {
        f"clusters/c{number}/{name}": f"{number}\n" for number in range(2000) for name in "abc"
    }
    write(root, files)
    repository = Repository(root)
    repository.commit(files, "Grow")
    assert not repository.changed_paths("HEAD")
    read = repository.files_at("HEAD", ["clusters"])
    assert {path: read[path].decode() for path in files} == files


def test_inside_a_larger_repository_paths_are_relative_to_the_directory(root: Path) -> None:
    inner = root / "clusters"
    repository = Repository(inner)
    write(inner, {"two/cluster.yaml": "b: 2\n"})
    write(root, {"mesh.yaml": "a: 2\n", "outside.yaml": "1\n"})
    assert repository.changed_paths("HEAD") == {"two/cluster.yaml"}
    repository.commit(["two/cluster.yaml"], "Add")
    assert committed(root) == ["clusters/two/cluster.yaml"]
    assert sorted(repository.files_at("HEAD")) == ["one/cluster.yaml", "two/cluster.yaml"]
    assert sorted(repository.files_at("HEAD", ["one"])) == ["one/cluster.yaml"]
    assert status(root) == [" M mesh.yaml", "?? outside.yaml"]


def test_in_a_linked_worktree(root: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(root, "worktree", "add", "--quiet", "-b", "change", str(linked))
    write(linked, {"mesh.yaml": "a: 2\n"})
    Repository(linked).commit(["mesh.yaml"], "Change")
    assert git(root, "log", "-1", "--format=%s", "change") == "Change\n"
    assert status(linked) == status(root) == []


def test_in_a_shallow_clone(root: Path, tmp_path: Path) -> None:
    write(root, {"mesh.yaml": "a: 2\n"})
    Repository(root).commit(["mesh.yaml"], "Second")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{root}", str(shallow))
    repository = Repository(shallow)
    write(shallow, {"mesh.yaml": "a: 3\n"})
    assert repository.commit(["mesh.yaml"], "Third")
    assert repository.resolve("HEAD~1")
    with pytest.raises(ExtcpError, match="EXTCP-G040") as caught:
        repository.resolve("HEAD~2")
    assert "--unshallow" in caught.value.findings[0].remedy


def test_with_a_submodule_that_is_dirty(root: Path, tmp_path: Path) -> None:
    other = Repository.init(tmp_path / "other", "main").root
    write(other, {"a": "1\n"})
    Repository(other).commit(["a"], "Begin")
    git(root, "submodule", "--quiet", "add", f"file://{other}", "sub")
    git(root, "commit", "--quiet", "-m", "Add a submodule")
    write(root, {"mesh.yaml": "a: 2\n", "sub/a": "2\n"})
    repository = Repository(root)
    repository.commit(["mesh.yaml"], "Change")
    assert committed(root) == ["mesh.yaml"]
    assert repository.changed_paths("HEAD") == set()
    with pytest.raises(ExtcpError, match="EXTCP-G023"):
        repository.commit(["sub/a"], "Into the submodule")
    with pytest.raises(ExtcpError, match=r"EXTCP-G042.*'sub'"):
        repository.files_at("HEAD")


def test_through_a_symbolic_link_nothing_is_committed(root: Path, tmp_path: Path) -> None:
    write(tmp_path, {"outside/secret": "1\n"})
    (root / "linked").symlink_to(tmp_path / "outside")
    before = git(root, "ls-files", "--stage")
    with pytest.raises(ExtcpError, match="EXTCP-G023"):
        Repository(root).commit(["linked/secret", "mesh.yaml"], "Bad")
    assert git(root, "ls-files", "--stage") == before


@pytest.mark.parametrize("safe", ["true", "warn", "false"])
def test_with_autocrlf(root: Path, safe: str) -> None:
    git(root, "config", "core.autocrlf", "true")
    git(root, "config", "core.safecrlf", safe)
    write(root, {"mesh.yaml": "a: 2\n", "windows.yaml": "a: 1\r\n"})
    repository = Repository(root)
    repository.commit(["mesh.yaml", "windows.yaml"], "Change")
    assert repository.files_at("HEAD", ["mesh.yaml"]) == {"mesh.yaml": b"a: 2\n"}
    assert repository.files_at("HEAD", ["windows.yaml"]) == {"windows.yaml": b"a: 1\n"}
    assert repository.changed_paths("HEAD") == set()
    assert status(root) == []


def test_signing_that_is_configured_does_not_stop_a_commit(root: Path, tmp_path: Path) -> None:
    git(root, "config", "commit.gpgSign", "true")
    git(root, "config", "gpg.program", str(program(tmp_path / "gpg", "exit 1")))
    write(root, {"mesh.yaml": "a: 2\n"})
    assert Repository(root).commit(["mesh.yaml"], "Change")


def test_no_hook_is_ever_run(root: Path, remote: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    hook = program(tmp_path / "hook", f'echo "$0" >> {shlex.quote(str(witness))}', "exit 1")
    names = [
        *("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-push"),
        *("reference-transaction", "post-index-change", "fsmonitor-watchman", "post-rewrite"),
    ]
    (root / ".git/hooks").mkdir(exist_ok=True)
    for name in names:
        (root / ".git/hooks" / name).symlink_to(hook)
    git(root, "config", "core.hooksPath", str(root / ".git/hooks"))
    git(root, "config", "core.fsmonitor", str(hook))
    write(root, {"mesh.yaml": "a: 2\n"})
    repository = Repository(root)
    repository.add_remote("origin", str(remote))
    repository.commit(["mesh.yaml"], "Change")
    repository.push("origin", "main")
    assert repository.changed_paths("origin/main") == set()
    assert not witness.exists()


def test_without_an_identity_nothing_is_done(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for person in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{person}_NAME")
        monkeypatch.delenv(f"GIT_{person}_EMAIL")
    write(root, {"new.yaml": "1\n"})
    with pytest.raises(ExtcpError, match="EXTCP-G020") as caught:
        Repository(root).commit(["new.yaml"], "Add")
    assert "git config --global user.name" in caught.value.findings[0].remedy
    assert status(root) == ["?? new.yaml"]
    git(root, "config", "user.name", "Local")
    git(root, "config", "user.email", "local@example.com")
    Repository(root).commit(["new.yaml"], "Add")
    assert git(root, "log", "-1", "--format=%an") == "Local\n"


def test_on_no_branch_nothing_is_committed(root: Path) -> None:
    git(root, "switch", "--quiet", "--detach")
    write(root, {"mesh.yaml": "a: 2\n"})
    with pytest.raises(ExtcpError, match="EXTCP-G021") as caught:
        Repository(root).commit(["mesh.yaml"], "Change")
    assert "git switch" in caught.value.findings[0].remedy


def test_during_a_merge_nothing_is_committed(root: Path) -> None:
    git(root, "switch", "--quiet", "--create", "other")
    write(root, {"mesh.yaml": "a: 2\n"})
    Repository(root).commit(["mesh.yaml"], "Theirs")
    git(root, "switch", "--quiet", "main")
    write(root, {"mesh.yaml": "a: 3\n"})
    Repository(root).commit(["mesh.yaml"], "Ours")
    subprocess.run(["git", "-C", str(root), "merge", "other"], check=False, capture_output=True)
    with pytest.raises(ExtcpError, match="EXTCP-G022 a merge"):
        Repository(root).commit(["mesh.yaml"], "Change")


def test_while_another_git_is_at_work_nothing_is_committed(root: Path) -> None:
    write(root, {".git/index.lock": "", "mesh.yaml": "a: 2\n"})
    head = git(root, "rev-parse", "HEAD")
    with pytest.raises(ExtcpError, match="EXTCP-G024") as caught:
        Repository(root).commit(["mesh.yaml"], "Change")
    assert caught.value.findings[0].remedy.endswith(f"rm {root}/.git/index.lock")
    assert git(root, "rev-parse", "HEAD") == head


def test_a_branch_that_moves_meanwhile_is_not_overwritten(root: Path) -> None:
    write(root, {"mesh.yaml": "a: 2\n"})
    Repository(root).commit(["mesh.yaml"], "Second")
    first, second = git(root, "rev-parse", "HEAD~1", "HEAD").split()
    use_filter(root, f"git update-ref refs/heads/main {first} && cat")
    write(root, {"mesh.yaml": "a: 3\n"})
    with pytest.raises(ExtcpError, match="EXTCP-G025"):
        Repository(root).commit(["mesh.yaml"], "Third")
    assert git(root, "rev-parse", "HEAD").strip() == first != second


def test_filters_of_the_person_are_used(root: Path) -> None:
    use_filter(root, "tr a-z A-Z")
    write(root, {"mesh.yaml": "a: 2\n"})
    repository = Repository(root)
    repository.commit(["mesh.yaml"], "Change")
    assert repository.files_at("HEAD", ["mesh.yaml"]) == {"mesh.yaml": b"A: 2\n"}
    assert "mesh.yaml" not in repository.changed_paths("HEAD")


def test_a_commit_at_a_given_time_is_the_same_each_time(root: Path, tmp_path: Path) -> None:
    identity = Identity("Extcp Bot", "bot@example.com", 1_780_000_000)
    commits = set()
    for name in ("one", "two"):
        git(tmp_path, "clone", "--quiet", str(root), name)
        write(tmp_path / name, {"mesh.yaml": "a: 2\n"})
        repository = Repository(tmp_path / name)
        commits.add(repository.commit(["mesh.yaml"], "Change", identity))
        assert repository.commit_at("HEAD").time == 1_780_000_000
    assert len(commits) == 1
