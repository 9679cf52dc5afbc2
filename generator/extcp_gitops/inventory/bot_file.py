"""What is wrong with ``bot.yaml``; the bot asks before it reads the file, ``validate`` as well.

Codes ``EXTCP-B001`` to ``EXTCP-B005`` say of it what ``EXTCP-I001`` to ``EXTCP-I005`` say of the
inventory.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError, Finding
from extcp_gitops.inventory import shape
from extcp_gitops.inventory.bot_schema import BOT, BOT_FILE
from extcp_gitops.inventory.load import MAX_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_gitops.inventory.model import Inventory
    from extcp_gitops.yamlio.load import Document


def read(root: Path, inventory: Inventory) -> Document | None:
    """``bot.yaml``, of the right shape; None where there is none.

    Args:
        root: The repository.
        inventory: Of it.

    Raises:
        ExtcpError: With every problem of the file: EXTCP-B001 to EXTCP-B005 for its shape,
            EXTCP-B006 for a cluster that the mesh does not have, EXTCP-B007 for two ways to
            one thing, EXTCP-B008 where it cannot be read, EXTCP-Ynnn where it is no YAML.
    """
    raw = _content(root / BOT_FILE)
    if raw is None:
        return None
    from extcp_gitops.yamlio.load import parse  # noqa: PLC0415 - yaml is loaded when needed

    document = parse(raw, BOT_FILE)
    findings = [
        replace(finding, code=finding.code.replace("EXTCP-I", "EXTCP-B"))
        for finding in shape.check(document, BOT)
    ] or list(_disagreements(document, inventory))
    if findings:
        raise ExtcpError(*findings)
    return document


def check(root: Path, inventory: Inventory) -> tuple[Finding, ...]:
    """What ``read`` raises, as findings; none where there is nothing wrong, or no such file."""
    try:
        read(root, inventory)
    except ExtcpError as error:
        return error.findings
    return ()


def _content(path: Path) -> bytes | None:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        what = "is not a regular file"
        remedy = "replace it with a file of this repository"
        raise ExtcpError.of("EXTCP-B008", what, remedy, BOT_FILE)
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ExtcpError.of("EXTCP-B008", what, "mend its permissions", BOT_FILE) from error


def _disagreements(document: Document, inventory: Inventory) -> Iterator[Finding]:
    for name in document.data.get("contexts", {}):
        if name not in inventory.by_name:
            close = difflib.get_close_matches(name, inventory.by_name, n=1)
            remedy = f"did you mean '{close[0]}'?" if close else "see 'extcp-gitops cluster list'"
            message = f"there is no cluster '{name}'"
            mark = document.key_mark("contexts", name)
            yield Finding("EXTCP-B006", message, remedy, BOT_FILE, *mark)
    argocd = document.data.get("argocd", {})
    if "context" in argocd and argocd.get("inCluster"):
        message = "argocd has both a context and inCluster"
        mark = document.key_mark("argocd", "inCluster")
        yield Finding("EXTCP-B007", message, "leave one of the two out", BOT_FILE, *mark)
    if len(document.data.get("credentials", {})) > 1:
        message = "credentials has both externalSecret and sealedSecret"
        mark = document.key_mark("credentials", "sealedSecret")
        yield Finding("EXTCP-B007", message, "leave one of the two out", BOT_FILE, *mark)
