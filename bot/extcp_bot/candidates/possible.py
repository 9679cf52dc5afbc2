"""Whether the inventory takes a candidate: the generator's own rules, asked beforehand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from extcp_gitops.errors import ExtcpError, Severity
from extcp_gitops.inventory import author, rules, schema, shape
from extcp_gitops.inventory.load import load, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.candidates.model import Candidate
    from extcp_gitops.errors import Finding

_NO_SECRET_POSSIBLE: Final = "EXTCP-I043"  # noqa: S105 - a code
"""A warning to whoever writes an inventory; for a cluster that is to join, the end of it."""


class Rules:
    """The rules of one repository, for however many candidates.

    Args:
        root: The repository.

    Raises:
        ExtcpError: Its inventory is not in order.
    """

    def __init__(self, root: Path) -> None:
        self._files = read(root)
        self._loaded = load(self._files)

    def findings(self, candidate: Candidate) -> list[Finding]:
        """Why the candidate's file could not be added; none where it could."""
        try:
            files = author.add_cluster(self._files, candidate.cluster, candidate.control_plane)
        except ExtcpError as error:
            return list(error.findings)
        return [each for path, raw in files.items() for each in self._of(candidate, path, raw)]

    def _of(self, candidate: Candidate, path: str, raw: bytes) -> Iterator[Finding]:
        from extcp_gitops.yamlio.load import parse  # noqa: PLC0415 - yaml when needed

        document = parse(raw, path)
        found = list(shape.check(document, schema.CLUSTER))
        yield from found
        if found:
            return
        inventory = self._loaded.inventory
        clusters = (*inventory.clusters, candidate.as_cluster)
        documents = {**self._loaded.documents, path: document}
        for finding in rules.check(replace(inventory, clusters=clusters), documents):
            is_its_own = finding.file == path
            is_error = finding.severity is Severity.ERROR
            if is_its_own and (is_error or finding.code == _NO_SECRET_POSSIBLE):
                yield finding
