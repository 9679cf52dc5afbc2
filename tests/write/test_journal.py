from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.render.stamp import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.write.conftest import Repository

CHECKOUT = Path(__file__).parents[2]
A = "clusters/a/y.yaml"
JOURNAL = ".extcp-gitops/journal"
MAKE_REPOSITORY = "from tests.write.interrupted import *; Scenes(Path(sys.argv[1])).fresh()"


def program(*arguments: str | Path) -> str:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
    ).stdout


def interrupted(how: str, directory: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(
        program("-m", "tests.write.interrupted", how, directory)
    )
    return found


def refused(repository: Repository, *limit: int) -> list[dict[str, Any]]:
    """What an ordinary user is told who makes the change."""
    found: list[dict[str, Any]] = json.loads(
        program("-m", "tests.write.refused", repository.root, *map(str, limit))
    )
    return found


# Each outcome names the tree at once, without the journal's own files, and after the next run has
# taken the lock, with whatever is left over.


def test_killed_at_any_call_the_old_or_the_new_tree_stands(tmp_path: Path) -> None:
    found = interrupted("kill", tmp_path)
    assert {outcome["afterwards"] for outcome in found} == {"old", "new"}
    assert [outcome["ended"] for outcome in found] == ["killed"] * (len(found) - 1) + ["done"]
    assert any(outcome["at_once"].startswith("mixed") for outcome in found)


def test_killed_at_any_time_the_old_or_the_new_tree_stands(tmp_path: Path) -> None:
    found = interrupted("kill-by-the-clock", tmp_path)
    assert {outcome["afterwards"] for outcome in found} <= {"old", "new"}


def test_a_recovery_that_is_killed_is_taken_up_by_the_next(tmp_path: Path) -> None:
    found = interrupted("kill-recovery", tmp_path)
    assert {outcome["afterwards"] for outcome in found} == {"old"}
    assert any(outcome["at_once"].startswith("mixed") for outcome in found)


def test_where_any_call_fails_the_old_tree_stands_at_once(tmp_path: Path) -> None:
    found = {tuple(outcome.values()) for outcome in interrupted("fail", tmp_path)}
    assert found == {("error", "old", "old"), ("done", "new", "new")}


def test_where_all_calls_fail_from_then_on_the_next_run_restores_the_old_tree(
    tmp_path: Path,
) -> None:
    found = interrupted("fail-since", tmp_path)
    assert {(outcome["ended"], outcome["afterwards"]) for outcome in found} == {
        ("error", "old"),
        ("done", "new"),
    }
    assert any(outcome["at_once"].startswith("mixed") for outcome in found)


def test_interrupted_at_any_call_the_old_or_the_new_tree_stands_at_once(tmp_path: Path) -> None:
    found = {tuple(outcome.values()) for outcome in interrupted("interrupt", tmp_path)}
    assert found == {
        ("interrupted", "old", "old"),
        ("interrupted", "new", "new"),
        ("done", "new", "new"),
    }


@pytest.fixture
def half_done(tmp_path: Path, repository_at: Callable[[Path], Repository]) -> Repository:
    """A run was killed: clusters/a/y.yaml is new, clusters/b/ is there, the rest is old."""
    (outcome,) = interrupted("kill-half-way", tmp_path)
    assert outcome["ended"] == "killed"
    assert outcome["at_once"].startswith("mixed")
    return repository_at(tmp_path / "scene")


@pytest.fixture
def before(half_done: Repository, repository_at: Callable[[Path], Repository]) -> dict[str, bytes]:
    return repository_at(half_done.root.with_name("template")).snapshot()


def recover(repository: Repository) -> None:
    with repository.workspace.locked():
        pass


def test_recovery_takes_back_what_was_half_done(
    half_done: Repository, before: dict[str, bytes]
) -> None:
    recover(half_done)
    assert half_done.snapshot() == before


def test_without_the_lock_a_half_done_change_is_reported(half_done: Repository) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-W010"):
        half_done.workspace.changes({})


def test_a_file_edited_since_stops_the_recovery_before_it_touches_anything(
    half_done: Repository, before: dict[str, bytes]
) -> None:
    half_done.lay({A: b"mine\n"})
    seen = half_done.snapshot()
    with pytest.raises(ExtcpError) as caught:
        recover(half_done)
    assert [(f.code, f.file) for f in caught.value.findings] == [("EXTCP-W008", A)]
    assert half_done.snapshot() == {
        path: raw for path, raw in seen.items() if path != ".extcp-gitops/lock"
    }

    (half_done.root / A).unlink()
    recover(half_done)
    assert half_done.snapshot() == before


def test_work_beside_what_was_touched_is_kept(
    half_done: Repository, before: dict[str, bytes]
) -> None:
    own = {"mesh.yaml": b"mine\n", "clusters/b/argocd/mine.yaml": b"mine\n"}
    half_done.lay(own)
    recover(half_done)
    assert half_done.snapshot() == before | own | {"clusters/b/": b"", "clusters/b/argocd/": b""}


@pytest.mark.parametrize("content", ["empty", "before", "missing"])
def test_what_a_loss_of_power_or_git_leaves_is_no_edit(
    half_done: Repository, before: dict[str, bytes], content: str
) -> None:
    if content == "missing":
        (half_done.root / A).unlink()
    else:
        half_done.lay({A: b"" if content == "empty" else before[A]})
    recover(half_done)
    assert half_done.snapshot() == before


def test_a_damaged_record_of_taken_steps_is_not_guessed_at(half_done: Repository) -> None:
    record = half_done.root / JOURNAL / "record"
    record.write_bytes(record.read_bytes()[:-1])
    seen = half_done.snapshot()
    with pytest.raises(ExtcpError, match="EXTCP-W011"):
        recover(half_done)
    seen.pop(".extcp-gitops/lock")
    assert half_done.snapshot() == seen


def sealed(text: bytes) -> bytes:
    """A record whose checksum is right."""
    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text


@pytest.mark.parametrize(
    "record", [b"", b"x", b"0" * 64 + b"\nx", sealed(b"- -\n"), sealed(b"\xff")]
)
def test_a_torn_record_is_discarded(repository: Repository, record: bytes) -> None:
    repository.lay({"mesh.yaml": b"x", f"{JOURNAL}/record": record, f"{JOURNAL}/new/0": b"x"})
    recover(repository)
    assert repository.snapshot() == {"mesh.yaml": b"x"}


@pytest.mark.parametrize("path", ["../outside", "/etc/hosts", ".git/config", "a/../../outside"])
def test_a_record_from_elsewhere_cannot_lead_out_of_the_repository(
    repository: Repository, tmp_path: Path, path: str
) -> None:
    repository.lay({f"{JOURNAL}/record": sealed(f"{'0' * 64} - {path}\n".encode())})
    repository.lay({f"{JOURNAL}/old/0": b"evil"})
    with pytest.raises(ExtcpError, match="EXTCP-W001"):
        recover(repository)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("part", [".extcp-gitops", JOURNAL, f"{JOURNAL}/new", f"{JOURNAL}/record"])
def test_a_journal_behind_a_link_is_refused(
    repository: Repository, tmp_path: Path, part: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_bytes(b"mine")
    record = sealed(b"- " + b"0" * 64 + b" README.md\n")
    repository.lay({"README.md": b"", "mesh.yaml": b"x"})
    if part == f"{JOURNAL}/new":
        repository.lay({f"{JOURNAL}/record": record})
    (repository.root / part).parent.mkdir(parents=True, exist_ok=True)
    (repository.root / part).symlink_to(outside)
    with pytest.raises(ExtcpError, match="EXTCP-W003"):
        recover(repository)
    assert [path.name for path in outside.iterdir()] == ["mine"]


def test_a_file_changed_after_the_comparison_is_not_overwritten(repository: Repository) -> None:
    repository.lay({"mesh.yaml": b"1"})
    with repository.workspace.locked():
        changes = repository.workspace.changes({}, person={"mesh.yaml": b"2", "new.yaml": b"2"})
        repository.lay({"mesh.yaml": b"mine", "new.yaml": b"mine"})
        with pytest.raises(ExtcpError) as caught:
            repository.workspace.apply(changes)
    assert [(f.code, f.file) for f in caught.value.findings] == [
        ("EXTCP-W009", "mesh.yaml"),
        ("EXTCP-W009", "new.yaml"),
    ]
    assert repository.snapshot() == {"mesh.yaml": b"mine", "new.yaml": b"mine"}


def test_a_file_keeps_its_mode(repository: Repository) -> None:
    repository.lay({"mesh.yaml": b"1"})
    (repository.root / "mesh.yaml").chmod(0o640)
    repository.write({}, {"mesh.yaml": b"2"})
    assert (repository.root / "mesh.yaml").stat().st_mode & 0o7777 == 0o640


@pytest.fixture
def ordinary(tmp_path: Path, repository_at: Callable[[Path], Repository]) -> Repository:
    program("-c", MAKE_REPOSITORY, tmp_path)
    return repository_at(tmp_path / "scene")


def test_an_ordinary_user_makes_the_change(ordinary: Repository) -> None:
    assert refused(ordinary) == []
    assert ordinary.snapshot()["mesh.yaml"] == b"version: 2\n"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (A, A),  # to modify
        ("istio/1/y.yaml", "istio/1/y.yaml"),  # to delete
        ("mesh.yaml", "mesh.yaml"),  # a person's
        ("clusters", "clusters/b"),  # to add to
        ("istio/1/a", "istio/1/a/x.yaml"),  # to delete from
        ("clusters/a", A),  # to replace in
        (".", ".extcp-gitops/lock"),
        (".extcp-gitops", ".extcp-gitops/lock"),
    ],
)
def test_what_is_read_only_gives_one_clear_error_and_stays(
    ordinary: Repository, path: str, named: str
) -> None:
    seen = ordinary.snapshot()
    target = ordinary.root / path
    target.chmod(0o555 if target.is_dir() else 0o444)
    if path == ".":
        (ordinary.root / ".extcp-gitops").chmod(0o555)
    (finding,) = refused(ordinary)
    assert (finding["code"], finding["file"]) == ("EXTCP-W007", named)
    assert "writable" in finding["remedy"]
    assert ordinary.snapshot() == seen


@pytest.mark.parametrize("largest", [0, 10, 150, 400])
def test_no_space_for_a_file_gives_one_clear_error_and_an_untouched_tree(
    ordinary: Repository, largest: int
) -> None:
    seen = ordinary.snapshot()
    (finding,) = refused(ordinary, largest)
    assert finding["code"] == "EXTCP-W007"
    assert "space" in finding["remedy"]
    assert ordinary.snapshot() == seen


@contextlib.contextmanager
def small_disk(directory: Path, files: int) -> Iterator[bool]:
    """A file system with room for this many files, or False where this user cannot have one."""
    directory.mkdir()
    options = f"size=1m,nr_inodes={files}"
    mount: list[str | Path] = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory]
    mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", directory], check=True)


def test_a_full_disk_leaves_the_tree_untouched_wherever_it_fills_up(
    tmp_path: Path, repository_at: Callable[[Path], Repository]
) -> None:
    old = {f"clusters/{name}/x.yaml": stamp("x.yaml", "a: 1\n") for name in "abc"}
    new = {f"clusters/{name}/x.yaml": stamp("x.yaml", "a: 2\n") for name in "bcdef"}
    endings: dict[bool, set[str]] = {True: set(), False: set()}
    for spare in range(16):
        with small_disk(tmp_path / str(spare), 11 + spare) as is_small:
            repository = repository_at(tmp_path / str(spare) / "repository")
            repository.lay(old)
            seen = repository.snapshot()
            if is_small:
                findings = try_to_write(repository, new)
            else:  # what fills up is then what one file may hold
                findings = [finding["code"] for finding in refused(repository, 7 * spare)]
            assert findings in ([], ["EXTCP-W007"])
            assert (repository.snapshot() == seen) is bool(findings)
            endings[is_small].add("refused" if findings else "done")
    assert endings in ({True: {"refused", "done"}, False: set()}, {True: set(), False: {"refused"}})


def try_to_write(repository: Repository, generated: dict[str, bytes]) -> list[str]:
    try:
        repository.write(generated)
    except ExtcpError as error:
        return [finding.code for finding in error.findings]
    return []
