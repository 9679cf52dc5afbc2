"""istioctl of exactly the wanted release: found, installed and run.

The manifests come from it alone, so a release that differs in the last digit is as wrong as none.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extcp_gitops import cache, process
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_ISTIO_VERSION = "1.29.1"
VARIABLE = "EXTCP_ISTIOCTL"

_NONE_FOUND = "EXTCP-T103"
_PROGRAM = "istioctl"
_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}(?:-(?:alpha|beta|rc)\.[0-9]{1,4})?")
_RENDER_SECONDS = 120.0
_VERSION_SECONDS = 30.0
_WARNING_LENGTH = 500
_OTHER_WAYS = (
    f"put it on PATH; or name it with --istioctl PATH or {VARIABLE}; or, where Istio's releases "
    "cannot be reached, build it from its Go module with 'make istioctl' in a checkout of "
    "extcp-gitops"
)


@dataclass(frozen=True, slots=True)
class Istioctl:
    """A program that is known to be istioctl of that release.

    Attributes:
        path: Absolute.
        version: Such as ``1.29.1``.
    """

    path: Path
    version: str

    def manifest_generate(self, operator: bytes) -> bytes:
        """Render an IstioOperator, without a look at any cluster.

        Args:
            operator: The object as YAML.

        Returns:
            All objects, as a stream of YAML documents.

        Raises:
            ExtcpError: EXTCP-T105 when istioctl refuses it, or has something to say about it;
                those of ``process.run``.
        """
        # 'ok' holds every status of istioctl's own, whose words are better than 'status 1'.
        done = _run(
            self.path,
            *("manifest", "generate", "--filename", "-"),
            stdin=operator,
            timeout=_RENDER_SECONDS,
            ok=(0, 1),
        )
        if done.returncode or done.stderr.strip():
            words = process.clean(done.stderr)[:_WARNING_LENGTH]
            raise ExtcpError.of(
                "EXTCP-T105",
                f"istioctl {self.version} does not take the settings that belong to this mesh: "
                f"{words}",
                "choose a release of Istio that extcp-gitops supports, or report this as a bug",
            )
        return done.stdout


def check_version(text: str) -> str:
    """Return ``text``, unchanged, when it names a release of Istio.

    Raises:
        ExtcpError: EXTCP-T101.
    """
    if not _VERSION.fullmatch(text):
        raise ExtcpError.of(
            "EXTCP-T101",
            f"{text[:40]!r} is no release of Istio",
            "write it in full, such as 1.29.1",
        )
    return text


def find(version: str, explicit: Path | None = None) -> Istioctl:
    """Find istioctl of exactly this release.

    Looked at, in this order: ``explicit``, the variable ``EXTCP_ISTIOCTL``, ``PATH``, and what
    ``install`` has put into the cache. What is of another release is passed over.

    Args:
        version: The release, in full.
        explicit: What the person named for this run; it must be right.

    Raises:
        ExtcpError: EXTCP-T101 no release, EXTCP-T102 the explicit one is not of this release,
            EXTCP-T103 there is none.
    """
    check_version(version)
    if explicit:
        return _explicit(version, explicit)
    seen = []
    for origin, path in _candidates(version):
        found = version_of(path)
        if found == version:
            return Istioctl(path, version)
        seen.append(f"{origin} ({path}) " + (f"is {found}" if found else "is no istioctl"))
    others = f": {'; '.join(seen)}" if seen else ""
    raise ExtcpError.of(
        _NONE_FOUND,
        f"istioctl {version} is not on this machine{others}",
        f"get it with 'extcp-gitops istioctl install {version}'; or {_OTHER_WAYS}",
    )


def find_or_install(
    version: str,
    explicit: Path | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Istioctl:
    """``find``, and where there is none, ``install``.

    Args:
        version: The release, in full.
        explicit: What the person named for this run; nothing is downloaded then.
        progress: As ``install`` takes it.

    Raises:
        ExtcpError: There is none, and none could be downloaded; the findings say both.
    """
    try:
        return find(version, explicit)
    except ExtcpError as missing:
        if missing.findings[0].code != _NONE_FOUND:
            raise
        try:
            return Istioctl(install(version, progress), version)
        except ExtcpError as failed:
            raise ExtcpError(*missing.findings, *failed.findings) from failed


def _explicit(version: str, path: Path) -> Istioctl:
    absolute = path.absolute()
    found = version_of(absolute)
    if found != version:
        what = f"istioctl {found}" if found else "no istioctl that runs here"
        raise ExtcpError.of(
            "EXTCP-T102",
            f"{path} is {what}, and the mesh needs {version}",
            f"name istioctl {version}, or leave it out to have it looked for",
        )
    return Istioctl(absolute, version)


def _candidates(version: str) -> Iterator[tuple[str, Path]]:
    """Where an istioctl may be, each with a word for where that is."""
    if named := os.environ.get(VARIABLE):
        yield VARIABLE, Path(named).absolute()
    if on_path := process.which(_PROGRAM):
        yield "PATH", on_path.absolute()
    cached = _cached(version)
    if cached.exists():
        yield "the cache", cached


def _cached(version: str) -> Path:
    return cache.directory(_PROGRAM, version) / _PROGRAM


def version_of(path: Path) -> str | None:
    """The release that a program says to be of; None when it is no istioctl."""
    try:
        done = _run(path, "version", "--remote=false", "--output=json", timeout=_VERSION_SECONDS)
        found = json.loads(done.stdout)["clientVersion"]["version"]
    except (ExtcpError, ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, str) and _VERSION.fullmatch(found) else None


def _run(
    path: Path,
    *arguments: str,
    timeout: float,
    stdin: bytes | None = None,
    ok: tuple[int, ...] = (0,),
) -> process.Completed:
    """Run istioctl where it finds no kubeconfig, no settings of a person's, and no cluster."""
    with tempfile.TemporaryDirectory(prefix="extcp-gitops-") as home:
        return process.run(
            [path, *arguments],
            timeout=timeout,
            cwd=Path(home),
            env=process.environment(HOME=home, KUBECONFIG=os.devnull),
            stdin=stdin,
            ok=ok,
        )


def install(version: str, progress: Callable[[int, int | None], None] | None = None) -> Path:
    """Download istioctl of this release into the cache, unless it is there.

    Args:
        version: The release, in full.
        progress: Called with the bytes so far and their expected number.

    Returns:
        Where it is.

    Raises:
        ExtcpError: EXTCP-T101 no release, EXTCP-T104 it does not run here, EXTCP-T106 the cache
            cannot be written; those of ``release.fetch_istioctl``. The cache is as before then.
    """
    target = _cached(check_version(version))
    if not (target.exists() and version_of(target) == version):
        _download(version, target, progress)
    return target


def _download(
    version: str, target: Path, progress: Callable[[int, int | None], None] | None
) -> None:
    """Put istioctl into its place once it is whole and has said its release."""
    from extcp_gitops import download, release  # noqa: PLC0415 - the web is slow to import

    try:
        with tempfile.TemporaryDirectory(prefix=".incomplete-", dir=target.parent) as scratch:
            fresh = release.fetch_istioctl(version, Path(scratch), progress)
            if version_of(fresh) != version:
                raise ExtcpError.of(
                    "EXTCP-T104",
                    f"what was downloaded as istioctl {version} does not say so when it runs",
                    f"check {release.VARIABLE}, and that programs may run from {target.parent}",
                )
            fresh.replace(target)
    except download.UnreachableError as error:
        finding = error.findings[0]
        mirror = f"name a mirror of Istio's releases with {release.VARIABLE}"
        remedy = f"{finding.remedy}; or {mirror}; or {_OTHER_WAYS}"
        raise ExtcpError.of(finding.code, finding.message, remedy) from error
    except OSError as error:
        raise ExtcpError.of(
            "EXTCP-T106",
            f"{target} cannot be written: {error.strerror}",
            f"make space there, or let {cache.VARIABLE} name another directory",
        ) from error
