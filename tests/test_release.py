from __future__ import annotations

import hashlib
import io
import platform
import tarfile
from typing import TYPE_CHECKING

import pytest

from extcp_gitops import release
from extcp_gitops.errors import ExtcpError
from extcp_gitops.release import fetch_istioctl, this_platform
from tests.webserver import Site, send, web_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = f"istioctl-1.29.1-{'-'.join(this_platform())}.tar.gz"
PROGRAM = b"#!/bin/sh\n"


def member(name: str, content: bytes = PROGRAM, **facts: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for fact, value in facts.items():
        setattr(info, fact, value)
    return info, content


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


GOOD = archive(member("istioctl", mode=0o600))


class Mirror:
    """Istio's releases, or what somebody made of them."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def publish(self, content: bytes, checksum: str | None = None) -> None:
        digest = hashlib.sha256(content).hexdigest()
        text = f"{digest}  {NAME}\n" if checksum is None else checksum
        self.site.serve(f"/1.29.1/{NAME}", content)
        self.site.serve(f"/1.29.1/{NAME}.sha256", text.encode())


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    with web_server() as site:
        monkeypatch.setenv("EXTCP_ISTIO_RELEASES", f"{site.base}/")
        yield Mirror(site)


def test_istioctl_is_downloaded_verified_and_unpacked(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(GOOD)
    steps: list[tuple[int, int | None]] = []
    path = fetch_istioctl("1.29.1", tmp_path, lambda *step: steps.append(step))
    assert path == tmp_path / "istioctl"
    assert path.read_bytes() == PROGRAM
    assert path.stat().st_mode & 0o777 == 0o755
    assert steps == [(len(GOOD), len(GOOD))]
    assert mirror.site.requests == [f"/1.29.1/{NAME}.sha256", f"/1.29.1/{NAME}"]


@pytest.mark.parametrize("form", ["{}", "{}\n", "{}  {}\n", "{} *{}", "{}\t{}"])
def test_the_forms_that_a_checksum_comes_in(mirror: Mirror, tmp_path: Path, form: str) -> None:
    digest = hashlib.sha256(GOOD).hexdigest()
    mirror.publish(GOOD, form.format(digest, NAME))
    assert fetch_istioctl("1.29.1", tmp_path).exists()


@pytest.mark.parametrize(
    "checksum",
    ["", "0" * 63, "<html>Sign in</html>", "0" * 64 + "  other.tar.gz", "\xff" * 64, "0" * 64],
)
def test_without_its_checksum_nothing_is_unpacked(
    mirror: Mirror, tmp_path: Path, checksum: str
) -> None:
    mirror.publish(GOOD, checksum)
    with pytest.raises(ExtcpError, match="EXTCP-T122"):
        fetch_istioctl("1.29.1", tmp_path)
    assert not (tmp_path / "istioctl").exists()


def test_a_truncated_file_is_not_unpacked(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(GOOD)
    mirror.site.serve(f"/1.29.1/{NAME}", GOOD[:-1])
    with pytest.raises(ExtcpError, match="EXTCP-T122"):
        fetch_istioctl("1.29.1", tmp_path)


def test_a_huge_file_is_not_downloaded(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(GOOD)
    mirror.site.answers[f"/1.29.1/{NAME}"] = lambda request: send(
        request, 200, b"x", Content_Length=str(1 << 40)
    )
    with pytest.raises(ExtcpError, match="EXTCP-T112"):
        fetch_istioctl("1.29.1", tmp_path)


def test_no_such_release(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(GOOD)
    with pytest.raises(ExtcpError, match=r"EXTCP-T121.*1\.29\.99") as caught:
        fetch_istioctl("1.29.99", tmp_path)
    assert "check the version" in caught.value.findings[0].remedy


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Sign in to go on</html>",
        GOOD[: len(GOOD) // 2],
        GOOD[:20] + b"\0" * 40,
        archive(),
        archive(member("LICENSE")),
        archive(member("../istioctl")),
        archive(member("/usr/bin/istioctl")),
        archive(member("bin/istioctl")),
        archive(member("istioctl", b"", type=tarfile.SYMTYPE, linkname="/bin/sh")),
        archive(member("istioctl", b"", type=tarfile.LNKTYPE, linkname="../../x")),
        archive(member("istioctl", b"", type=tarfile.CHRTYPE)),
        archive(member("istioctl", b"", type=tarfile.DIRTYPE)),
    ],
    ids=[
        *("empty", "html", "cut", "broken", "no member", "another member", "parent", "absolute"),
        *("directory", "symbolic link", "hard link", "device", "a directory itself"),
    ],
)
def test_what_is_no_archive_with_istioctl_in_it(
    mirror: Mirror, tmp_path: Path, content: bytes
) -> None:
    mirror.publish(content)
    (tmp_path / "into").mkdir()
    with pytest.raises(ExtcpError, match="EXTCP-T123"):
        fetch_istioctl("1.29.1", tmp_path / "into")
    assert [path.name for path in tmp_path.iterdir()] == ["into"]


def test_other_members_are_left_alone(mirror: Mirror, tmp_path: Path) -> None:
    mirror.publish(archive(member("../evil"), member("LICENSE"), member("./istioctl")))
    (tmp_path / "into").mkdir()
    fetch_istioctl("1.29.1", tmp_path / "into")
    assert sorted(path.name for path in (tmp_path / "into").iterdir()) == ["istioctl", NAME]
    assert not (tmp_path / "evil").exists()


def test_an_archive_that_unpacks_to_too_much(mirror: Mirror, tmp_path: Path) -> None:
    header = tarfile.TarInfo("padding")
    header.size = 1 << 40
    bomb = io.BytesIO()
    with tarfile.open(fileobj=bomb, mode="w:gz") as tar:
        tar.addfile(header)
    mirror.publish(bomb.getvalue())
    with pytest.raises(ExtcpError, match="EXTCP-T123"):
        fetch_istioctl("1.29.1", tmp_path)


def test_a_mirror_that_is_not_https_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTCP_ISTIO_RELEASES", "http://mirror.example.com/istio")
    with pytest.raises(ExtcpError, match="EXTCP-T110"):
        fetch_istioctl("1.29.1", tmp_path)


def test_istio_itself_is_asked_over_https() -> None:
    assert release.RELEASES.startswith("https://github.com/istio/istio/")


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("Linux", "x86_64", "linux-amd64"),
        ("Linux", "aarch64", "linux-arm64"),
        ("Linux", "armv7l", "linux-armv7"),
        ("Darwin", "x86_64", "osx-amd64"),
        ("Darwin", "arm64", "osx-arm64"),
    ],
)
def test_platforms_are_named_as_istio_does(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, name: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert "-".join(this_platform()) == name


@pytest.mark.parametrize(("system", "machine"), [("Plan9", "x86_64"), ("Linux", "riscv64")])
def test_a_platform_without_a_release(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(ExtcpError, match="EXTCP-T120"):
        this_platform()
