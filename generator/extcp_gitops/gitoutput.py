"""Take apart what Git's commands for programs print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_REGULAR = frozenset({"100644", "100664", "100755"})
_NAMED = 5


def regular_files(entries: Iterable[str]) -> dict[str, str]:
    """The object of each file that ``git ls-tree -r -z`` lists, by path.

    Raises:
        ExtcpError: EXTCP-G042 when a symbolic link or a submodule is among them.
    """
    objects: dict[str, str] = {}
    others: list[str] = []
    for entry in entries:
        facts, _, path = entry.partition("\t")
        mode, _, name = facts.split(" ")
        if mode in _REGULAR:
            objects[path] = name
        else:
            others.append(path)
    if others:
        shown = ", ".join(ascii(path) for path in others[:_NAMED])
        raise ExtcpError.of(
            "EXTCP-G042",
            f"{len(others)} of the committed files are symbolic links or submodules: {shown}",
            "replace each by a plain file; a link could lead out of the repository",
        )
    return objects


def blobs(answer: bytes, names: Sequence[str]) -> dict[str, bytes]:
    """The contents that ``git cat-file --batch`` answered for these objects, in their order.

    Raises:
        ExtcpError: EXTCP-G043 when Git does not have one of them.
    """
    contents = {}
    position = 0
    for name in names:
        end = answer.index(b"\n", position)
        size = answer[position:end].rpartition(b" ")[2]
        if not size.isdigit():
            raise ExtcpError.of(
                "EXTCP-G043",
                f"object {name} is missing from this repository",
                "git fsck tells more; in a partial clone: git fetch --refetch",
            )
        start = end + 1
        contents[name] = answer[start : start + int(size)]
        position = start + int(size) + 1
    return contents
