"""Become one container: enter its network, build its root file system, drop to its user, run it.

    python launch.py SPEC [COMMAND...]

SPEC is a JSON file that ``containers.py`` writes; COMMAND replaces its command, as ``kubectl exec``
does. The standard library alone, and no import of the package: this starts often and must be quick.
The mounts are in a mount namespace of the process: they are gone when it is.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

CLONE_NEWNET, CLONE_NEWNS = 0x40000000, 0x00020000
MS_RDONLY, MS_NOSUID, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
SYSTEM_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
SYSTEM_FILES = ("alternatives", "ld.so.cache", "protocols", "services")
PASSWD = "root:x:0:0:root:/root:/bin/sh\nistio-proxy:x:1337:1337::/home/istio-proxy:/bin/sh\n"  # noqa: S105 - no password
GROUP = "root:x:0:\nistio-proxy:x:1337:\n"

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Turn the -1 of libc into an exception."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    words = [word.encode() for word in (source, target, kind)]
    check(libc.mount(*words, ctypes.c_ulong(flags), data.encode()), f"mount {source} on {target}")


def bind(source: Path, target: Path, *, readonly: bool = True) -> None:
    """Let ``target``, made if need be, show what ``source`` is."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(str(source), str(target), "", MS_BIND | MS_REC)
    if readonly:
        mount("", str(target), "", MS_BIND | MS_REMOUNT | MS_RDONLY)


def system(root: Path) -> None:
    """The machine's programs and libraries, without anything of its configuration or users."""
    for name in SYSTEM_LINKS:
        path = Path("/") / name
        if path.is_symlink():
            (root / name).symlink_to(path.readlink())
        elif path.exists():
            bind(path, root / name)
    for path in Path("/usr").iterdir():
        if path.name != "local" and path.is_dir() and not path.is_symlink():
            bind(path, root / "usr" / path.name)
        elif path.is_symlink():
            (root / "usr").mkdir(exist_ok=True)
            (root / "usr" / path.name).symlink_to(path.readlink())
    for name in SYSTEM_FILES:
        if (path := Path("/etc") / name).exists():
            bind(path, root / "etc" / name)
    for name in ("dev", "proc", "sys"):
        bind(Path("/") / name, root / name, readonly=False)


def python(root: Path) -> None:
    """This Python, at its own place, so that an application can be a script."""
    executable = Path(sys.executable).resolve()
    for path in (executable, Path(sys.base_prefix) / "lib"):
        if not (root / path.relative_to("/")).exists():
            bind(path, root / path.relative_to("/"))


def etc(root: Path, files: dict[str, str]) -> None:
    """The small files that a container runtime writes."""
    directory = root / "etc"
    directory.mkdir(exist_ok=True)
    for name, content in {"passwd": PASSWD, "group": GROUP, **files}.items():
        (directory / name).write_text(content)
    for name, mode in (("tmp", 0o1777), ("run", 0o755), ("root", 0o711)):
        (root / name).mkdir(exist_ok=True)
        (root / name).chmod(mode)


def enter(spec: dict[str, Any]) -> None:
    """Network, root file system and user of the container."""
    with Path(spec["network"]).open() as network:
        check(libc.setns(network.fileno(), CLONE_NEWNET), "setns")
    check(libc.unshare(CLONE_NEWNS), "unshare")
    mount("", "/", "", MS_REC | MS_PRIVATE)
    root = Path(spec["root"])
    mount("tmpfs", str(root), "tmpfs", MS_NOSUID, "mode=755,size=64m")
    system(root)
    etc(root, spec["etc"])
    for item in spec["mounts"]:
        target = root / item["target"].lstrip("/")
        bind(Path(item["source"]), target, readonly=item["readonly"])
    python(root)
    if spec["readonly"]:
        mount("", str(root), "", MS_BIND | MS_REMOUNT | MS_RDONLY)
    os.chroot(root)
    os.chdir(spec["directory"])
    os.setgroups(spec["groups"])
    os.setgid(spec["gid"])
    os.setuid(spec["uid"])


def main() -> None:
    """Run the container's command, or the one given, in place of this process."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    command = sys.argv[2:] or spec["command"]
    enter(spec)
    os.umask(0o022)
    os.execvpe(command[0], command, spec["environment"])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
