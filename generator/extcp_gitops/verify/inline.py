"""The working tree is what the inventory says: nothing is missing, stale or edited by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_gitops import generate
from extcp_gitops.errors import CouldNotTellError, ExtcpError, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_gitops.write import Changes

_SHOWN: Final = 20
_REMEDY = "run 'extcp-gitops generate', review, and commit"


def check(root: Path, options: generate.Options) -> tuple[list[Finding], list[Finding]]:
    """Compare the generated files with what the inventory makes of them.

    Args:
        root: The repository; its inventory is valid.
        options: For rendering.

    Returns:
        Findings; and findings about what could not be told, because a tool is missing.
    """
    try:
        outcome = generate.pending(root, options)
    except CouldNotTellError as error:
        return [], list(error.findings)
    except ExtcpError as error:
        return list(error.findings), []
    return list(_differences(outcome.changes)), []


def _differences(changes: Changes) -> Iterator[Finding]:
    words = {
        **dict.fromkeys(changes.added, "is missing: the inventory asks for it"),
        **dict.fromkeys(changes.modified, "is not what the inventory makes of it"),
        **dict.fromkeys(changes.deleted, "does not follow from the inventory any more"),
    }
    for path in list(words)[:_SHOWN]:
        yield Finding("EXTCP-V001", words[path], _REMEDY, path)
    if len(words) > _SHOWN:
        message = f"{len(words) - _SHOWN} more files are not in line with the inventory"
        yield Finding("EXTCP-V001", message, _REMEDY)
