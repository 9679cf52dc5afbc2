"""Files for others to read, whole at any time."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from extcp_gitops.errors import ExtcpError

_PUBLIC: Final = 0o666


def replace(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file in one step: whoever reads it finds the old content, or all of the new one.

    What is there and is no plain file, such as a pipe or ``/dev/stdout``, is written to as it is.

    Args:
        path: Of the file; its directory has to be there.
        content: All of it.
        private: For nobody but who runs this; otherwise as the umask says.

    Raises:
        ExtcpError: EXTCP-B011, it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            _replace(path.resolve(), content, 0o600 if private else _PUBLIC & ~_umask())
    except OSError as error:
        raise ExtcpError.of(
            "EXTCP-B011",
            f"{path} cannot be written: {error.strerror}",
            "name another file, or mend what is in the way",
        ) from None


def _replace(path: Path, content: bytes, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
