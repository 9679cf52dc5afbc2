"""Which paths may be written: relative, plain, confined, and the same on every file system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError, Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

STATE = ".extcp-gitops"
LOCK = f"{STATE}/lock"
JOURNAL = f"{STATE}/journal"

GENERATED_PLACES = (
    ".extcp-gitops",
    ".gitattributes",
    ".gitea/workflows",
    ".github/workflows",
    ".gitlab-ci.yml",
    "README.md",
    "argocd",
    "clusters",
    "istio",
)
"""Where generated files may be, and so the only places searched for those no longer wanted."""

_RENAME = "rename what the path was made from; use lower-case letters, digits, '-' and '.'"


def is_persons_directory(path: str) -> bool:
    """Whether this directory is a person's own: ``clusters/<name>/custom``, or a ``.git``."""
    match path.split("/"):
        case ["clusters", _, "custom"]:
            return True
        case parts:
            return parts[-1].lower() == ".git"


def is_generated_place(path: str) -> bool:
    """Whether a generated file may have this path."""
    if any(is_persons_directory(directory) for directory in parents(path)):
        return False
    return any(path == place or path.startswith(f"{place}/") for place in GENERATED_PLACES)


def parents(path: str) -> Iterator[str]:
    """The directories above a path, outermost first, without the root."""
    end = path.find("/")
    while end != -1:
        yield path[:end]
        end = path.find("/", end + 1)


def check(paths: Collection[str]) -> None:
    """Refuse paths that leave the repository, enter ``.git``, or differ between file systems.

    Raises:
        ExtcpError: EXTCP-W001, one finding for each unsafe path.
    """
    findings = [
        Finding("EXTCP-W001", f"unsafe path {path!a}: {reason}", _RENAME)
        for path in paths
        if (reason := _unsafe(path))
    ]
    if findings:
        raise ExtcpError(*findings)


def check_collisions(paths: Collection[str]) -> None:
    """Refuse paths that cannot all exist side by side, on a case-insensitive disk least of all.

    Raises:
        ExtcpError: EXTCP-W002, one finding for each path that collides with another.
    """
    findings = [
        Finding("EXTCP-W002", f"{problem}, and both are to be written", _RENAME, file=path)
        for path, problem in _collisions(paths)
    ]
    if findings:
        raise ExtcpError(*findings)


def _unsafe(path: str) -> str:
    """Why the path is refused; empty where it is fine."""
    # Printable ASCII alone: no control characters, and no two spellings of one name (NFC and NFD,
    # or characters that HFS+ ignores, which made ".g\u200cit" a way into .git).
    if not (path.isascii() and path.isprintable()) or "\\" in path:
        return "only printable ASCII without backslashes is written"
    parts = path.split("/")
    if not all(parts):
        return "it is empty, absolute, or has an empty part"
    if any(part in {".", ".."} for part in parts):
        return "it has a '.' or '..' part"
    # NTFS drops trailing dots and spaces, so ".git." would be .git there.
    if any(part.lower().rstrip(". ") == ".git" for part in parts):
        return "it enters a .git directory"
    return ""


def _collisions(paths: Collection[str]) -> Iterator[tuple[str, str]]:
    files = frozenset(paths)
    spelling: dict[str, str] = {}
    for path in sorted(files):
        for prefix in (*parents(path), path):
            first = spelling.setdefault(prefix.lower(), prefix)
            if first != prefix:
                yield path, f"{prefix} differs from {first} only in case"
            elif prefix in files and prefix != path:
                yield path, f"{prefix} would be a file and a directory"
