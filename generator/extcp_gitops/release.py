"""Istio's releases: download istioctl, verify it, unpack it.

The checksum is published beside the file; it guards against a broken transfer and a careless
mirror. That the publisher is Istio, the certificate of the site says.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import itertools
import os
import platform
import re
import tarfile
import zlib
from typing import TYPE_CHECKING, NamedTuple

from extcp_gitops import download
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RELEASES = "https://github.com/istio/istio/releases/download"
VARIABLE = "EXTCP_ISTIO_RELEASES"
"""Names a mirror with the same layout, for sites that cannot reach ``RELEASES``."""

_ARCHIVE = download.Limits(size=256 << 20, total=1800)
_CHECKSUM = download.Limits(size=4 << 10, total=60)
_UNPACKED_BYTES = 512 << 20
_MEMBER = "istioctl"
_MEMBERS = 100
_CHUNK = 1 << 20

# Istio's own words for what Python calls platform.system() and platform.machine().
_SYSTEMS = {"Linux": "linux", "Darwin": "osx"}
_MACHINES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "armv7",
}


class Platform(NamedTuple):
    """As Istio spells it in the names of its files."""

    system: str
    machine: str


def this_platform() -> Platform:
    """The machine we run on.

    Raises:
        ExtcpError: EXTCP-T120 when Istio publishes nothing for it.
    """
    system, machine = platform.system(), platform.machine()
    if system not in _SYSTEMS or machine.lower() not in _MACHINES:
        raise ExtcpError.of(
            "EXTCP-T120",
            f"Istio publishes no istioctl for {system} on {machine}",
            "build it from its Go module, and name it with --istioctl PATH",
        )
    return Platform(_SYSTEMS[system], _MACHINES[machine.lower()])


def fetch_istioctl(
    version: str,
    directory: Path,
    progress: Callable[[int, int | None], None] | None = None,
) -> Path:
    """Download istioctl of a release.

    Args:
        version: Checked.
        directory: Where to put it; the caller removes what a failure leaves there.
        progress: Called with the bytes so far and their expected number.

    Returns:
        The program, in ``directory``, ready to run.

    Raises:
        ExtcpError: EXTCP-T120 no such platform, EXTCP-T121 no such release, EXTCP-T122 the
            checksum differs or is none, EXTCP-T123 it is no archive with istioctl in it; those of
            ``download.fetch``.
    """
    name = f"istioctl-{version}-{'-'.join(this_platform())}.tar.gz"
    url = f"{os.environ.get(VARIABLE, RELEASES).rstrip('/')}/{version}/{name}"
    archive = directory / name
    try:
        expected = _checksum(url, name)
        actual = _save(url, archive, progress)
    except download.NotFoundError as error:
        raise ExtcpError.of(
            "EXTCP-T121",
            f"Istio's releases have no {name}",
            "check the version; https://github.com/istio/istio/releases lists them all",
        ) from error
    if actual != expected:
        raise ExtcpError.of(
            "EXTCP-T122",
            f"{name} does not have the published SHA-256, so it was thrown away",
            "try again; if it stays so, the mirror or the network changes files",
        )
    return _unpack(archive, directory / _MEMBER)


def _checksum(url: str, name: str) -> str:
    """The published SHA-256 in hexadecimal."""
    text = b"".join(download.fetch(f"{url}.sha256", _CHECKSUM)).decode("ascii", "replace")
    found = re.fullmatch(rf"([0-9a-f]{{64}})(?:\s+\*?{re.escape(name)})?", text.strip().lower())
    if found is None:
        raise ExtcpError.of(
            "EXTCP-T122",
            f"{name}.sha256 is no SHA-256 of that file",
            f"check that {VARIABLE}, where it is set, names a mirror of Istio's releases",
        )
    return found[1]


def _save(url: str, file: Path, progress: Callable[[int, int | None], None] | None) -> str:
    """Write what is at the URL to a file; return its SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    with (
        file.open("xb") as stream,
        contextlib.closing(download.fetch(url, _ARCHIVE, progress)) as pieces,
    ):
        for piece in pieces:
            digest.update(piece)
            stream.write(piece)
    return digest.hexdigest()


def _unpack(archive: Path, target: Path) -> Path:
    """Copy the one member that is wanted; nothing is extracted to a path of the archive's own."""
    try:
        with tarfile.open(archive, "r|gz") as members:
            unpacked = 0
            for member in itertools.islice(members, _MEMBERS):
                unpacked += member.size
                if unpacked > _UNPACKED_BYTES:
                    break
                content = members.extractfile(member) if member.isfile() else None
                if content is None or member.name.removeprefix("./") != _MEMBER:
                    continue
                with target.open("xb") as stream:
                    while piece := content.read(_CHUNK):
                        stream.write(piece)
                    os.fsync(stream.fileno())  # or a power cut leaves an empty program for good
                target.chmod(0o755)
                return target
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        reason = type(error).__name__
    else:
        reason = "it holds none, or is too large"
    raise ExtcpError.of(
        "EXTCP-T123",
        f"{archive.name} is no archive with istioctl in it ({reason})",
        f"check that {VARIABLE}, where it is set, names a mirror of Istio's releases",
    )
