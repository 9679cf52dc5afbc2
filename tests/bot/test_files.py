from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from extcp_bot import files
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_others_may_read_what_is_not_private(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.replace(tmp_path / "open", b"1")
        files.replace(tmp_path / "private", b"2", private=True)
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert (mode(tmp_path / "open"), mode(tmp_path / "private")) == (0o640, 0o600)


def test_a_reader_has_the_old_content_or_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "report"
    file.write_bytes(b"old")
    with file.open("rb") as reader:
        files.replace(file, b"new")
        assert reader.read() == b"old"
    assert file.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["report"]  # noqa: PTH208 - names alone


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("report")
    files.replace(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "report").read_bytes() == b"new"


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.append(pipe.read_bytes()))
    reader.start()
    files.replace(pipe, b"new")
    reader.join(30)
    assert seen == [b"new"]
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", ["none/report", "directory"])
def test_a_failure_names_the_file_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(ExtcpError, match=f"EXTCP-B011 .*{name} cannot be written"):
        files.replace(tmp_path / name, b"new")
    assert os.listdir(tmp_path) == ["directory"]  # noqa: PTH208 - names alone
