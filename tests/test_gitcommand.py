from __future__ import annotations

import contextvars
import os
import shlex
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from extcp_gitops import gitcommand, process
from extcp_gitops.errors import ExtcpError
from extcp_gitops.git import Repository
from tests.gitrepo import begin, committed, git, status, use_filter, wait_for_the_end_of, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return begin(tmp_path / "mesh")


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


def test_the_index_of_a_surrounding_hook_is_neither_read_nor_written(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, {"staged.yaml": "1\n", "mesh.yaml": "a: 2\n"})
    git(root, "add", "staged.yaml")
    monkeypatch.setenv("GIT_INDEX_FILE", str(root / ".git/index"))
    Repository(root).commit(["mesh.yaml"], "Change")
    assert committed(root) == ["mesh.yaml"]
    assert status(root) == ["A  staged.yaml"]


def test_git_does_not_inherit_our_own_settings(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "environment"
    use_filter(root, f"env > {shlex.quote(str(seen))}; cat")
    monkeypatch.setenv("EXTCP_FORGE_TOKEN", "canary")
    write(root, {"mesh.yaml": "a: 2\n"})
    Repository(root).commit(["mesh.yaml"], "Change")
    assert "GIT_TERMINAL_PROMPT" in seen.read_text()
    assert "EXTCP_FORGE_TOKEN" not in seen.read_text()


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


def test_a_run_that_is_over_ends_the_command(root: Path) -> None:
    def commit() -> None:
        process.is_cancelled.set(lambda: True)
        Repository(root).resolve("HEAD")

    with pytest.raises(ExtcpError, match="EXTCP-T007 'git rev-parse' was ended"):
        contextvars.copy_context().run(commit)


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
    with subprocess.Popen([sys.executable, "-c", code, str(root)]) as child:
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130
    wait_for_the_end_of(pid.read_text().strip())
    assert not (root / ".git/index.lock").exists()


def test_output_in_another_language_is_understood(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    assert Repository.discover(root.parent) is None
