"""Files below the root of the repository, with no link followed and every failure explained."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError
from extcp_gitops.write.paths import is_persons_directory, parents

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def digest(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@contextlib.contextmanager
def explained(action: str, path: str) -> Iterator[None]:
    """Turn an error of the operating system into EXTCP-W007: ``cannot <action>``, and the way out.

    Args:
        action: A verb and what it does, without the path.
        path: Relative to the repository.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            remedy = "free some space, or raise the quota, and run again"
        elif error.errno in _NOT_ALLOWED:
            remedy = "make it writable for you (chmod u+w, or its owner) and run again"
        else:
            remedy = "mend what the operating system reports and run again"
        message = f"cannot {action}: {error.strerror or type(error).__name__}"
        raise ExtcpError.of("EXTCP-W007", message, remedy, file=path) from error


class Tree:
    """Regular files in real directories below a root; paths are relative to it, with ``/``.

    Anything else in the way of a path (a symbolic link, a FIFO, a device; at its end or above it)
    is EXTCP-W003 naming it. The root itself may be reached through a link: the user chose it.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        # Directories seen to be real. All that enter or leave later do so through this object.
        self._directories = {""}

    def status(self, path: str) -> os.stat_result | None:
        """What is there, itself and not what it may point to; None where nothing is."""
        if not self._has_parents(path):
            return None
        with explained("look at it", path):
            try:
                return os.lstat(self._absolute(path))
            except FileNotFoundError:
                return None

    def file_status(self, path: str) -> os.stat_result | None:
        """As ``status``, and EXTCP-W003 where it is no regular file."""
        status = self.status(path)
        if status is not None and not stat.S_ISREG(status.st_mode):
            raise _in_the_way(path, status, "a file")
        return status

    def read(self, path: str, size: int = -1) -> bytes | None:
        """The content of a regular file, or its first ``size`` bytes; None where there is none."""
        if self.file_status(path) is None:
            return None
        with explained("read it", path):
            # Should it have become a link or a FIFO since: no following, no waiting.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            with open(os.open(self._absolute(path), flags), "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
                return file.read(size)

    def digest(self, path: str) -> str | None:
        """SHA-256 of a regular file; None where there is none."""
        content = self.read(path)
        return None if content is None else digest(content)

    def create(self, path: str, content: bytes, mode: int | None = None) -> None:
        """Write a file that is not there yet; ``mode`` where it is not the umask's."""
        with explained("write it", path), open(self._absolute(path), "xb") as file:  # noqa: PTH123 - no Path object per file
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(content)

    def move(self, source: str, target: str) -> None:
        """Rename a file into an existing directory."""
        for path in (source, target):
            self._has_parents(path)
        with explained(f"move it to {target}", source):
            os.replace(self._absolute(source), self._absolute(target))  # noqa: PTH105 - as above

    def remove(self, path: str) -> None:
        """Delete a file."""
        with explained("remove it", path):
            os.unlink(self._absolute(path))  # noqa: PTH108 - as above

    def remove_all(self, path: str) -> None:
        """Delete a directory with all that is in it; nothing where it is missing."""
        status = self.status(path)
        if status is None:
            return
        if not stat.S_ISDIR(status.st_mode):
            raise _in_the_way(path, status, "a directory")
        self._directories = {
            known for known in self._directories if not f"{known}/".startswith(f"{path}/")
        }
        with explained("remove it", path):
            shutil.rmtree(self._absolute(path))  # follows no link itself

    def sync(self, path: str) -> None:
        """Force a file, or a directory's entries, to the disk."""
        with explained("force it to the disk", path):
            descriptor = os.open(self._absolute(path), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def is_writable(self, path: str) -> bool:
        """Whether the permissions of a file let this user change it."""
        return os.access(self._absolute(path), os.W_OK)

    def make_directories(self, path: str) -> None:
        """The directory and those above it, as far as they are missing."""
        for directory in self.missing_directories(f"{path}/"):
            with explained("make the directory", directory):
                os.mkdir(self._absolute(directory))  # noqa: PTH102 - as above
            self._directories.add(directory)

    def missing_directories(self, path: str) -> tuple[str, ...]:
        """The directories that a file would still need, outermost first."""
        if self._has_parents(path):
            return ()
        return tuple(directory for directory in parents(path) if directory not in self._directories)

    def remove_empty_directory(self, path: str) -> bool:
        """Whether the directory is gone; False where it holds something."""
        if not self._has_parents(path):
            return True
        with explained("remove the directory", path):
            try:
                os.rmdir(self._absolute(path))  # noqa: PTH106 - as above
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                    return False
                raise
        self._directories.discard(path)
        return True

    def files(self, places: Iterable[str]) -> Iterator[str]:
        """The regular files at and below these paths, apart from a person's own directories."""
        for place in places:
            status = self._status_if_reachable(place)
            if status is None:
                continue
            if stat.S_ISREG(status.st_mode):
                yield place
            elif stat.S_ISDIR(status.st_mode):
                yield from self._files_below(place)

    def _absolute(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _files_below(self, top: str) -> Iterator[str]:
        waiting = [top]
        while waiting:
            directory = waiting.pop()
            files, directories = self._list(directory)
            yield from files
            waiting += (path for path in directories if not is_persons_directory(path))

    def _list(self, directory: str) -> tuple[list[str], list[str]]:
        """The regular files and the real directories in it."""
        files, directories = [], []
        with explained("read the directory", directory):
            for entry in os.scandir(self._absolute(directory)):
                if entry.is_file(follow_symlinks=False):
                    files.append(f"{directory}/{entry.name}")
                elif entry.is_dir(follow_symlinks=False):
                    directories.append(f"{directory}/{entry.name}")
        return files, directories

    def _status_if_reachable(self, path: str) -> os.stat_result | None:
        """As ``status``; a link that leads elsewhere has nothing of ours behind it."""
        try:
            return self.status(path)
        except ExtcpError:
            return None

    def _has_parents(self, path: str) -> bool:
        """Whether all directories above the path exist; EXTCP-W003 where one is none."""
        if path.rpartition("/")[0] in self._directories:
            return True
        for directory in parents(path):
            if directory in self._directories:
                continue
            with explained("look at it", directory):
                try:
                    status = os.lstat(self._absolute(directory))
                except FileNotFoundError:
                    return False
            if not stat.S_ISDIR(status.st_mode):
                raise _in_the_way(directory, status, "a directory")
            self._directories.add(directory)
        return True


def _in_the_way(path: str, status: os.stat_result, wanted: str) -> ExtcpError:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
    return ExtcpError.of(
        "EXTCP-W003",
        f"{kind} is in the way, where {wanted} should be",
        "move it away or remove it; links are never followed",
        file=path,
    )
