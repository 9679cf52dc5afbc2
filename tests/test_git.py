from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from extcp_gitops import gitcommand
from extcp_gitops.errors import ExtcpError
from extcp_gitops.git import Repository

CANARY = "ghp_CANARY0123456789"


def git(directory: Path, *arguments: str) -> str:
    """Git itself, as a person or another program would run it."""
    done = subprocess.run(
        ["git", "-C", str(directory), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())


def committed(root: Path, revision: str = "HEAD") -> list[str]:
    """The files that a commit changed."""
    return git(root, "show", "--format=", "--name-only", "--no-renames", revision).split()


def status(root: Path) -> list[str]:
    return git(root, "status", "--porcelain", "--untracked-files=all").splitlines()


def program(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def wait_for_the_end_of(pid: str) -> None:
    """Return once the process has ended; one that nobody has waited for has, too."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state in "XZ":
            return
        time.sleep(0.02)
    pytest.fail(f"process {pid} still runs")


def use_filter(root: Path, command: str) -> None:
    """Let Git run a command for each ``*.yaml`` that it stages."""
    git(root, "config", "filter.test.clean", command)
    write(root, {".git/info/attributes": "*.yaml filter=test\n"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one commit."""
    directory = tmp_path / "mesh"
    repository = Repository.init(directory, "main")
    write(directory, {"mesh.yaml": "a: 1\n", "clusters/one/cluster.yaml": "b: 1\n"})
    repository.commit(["mesh.yaml", "clusters/one/cluster.yaml"], "Begin")
    return directory


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    directory = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(directory))
    return directory


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
    assert repository.is_clean(["cluster.yaml"])


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


def test_no_git_is_a_clear_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ExtcpError, match="EXTCP-G010"):
        Repository(root).resolve("HEAD")


def test_no_git_when_gitpython_is_loaded_is_a_clear_error(root: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from extcp_gitops.errors import ExtcpError; from extcp_gitops.git import Repository\n"
        "assert 'git' not in sys.modules, 'loaded too early'\n"
        "try: Repository.discover(Path(sys.argv[1]))\n"
        "except ExtcpError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(root)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": "/nonexistent"},
    )
    assert done.stdout == "EXTCP-G010 there is no 'git' on PATH\n"


# Committing


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
    assert repository.is_clean(["clusters"])
    read = repository.files_at("HEAD", ["clusters"])
    assert {path: read[path].decode() for path in files} == files


def test_inside_a_larger_repository_paths_are_relative_to_the_directory(root: Path) -> None:
    inner = root / "clusters"
    repository = Repository(inner)
    write(inner, {"two/cluster.yaml": "b: 2\n"})
    write(root, {"mesh.yaml": "a: 2\n", "outside.yaml": "1\n"})
    assert repository.changed_paths("HEAD") == {"two/cluster.yaml"}
    assert not repository.is_clean(["two"])
    repository.commit(["two/cluster.yaml"], "Add")
    assert committed(root) == ["clusters/two/cluster.yaml"]
    assert sorted(repository.files_at("HEAD")) == ["one/cluster.yaml", "two/cluster.yaml"]
    assert sorted(repository.files_at("HEAD", ["one"])) == ["one/cluster.yaml"]
    assert status(root) == [" M mesh.yaml", "?? outside.yaml"]
    assert repository.is_clean(["two"])


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
    assert repository.is_clean(["mesh.yaml", "windows.yaml"])
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
    assert repository.is_clean(["mesh.yaml"])
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


def test_what_a_surrounding_hook_has_set_is_ignored(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repository.init(tmp_path / "other", "main").root
    for name, value in {
        "GIT_DIR": f"{other}/.git",
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": f"{other}/.git/index",
        "GIT_PREFIX": "x/",
        "GIT_OBJECT_DIRECTORY": f"{other}/.git/objects",
        "GIT_NAMESPACE": "x",
        "GIT_TRACE": "1",
        "GIT_CONFIG_PARAMETERS": "'core.bare=true'",
    }.items():
        monkeypatch.setenv(name, value)
    write(root, {"mesh.yaml": "a: 2\n"})
    assert Repository(root).commit(["mesh.yaml"], "Change")
    monkeypatch.undo()
    assert git(root, "log", "--format=%s") == "Change\nBegin\n"
    assert not (other / ".git/index").exists()


def test_a_directory_that_cannot_be_entered_is_not_confused_with_the_current_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    with pytest.raises(ExtcpError, match="EXTCP-G012"):
        Repository(root / "missing").resolve("HEAD")


def test_a_command_that_hangs_is_ended_with_all_it_has_started(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = tmp_path / "pid"
    use_filter(root, f"echo $$ > {shlex.quote(str(pid))}; exec sleep 600")
    write(root, {"mesh.yaml": "a: 2\n"})
    run = gitcommand.run

    def impatient(directory: Path, *arguments: str, **options: object) -> gitcommand.Result:
        return run(directory, *arguments, **{**options, "seconds": 1})  # type: ignore[arg-type]

    monkeypatch.setattr(gitcommand, "run", impatient)
    with pytest.raises(ExtcpError, match="EXTCP-G011 'git update-index' was not done after 1 s"):
        Repository(root).commit(["mesh.yaml"], "Change")
    wait_for_the_end_of(pid.read_text().strip())
    assert not (root / ".git/index.lock").exists()


def test_an_interrupted_command_ends_at_once_with_all_it_has_started(
    root: Path, tmp_path: Path
) -> None:
    pid = tmp_path / "pid"
    use_filter(root, f"echo $$ > {shlex.quote(str(pid))}; exec sleep 600")
    write(root, {"mesh.yaml": "a: 2\n"})
    code = (
        "import sys; from pathlib import Path; from extcp_gitops.git import Repository\n"
        "try: Repository(Path(sys.argv[1])).commit(['mesh.yaml'], 'Change')\n"
        "except KeyboardInterrupt: sys.exit(130)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(root)]) as process:
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    wait_for_the_end_of(pid.read_text().strip())
    assert not (root / ".git/index.lock").exists()


def test_filters_of_the_person_are_used(root: Path) -> None:
    use_filter(root, "tr a-z A-Z")
    write(root, {"mesh.yaml": "a: 2\n"})
    repository = Repository(root)
    repository.commit(["mesh.yaml"], "Change")
    assert repository.files_at("HEAD", ["mesh.yaml"]) == {"mesh.yaml": b"A: 2\n"}
    assert repository.is_clean(["mesh.yaml"])


# Pushing


def test_push_and_the_remote_branch(root: Path, remote: Path) -> None:
    repository = Repository(root)
    repository.add_remote("origin", f"file://{remote}")
    repository.push("origin", "main")
    assert git(remote, "rev-parse", "main") == git(root, "rev-parse", "main")
    assert git(root, "rev-parse", "--abbrev-ref", "main@{upstream}") == "origin/main\n"


def test_a_remote_of_that_name_is_there_already(root: Path, remote: Path) -> None:
    repository = Repository(root)
    repository.add_remote("origin", str(remote))
    repository.add_remote("origin", str(remote))
    with pytest.raises(ExtcpError, match="EXTCP-G030"):
        repository.add_remote("origin", "https://git.example.com/mesh.git")
    assert git(root, "remote", "get-url", "origin").strip() == str(remote)


@pytest.mark.parametrize("url", ["ext::sh -c true", "--upload-pack=x", "https://x:y@z.example/a"])
def test_a_hostile_url_is_not_written(root: Path, url: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G00"):
        Repository(root).add_remote("origin", url)
    assert git(root, "remote") == ""


@pytest.mark.parametrize("name", ["--mirror=push", "a b", "x\n[core]", ""])
def test_a_hostile_name_of_a_remote_is_refused(root: Path, remote: Path, name: str) -> None:
    repository = Repository(root)
    with pytest.raises(ExtcpError, match="EXTCP-G004"):
        repository.add_remote(name, str(remote))
    with pytest.raises(ExtcpError, match="EXTCP-G004"):
        repository.push(name, "main")


def test_a_push_that_would_lose_commits_is_refused(
    root: Path, remote: Path, tmp_path: Path
) -> None:
    repository = Repository(root)
    repository.add_remote("origin", str(remote))
    repository.push("origin", "main")
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(remote), str(other))
    write(other, {"mesh.yaml": "a: 2\n"})
    Repository(other).commit(["mesh.yaml"], "Theirs")
    Repository(other).push("origin", "main")
    write(root, {"mesh.yaml": "a: 3\n"})
    repository.commit(["mesh.yaml"], "Ours")
    with pytest.raises(ExtcpError, match="EXTCP-G031") as caught:
        repository.push("origin", "main")
    assert "git pull --rebase" in caught.value.findings[0].remedy


def test_a_push_that_the_remote_declines(root: Path, remote: Path) -> None:
    (remote / "hooks").mkdir(exist_ok=True)
    program(remote / "hooks/pre-receive", "echo 'main is protected' >&2", "exit 1")
    repository = Repository(root)
    repository.add_remote("origin", str(remote))
    with pytest.raises(ExtcpError, match=r"EXTCP-G033.*main is protected"):
        repository.push("origin", "main")


def test_a_push_to_no_repository(root: Path, tmp_path: Path) -> None:
    repository = Repository(root)
    with pytest.raises(ExtcpError, match="EXTCP-G030"):
        repository.push("nowhere", "main")
    repository.add_remote("origin", str(tmp_path / "missing.git"))
    with pytest.raises(ExtcpError, match="EXTCP-G030"):
        repository.push("origin", "main")


def test_a_push_of_no_branch(root: Path, remote: Path) -> None:
    repository = Repository(root)
    repository.add_remote("origin", str(remote))
    with pytest.raises(ExtcpError, match="EXTCP-G040"):
        repository.push("origin", "missing")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("fatal: Authentication failed for 'https://x:{}@git.example.com/mesh.git/'", "G032"),
        ("git@git.example.com: Permission denied (publickey).", "G032"),
        ("fatal: unable to access 'https://{}@git.example.com/': Could not resolve host", "G034"),
        ("Host key verification failed.", "G034"),
        ("error: \\033[31mAuthorization: Bearer {}", "G034"),
    ],
)
def test_what_ssh_and_servers_say_is_explained_without_credentials(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, code: str
) -> None:
    words = shlex.quote(said.format(CANARY))
    ssh = program(tmp_path / "ssh", f"printf '%b\\n' {words} >&2", "exit 128")
    monkeypatch.setenv("GIT_SSH_COMMAND", shlex.quote(str(ssh)))
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ssh")
    repository = Repository(root)
    repository.add_remote("origin", "git@git.example.com:platform/mesh.git")
    with pytest.raises(ExtcpError, match=f"EXTCP-{code}") as caught:
        repository.push("origin", "main")
    text = str(caught.value) + caught.value.findings[0].remedy
    assert CANARY not in text
    assert text.isprintable()


def test_a_transport_that_runs_programs_is_not_used(root: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    git(root, "config", "remote.origin.url", f"ext::touch {witness}")
    git(root, "config", "protocol.ext.allow", "always")
    with pytest.raises(ExtcpError, match="EXTCP-G034"):
        Repository(root).push("origin", "main")
    assert not witness.exists()


# Reading


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
    assert "git fetch origin" in caught.value.findings[0].remedy
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
    assert repository.is_clean(["mesh.yaml"])


def test_is_clean(root: Path) -> None:
    repository = Repository(root)
    assert repository.is_clean(["mesh.yaml", "clusters", "missing"])
    write(root, {"mesh.yaml": "a: 2\n"})
    assert not repository.is_clean(["mesh.yaml"])
    git(root, "add", "mesh.yaml")
    assert not repository.is_clean(["mesh.yaml"])
    write(root, {"mesh.yaml": "a: 1\n"})
    assert not repository.is_clean(["mesh.yaml"]), "what is staged differs"
    assert repository.is_clean(["clusters"])
    write(root, {".gitignore": "*\n", "clusters/two/x": "1\n"})
    assert not repository.is_clean(["clusters"]), "a commit would add it, ignored or not"
    assert not repository.is_clean(["clusters/two/x"])
    assert repository.is_clean(["clusters/one", "clusters/t"])


def test_is_clean_before_the_first_commit(tmp_path: Path) -> None:
    repository = Repository.init(tmp_path, "main")
    assert repository.is_clean(["mesh.yaml"])
    write(tmp_path, {"mesh.yaml": "a: 1\n"})
    assert not repository.is_clean(["mesh.yaml"])
    git(tmp_path, "add", "mesh.yaml")
    assert not repository.is_clean(["mesh.yaml"])


def test_output_in_another_language_is_understood(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    assert Repository.discover(root.parent) is None
