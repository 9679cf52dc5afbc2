"""Brings a proposal to where it should stand: look, decide, write, and look again where unsure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from extcp_bot import threads
from extcp_bot.checks.model import State
from extcp_bot.forge.model import ForgeError
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.proposals import body
from extcp_bot.proposals.body import Draft
from extcp_bot.proposals.case import Case, Decision, Standing, Terms
from extcp_bot.proposals.clusters import blind
from extcp_bot.proposals.commands import Word
from extcp_bot.proposals.decide import decide
from extcp_bot.proposals.model import Evidence
from extcp_bot.proposals.writes import Open
from extcp_bot.result import clean
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from extcp_bot.proposals.apply import Hands
    from extcp_bot.proposals.clusters import Clusters
    from extcp_bot.proposals.dashboard import Count
    from extcp_bot.proposals.look import Reader
    from extcp_bot.proposals.marker import Marker
    from extcp_bot.proposals.model import Proposal
    from extcp_bot.proposals.seen import Seen
    from extcp_bot.proposals.workspace import Made, Workspace

_ATTEMPTS: Final = 3
_CONFLICT: Final = 409
_UNKNOWN_END: Final = 500
_UNSURE: Final = frozenset({"EXTCP-G034", "EXTCP-G035", "EXTCP-G040"})
"""Of Git: no answer, another commit there by now, a commit that is gone by now."""
_FINAL: Final = frozenset({Standing.DECLINED, Standing.MERGED})


@dataclass(frozen=True)
class Subject:
    """A proposal to be settled.

    Attributes:
        proposal: What would be proposed now.
        gather: Looks at the clusters for it; raises CannotLookError.
        offer_again: A person asks for what was closed.
        before: Consecutive passes that said yes before this one.
        looks: How many times to look in this pass, for what a person asks for now.
        has_room: Whether one more may be open.
    """

    proposal: Proposal
    gather: Callable[[], Awaitable[Evidence]]
    offer_again: bool = False
    before: Count | None = None
    looks: int = 1
    has_room: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a proposal.

    Attributes:
        decision: The last one.
        evidence: What it followed from; None where it did not need any.
        count: Consecutive passes that said yes, with this one.
    """

    decision: Decision
    evidence: Evidence | None
    count: int


@dataclass
class Settler:
    """Settles proposals, one after another.

    Attributes:
        reader: Looks.
        hands: Write.
        clusters: Of the mesh.
        workspace: Makes commits.
        terms: What counts for all of them.
        passes: Consecutive passes that have to say yes.
    """

    reader: Reader
    hands: Hands
    clusters: Clusters
    workspace: Workspace
    terms: Terms
    passes: int
    _made: dict[str, Made] = field(default_factory=dict)

    async def settle(self, subject: Subject) -> Settled:
        """Settle one.

        Raises:
            ForgeError: The forge cannot be asked, or did not do what was asked for.
            ExtcpError: Git likewise.
            LimitError: There were too many writes in this hour.
            ClosedError: This process may not act any more.
        """
        evidence: Evidence | None = None
        for attempt in range(_ATTEMPTS):
            seen = await self.reader.seen(subject.proposal.branch, is_deep=False)
            early = self._early(subject, seen)
            if early is None:
                evidence = evidence or await self._gathered(subject)
                settled, made = await self._decided(subject, evidence, seen)
            else:
                settled, made = Settled(early, None, 0), None
            is_last = attempt == _ATTEMPTS - 1
            try:
                await self._carry_out(subject, settled, made)
            except (ForgeError, ExtcpError) as error:
                if is_last or not _is_unsure(error):
                    raise
            else:
                has_opened = any(isinstance(each, Open) for each in settled.decision.writes)
                if is_last or not has_opened or self.hands.dry_run:
                    return settled
        raise AssertionError("the last attempt returns or raises")

    def _early(self, subject: Subject, seen: Seen) -> Decision | None:
        """The decision where no look at the clusters would change it."""
        nothing = Evidence(self.clusters.fleet.now(), (), obstacle="not looked at", is_blind=True)
        terms = replace(self.terms, offer_again=subject.offer_again)
        decision = decide(Case(subject.proposal, None, nothing, seen, terms))
        is_taken = decision.standing is Standing.NEEDS_HUMAN
        overrides = any(each.word is Word.REBASE for each in seen.orders)
        is_final = decision.standing in _FINAL or (is_taken and not overrides)
        return decision if is_final else None

    async def _gathered(self, subject: Subject) -> Evidence:
        try:
            return await subject.gather()
        except CannotLookError as error:
            return blind(self.clusters, error)

    async def _decided(
        self, subject: Subject, evidence: Evidence, seen: Seen
    ) -> tuple[Settled, Made | None]:
        proposal = subject.proposal
        is_yes = evidence.verdict is State.HEALTHY
        known = subject.before
        before = known.number if known and known.inputs == proposal.inputs_hash else 0
        count = min(before + subject.looks, self.passes) if is_yes else 0
        own = seen.own
        is_open = own is not None and own.state == "open"
        has_room = is_open or subject.has_room()
        made: Made | None = None
        if is_yes and (is_open or (has_room and count >= self.passes)):
            made, evidence = await self._make(proposal, evidence)
            if not is_open:
                seen = await self.reader.seen(proposal.branch, is_deep=True)
        terms = replace(
            self.terms,
            may_open=count >= self.passes,
            has_room=has_room,
            offer_again=subject.offer_again,
        )
        commit = made.commit if made is not None else None
        decision = decide(Case(proposal, commit, evidence, seen, terms))
        return Settled(decision, evidence, count), made

    async def _make(self, proposal: Proposal, evidence: Evidence) -> tuple[Made | None, Evidence]:
        """The commit; where the generator refuses, that is what speaks against the proposal."""
        key = f"{proposal.branch} {proposal.inputs_hash}"
        try:
            if key not in self._made:
                self._made[key] = await threads.run(self.workspace.make, proposal)
        except ExtcpError as error:
            return None, replace(evidence, obstacle=clean(str(error)))
        return self._made[key], evidence

    async def _carry_out(self, subject: Subject, settled: Settled, made: Made | None) -> None:
        async def compose(marker: Marker) -> str:
            evidence = settled.evidence
            if evidence is None:
                raise ValueError("a body has evidence in it")
            diff, why = None, "the commit was not made anew"
            if made is not None and made.commit == marker.head:
                diff, why = await threads.run(made.diff)
            draft = Draft(subject.proposal, evidence, diff, why)
            return await threads.run(body.render, draft, marker)

        await self.hands.carry_out(settled.decision.writes, made, compose)


def _is_unsure(error: ForgeError | ExtcpError) -> bool:
    """Whether a new look may show that it was done after all, or by somebody else."""
    if isinstance(error, ExtcpError):
        return any(each.code in _UNSURE for each in error.findings)
    if error.retry_after is not None:
        return False
    return error.status in {0, _CONFLICT} or error.status >= _UNKNOWN_END
