from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.render.stamp import stamp
from extcp_gitops.write import Changes, Workspace

if TYPE_CHECKING:
    from tests.write.conftest import Repository

LOCK = ".extcp-gitops/lock"
README = {"README.md": stamp("README.md", "# Mesh\n")}

HOLD = """
import sys, time
from pathlib import Path
from extcp_gitops.write import Workspace
with Workspace(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""

# Takes the lock again and again; where two hold it at once, the second cannot make the file.
COMPETE = """
import sys
from pathlib import Path
from extcp_gitops.errors import ExtcpError
from extcp_gitops.write import Workspace
workspace, proof, taken = Workspace(Path(sys.argv[1])), Path(sys.argv[2]), 0
while taken < 100:
    try:
        with workspace.locked():
            proof.touch(exist_ok=False)
            proof.unlink()
            taken += 1
    except ExtcpError as error:
        assert error.findings[0].code == "EXTCP-W006", error
"""


def test_a_second_run_at_once_is_told_so_and_one_after_a_kill_is_not(
    repository: Repository,
) -> None:
    command: list[str | Path] = [sys.executable, "-c", HOLD, repository.root]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ExtcpError) as caught:
            repository.write(README)
        other.send_signal(signal.SIGKILL)
    (finding,) = caught.value.findings
    assert (finding.code, finding.file) == ("EXTCP-W006", LOCK)
    assert finding.remedy.startswith("wait")
    assert repository.write(README)
    assert repository.snapshot() == README


def test_the_lock_is_not_taken_twice_within_one_process(repository: Repository) -> None:
    with (
        repository.workspace.locked(),
        pytest.raises(ExtcpError, match="EXTCP-W006"),
        Workspace(repository.root).locked(),
    ):
        pass


def test_never_two_hold_the_lock_though_each_removes_it(
    repository: Repository, tmp_path: Path
) -> None:
    command: list[str | Path] = [sys.executable, "-c", COMPETE, repository.root, tmp_path / "proof"]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    assert [(run.communicate(timeout=60)[1], run.returncode) for run in runs] == [(b"", 0)] * 3


def test_the_lock_leaves_nothing_behind(repository: Repository) -> None:
    with repository.workspace.locked():
        assert (repository.root / LOCK).is_file()
    assert not repository.root.exists()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_whatever_ends_the_run_releases_the_lock(
    repository: Repository, error: type[BaseException]
) -> None:
    repository.lay({"mesh.yaml": b"x"})
    with pytest.raises(error), repository.workspace.locked():
        raise error
    assert repository.write(README)
    assert repository.snapshot() == {"mesh.yaml": b"x"} | README


def test_a_missing_root_is_made_and_stays_once_it_holds_something(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    workspace = Workspace(root)
    with workspace.locked():
        workspace.apply(workspace.changes(README))
    assert (root / "README.md").read_bytes() == README["README.md"]
    assert [path.name for path in root.iterdir()] == ["README.md"]


def test_the_root_may_be_relative_or_reached_through_a_link(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.root.mkdir()
    (tmp_path / "link").symlink_to(repository.root)
    monkeypatch.chdir(tmp_path)
    for root in (Path("link"), tmp_path / "link", Path("repository")):
        workspace = Workspace(root)
        with workspace.locked():
            workspace.apply(workspace.changes(README))
    monkeypatch.chdir(repository.root)
    assert not Workspace(Path()).changes(README)
    assert repository.snapshot() == README


@pytest.mark.parametrize("place", [".extcp-gitops", LOCK])
@pytest.mark.parametrize("kind", ["link", "dangling link", "FIFO", "wrong"])
def test_no_lock_is_made_through_what_is_in_its_way(
    repository: Repository, tmp_path: Path, place: str, kind: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    target = repository.root / place
    target.parent.mkdir(parents=True)
    if kind == "FIFO":
        os.mkfifo(target)
    elif kind != "wrong":
        target.symlink_to(outside if kind == "link" else tmp_path / "nowhere")
    elif place == LOCK:
        target.mkdir()
    else:
        target.write_bytes(b"x")
    seen = repository.snapshot()
    with pytest.raises(ExtcpError) as caught, repository.workspace.locked():
        pass
    assert [(f.code, f.file) for f in caught.value.findings] == [("EXTCP-W003", place)]
    assert repository.snapshot() == seen
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("root", ["/proc/nowhere", "file/below", "dangling", "a" * 300])
def test_a_root_that_cannot_be_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("dangling").symlink_to("nowhere")
    with pytest.raises(ExtcpError, match="EXTCP-W007"), Workspace(Path(root)).locked():
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "file"]


def test_changes_are_applied_under_the_lock_alone(repository: Repository) -> None:
    with pytest.raises(ValueError, match="under the lock"):
        repository.workspace.apply(Changes())
