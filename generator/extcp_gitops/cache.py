"""The tool's own cache: what can be had again, kept because that takes long."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "EXTCP_CACHE_DIR"

_NAME = "extcp-gitops"
_REMEDY = f"set {VARIABLE} to a directory that you may write to"


def directory(*parts: str) -> Path:
    """A directory of the cache, made where it is missing, for this user alone.

    It is below ``$EXTCP_CACHE_DIR``, ``$XDG_CACHE_HOME/extcp-gitops`` or ``~/.cache/extcp-gitops``.

    Args:
        parts: Names of directories; the caller has checked them.

    Returns:
        An absolute path.

    Raises:
        ExtcpError: EXTCP-T020 it cannot be made, EXTCP-T021 others could put things into it.
        ValueError: A part is no plain name: a bug of the caller.
    """
    for part in parts:
        if part in {"", ".", ".."} or not part.isprintable() or "/" in part:
            raise ValueError(f"no name for a directory of the cache: {part!a}")
    path = _root().joinpath(*parts)
    with _explained(path):
        # Not mkdir(parents=True), which would leave the directories above to the umask.
        missing = itertools.takewhile(lambda each: not each.is_dir(), (path, *path.parents))
        for each in reversed(list(missing)):
            each.mkdir(mode=0o700, exist_ok=True)
        _require_private(path)
    return path


def get(path: Path) -> bytes | None:
    """The content of a file of the cache; None where there is none.

    Raises:
        ExtcpError: EXTCP-T020 it is there and cannot be read.
    """
    with _explained(path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def put(path: Path, content: bytes) -> None:
    """Write a file of the cache; a reader sees all of it or nothing, a loss of power included.

    Args:
        path: In a directory that ``directory`` returned.
        content: Replaces what is there.

    Raises:
        ExtcpError: EXTCP-T020 it cannot be written; what was there stays.
    """
    with (
        _explained(path),
        tempfile.NamedTemporaryFile(dir=path.parent, prefix=".incomplete-", delete=False) as file,
    ):
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _root() -> Path:
    if explicit := os.environ.get(VARIABLE):
        return Path(explicit).absolute()
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():  # the XDG specification: a relative one is to be ignored
        return Path(base) / _NAME
    return _home() / ".cache" / _NAME


def _home() -> Path:
    try:
        home = Path.home()
    except RuntimeError:  # neither HOME nor an entry in the user database
        home = None
    if home is None or not home.is_absolute() or not home.is_dir():
        where = "there is none" if home is None else f"{str(home)!a} is no directory"
        raise ExtcpError.of(
            "EXTCP-T020", f"the cache would be in the home directory, and {where}", _REMEDY
        )
    return home


def _require_private(path: Path) -> None:
    """Programs are run from the cache, and manifests taken from it unseen."""
    status = path.stat()
    if status.st_uid not in {0, os.geteuid()} or status.st_mode & 0o002:
        raise ExtcpError.of(
            "EXTCP-T021",
            f"the cache {path} belongs to another user, or all users may write to it",
            f"take it over (chown, chmod o-w), or {_REMEDY}",
        )


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"the cache cannot be used: {path}: {reason}"
        raise ExtcpError.of("EXTCP-T020", message, _REMEDY) from error
