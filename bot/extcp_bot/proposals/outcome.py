"""What a pass came to, for whoever started it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extcp_bot.proposals.case import Standing
from extcp_bot.proposals.writes import as_json
from extcp_gitops.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extcp_bot.proposals.dashboard import Row
    from extcp_bot.proposals.writes import Write
    from extcp_bot.result import Report
    from extcp_gitops.inventory.model import Inventory


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass came to.

    Attributes:
        inventory: Of the base.
        report: On the fleet; None where it was not looked at.
        rows: How each proposal stands.
        writes: What was written to Git, the forge and clusters, or would be.
        troubles: What could not be done, each as one harmless line.
        warnings: What a person has to know; harmless.
        candidates: How many clusters could join.
        dry_run: Nothing was written.
        retry_after: Seconds for which the forge wants to be left alone.
    """

    inventory: Inventory
    report: Report | None
    rows: Sequence[Row]
    writes: Sequence[Write]
    troubles: Sequence[str]
    warnings: Sequence[str]
    candidates: int
    dry_run: bool
    retry_after: float = 0.0

    @property
    def exit_code(self) -> ExitCode:
        """4 where a dry run found writes, else 5 where something could not be told or done."""
        if self.dry_run and self.writes:
            return ExitCode.CHANGES_PENDING
        unknown = any(row.standing is Standing.UNKNOWN for row in self.rows)
        return ExitCode.COULD_NOT_TELL if self.troubles or unknown else ExitCode.OK

    @property
    def open(self) -> Mapping[str, int]:
        """How many pull requests are open, by what they do."""
        return Counter(row.kind for row in self.rows if row.standing is Standing.OPEN)

    def as_json(self) -> dict[str, Any]:
        """The outcome for ``--output json``.

        Keys:
            mesh: Mesh ID.
            dryRun: Whether nothing was written.
            writes: In their order: ``write``, its name, and ``what``, in words.
            proposals: ``name``, ``kind``, ``branch``, ``standing``, ``why``, ``pullRequest`` (its
                number, or null).
            warnings, troubles: Lines.
            retryAfter: Seconds, or null.
        """
        return {
            "mesh": self.inventory.mesh.mesh_id,
            "dryRun": self.dry_run,
            "writes": [as_json(write) for write in self.writes],
            "proposals": [
                {
                    "name": row.name,
                    "kind": row.kind,
                    "branch": row.branch,
                    "standing": row.standing.value,
                    "why": row.why,
                    "pullRequest": row.number or None,
                }
                for row in self.rows
            ],
            "warnings": [*self.warnings],
            "troubles": [*self.troubles],
            "retryAfter": self.retry_after or None,
        }
