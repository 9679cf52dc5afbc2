from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from extcp_gitops import cache
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("EXTCP_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


def test_the_cache_is_below_the_home_directory(home: Path) -> None:
    assert cache.directory("renders", "1.29.1") == home / ".cache/extcp-gitops/renders/1.29.1"


def test_the_variables_move_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.directory("a") == tmp_path / "xdg/extcp-gitops/a"
    monkeypatch.setenv("EXTCP_CACHE_DIR", str(tmp_path / "own"))
    assert cache.directory("a") == tmp_path / "own/a"
    assert cache.directory() == tmp_path / "own"


def test_a_relative_cache_home_is_ignored_as_its_specification_says(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.directory() == home / ".cache/extcp-gitops"


def test_a_relative_variable_counts_from_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXTCP_CACHE_DIR", "here")
    assert cache.directory("a") == tmp_path / "here/a"


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_what_is_made_is_for_this_user_alone(home: Path) -> None:
    directory = cache.directory("renders", "1.29.1")
    cache.put(directory / "file", b"x")
    made = [directory / "file", *list(directory.parents)[: len((".cache", "extcp", "renders"))]]
    assert home not in made
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in [*made, directory]} == {0}


@pytest.mark.parametrize("part", ["", ".", "..", "a/b", "/etc", "../x", "a\0b", "a\nb"])
def test_a_part_that_leads_elsewhere_is_a_bug(part: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        cache.directory("renders", part)


def test_what_was_put_is_got() -> None:
    path = cache.directory("a") / "file"
    assert cache.get(path) is None
    for content in (b"", b"\x00\xff", b"x" * 1_000_000):
        cache.put(path, content)
        assert cache.get(path) == content
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_readers_see_all_of_a_file_or_nothing() -> None:
    code = """
import sys
from pathlib import Path
from extcp_gitops import cache
path = Path(sys.argv[1])
for n in range(int(sys.argv[2]), int(sys.argv[2]) + 50):
    cache.put(path, bytes([n]) * 300_000)
"""
    path = cache.directory("a") / "file"
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), start]) for start in ("0", "100")
    ]
    while any(writer.poll() is None for writer in writers):
        content = cache.get(path)
        assert content is None or content == content[:1] * 300_000
    assert [writer.returncode for writer in writers] == [0, 0]
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_killed_writer_leaves_what_was_there() -> None:
    code = """
import os, signal, sys
from pathlib import Path
from extcp_gitops import cache
sys.addaudithook(lambda event, _: event == "os.rename" and os.kill(os.getpid(), signal.SIGKILL))
cache.put(Path(sys.argv[1]), b"new")
"""
    path = cache.directory("a") / "file"
    cache.put(path, b"old")
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert cache.get(path) == b"old"


def test_a_disk_that_fills_up_leaves_what_was_there() -> None:
    code = """
import resource, sys
from pathlib import Path
from extcp_gitops import cache
from extcp_gitops.errors import ExtcpError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    cache.put(Path(sys.argv[1]), b"x" * 100_000)
except ExtcpError as error:
    print(error.findings[0].code)
"""
    path = cache.directory("a") / "file"
    cache.put(path, b"old")
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert done.stdout == b"EXTCP-T020\n"
    assert cache.get(path) == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def assert_says_the_way_out(code: str) -> None:
    with pytest.raises(ExtcpError) as caught:
        cache.directory("renders")
    (finding,) = caught.value.findings
    assert finding.code == code
    assert "EXTCP_CACHE_DIR" in finding.remedy


@pytest.mark.parametrize("nothing", ["/nowhere/at/all", "relative", "/dev/null"])
def test_without_a_home_the_way_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing: str
) -> None:
    monkeypatch.setenv("HOME", nothing)
    monkeypatch.chdir(tmp_path)
    assert_says_the_way_out("EXTCP-T020")
    assert not Path(nothing, ".cache").exists()


def test_for_a_user_nobody_knows_the_way_out_is_said(tmp_path: Path) -> None:
    code = """
import os
from extcp_gitops import cache
from extcp_gitops.errors import ExtcpError
os.environ.pop("HOME")
os.getuid = lambda: 4_000_000_000
try:
    cache.directory()
except ExtcpError as error:
    print(error.findings[0].code, error.findings[0].remedy)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=tmp_path)
    assert done.stdout.startswith(b"EXTCP-T020 set EXTCP_CACHE_DIR")


@pytest.mark.parametrize("place", [".cache", ".cache/extcp-gitops", ".cache/extcp-gitops/renders"])
@pytest.mark.parametrize("kind", ["file", "dangling"])
def test_a_home_that_cannot_be_used_says_the_way_out(home: Path, place: str, kind: str) -> None:
    (home / place).parent.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        (home / place).touch()
    else:
        (home / place).symlink_to("nowhere/at/all")
    assert_says_the_way_out("EXTCP-T020")


def test_a_home_that_is_read_only_says_the_way_out(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.chmod(0o555)
    if os.access(home, os.W_OK):  # this is root, who can write anywhere but there
        monkeypatch.setenv("HOME", "/proc")
    assert_says_the_way_out("EXTCP-T020")


def test_a_directory_that_all_users_may_write_to_is_not_trusted(home: Path) -> None:
    cache.directory("renders").chmod(0o777)
    assert_says_the_way_out("EXTCP-T021")
    assert (home / ".cache/extcp-gitops/renders").is_dir()


def test_what_cannot_be_read_or_written_is_said(home: Path) -> None:
    directory = cache.directory("a")
    with pytest.raises(ExtcpError, match="EXTCP-T020") as caught:
        cache.get(directory)
    assert os.strerror(errno.EISDIR) in str(caught.value)
    with pytest.raises(ExtcpError, match="EXTCP-T020"):
        cache.put(home / "nowhere" / "file", b"x")
