"""What a decision about one proposal follows from, and what it is."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import State
from extcp_bot.forge.model import CommitState
from extcp_bot.proposals.marker import Marker

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from extcp_bot.forge.model import PullRequest
    from extcp_bot.proposals.model import Evidence, Proposal
    from extcp_bot.proposals.seen import Seen
    from extcp_bot.proposals.writes import Write

_STATES: Final = {
    State.HEALTHY: CommitState.SUCCESS,
    State.UNHEALTHY: CommitState.FAILURE,
    State.UNKNOWN: CommitState.PENDING,
}


class Standing(enum.StrEnum):
    """How a proposal stands; the dashboard says it in these words."""

    OPEN = "open"
    TO_OPEN = "to be opened"
    DECLINED = "declined"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
    WAITING = "waiting for the next pass"
    QUEUED = "waiting for another one"
    NEEDS_HUMAN = "needs a person"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Terms:
    """What else counts in a pass.

    Attributes:
        mesh: Mesh ID.
        base: Name of the branch to merge into.
        base_sha: Its newest commit, on which proposals are made.
        age: At which evidence is too old.
        may_open: Enough consecutive passes have said yes.
        has_room: One more may be open.
        offer_again: A person wants what was closed to be offered again.
        explain: Markdown about a check, by its code.
    """

    mesh: str
    base: str
    base_sha: str
    age: timedelta
    may_open: bool = True
    has_room: bool = True
    offer_again: bool = False
    explain: Callable[[str], str] = lambda code: code


@dataclass(frozen=True, slots=True)
class Case:
    """All that a decision follows from.

    Attributes:
        proposal: What would be proposed now.
        commit: The commit that does it on the newest base; None where none was made.
        evidence: What was seen.
        seen: What the forge and Git say.
        terms: What else counts.
    """

    proposal: Proposal
    commit: str | None
    evidence: Evidence
    seen: Seen
    terms: Terms

    @property
    def time(self) -> datetime:
        """When the clusters were looked at, to the second, as markers hold it."""
        return self.evidence.time.replace(microsecond=0)

    def marker(self, base: str, head: str) -> Marker:
        """For a body with this evidence."""
        proposal, evidence = self.proposal, self.evidence
        return Marker(
            self.terms.mesh,
            proposal.kind,
            proposal.name,
            proposal.inputs,
            proposal.by_hand,
            base,
            head,
            evidence.verdict,
            evidence.key,
            self.time,
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write, and how the proposal stands then.

    Attributes:
        standing: For the dashboard.
        writes: In their order; each leaves what the next pass can go on from.
        why: More about it, as one harmless line.
        pull: The pull request that it is about.
    """

    standing: Standing
    writes: tuple[Write, ...] = ()
    why: str = ""
    pull: PullRequest | None = None


def status_of(marker: Marker) -> tuple[CommitState, str]:
    """The commit status that goes with a marker."""
    when = f"{marker.proven:%Y-%m-%d %H:%M} UTC"
    words = {
        State.HEALTHY: f"the clusters were seen to be ready for this on {when}",
        State.UNHEALTHY: f"the clusters were not ready for this on {when}; see the description",
        State.UNKNOWN: f"nobody could look since {when}, and that is too long ago",
    }
    return _STATES[marker.verdict], words[marker.verdict]
