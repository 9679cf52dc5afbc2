"""What one pass does, in its order; what fails for one proposal fails for no other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

from extcp_bot import threads
from extcp_bot.forge.model import ForgeError, PullRequestState
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.proposals import commands, dashboard, subjects
from extcp_bot.proposals.apply import Hands
from extcp_bot.proposals.case import Standing, Terms
from extcp_bot.proposals.dashboard import Count, Row, State, View
from extcp_bot.proposals.decide import of_people, withdraw
from extcp_bot.proposals.following import UNSAID, Followed, Follower, branches
from extcp_bot.proposals.limits import Budget, LimitError, Meter
from extcp_bot.proposals.look import Reader
from extcp_bot.proposals.marker import Marker
from extcp_bot.proposals.model import DASHBOARD, Kind, branch_of
from extcp_bot.proposals.outcome import Outcome
from extcp_bot.proposals.settle import Settler
from extcp_bot.proposals.subjects import Found, Opened
from extcp_bot.reference import every_check
from extcp_bot.result import clean
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from extcp_bot.forge.model import Forge, PullRequest
    from extcp_bot.proposals.asked import Asked
    from extcp_bot.proposals.clusters import Clusters
    from extcp_bot.proposals.model import Evidence, Proposal
    from extcp_bot.proposals.policy import Policy
    from extcp_bot.proposals.settle import Settled, Subject
    from extcp_bot.proposals.workspace import Workspace
    from extcp_bot.service.gate import Gate

T = TypeVar("T")
_WITHDRAW: Final = "withdraw "
_LIMIT: Final = "there were as many writes in the last hour as bot.yaml allows; the rest waits"
_KINDS: Final = {
    Kind.ADD_CLUSTER: "addition",
    Kind.REMOVE_CLUSTER: "removal",
    Kind.REVERT: "revert",
    Kind.PIN_ROOT: "pinned root",
    Kind.CREDENTIAL: "credential",
}
_MOST_REASONS: Final = 3


class _StopError(Exception):
    """Nothing more can be done in this pass."""


@dataclass
class OnePass:
    """A pass under way.

    Attributes:
        forge: Of the mesh's repository.
        workspace: The clone of the base.
        clusters: Of the mesh.
        policy: From ``bot.yaml``.
        gate: Asked before each write.
        dry_run: Write nothing.
        asked: What a person proposes by hand; None for all that is to be done.
        say: Told each write.
        meter: Of the process.
    """

    forge: Forge
    workspace: Workspace
    clusters: Clusters
    policy: Policy
    gate: Gate
    dry_run: bool
    asked: Asked | None
    say: Callable[[str], None]
    meter: Meter
    _rows: list[Row] = field(default_factory=list, init=False)
    _troubles: list[str] = field(default_factory=list, init=False)
    _counts: dict[str, Count] = field(default_factory=dict, init=False)
    _growing: set[str] = field(default_factory=set, init=False)
    _retry_after: float = field(default=0.0, init=False)

    async def carry_out(self) -> Outcome:
        """All of it.

        Raises:
            ForgeError: The forge cannot be asked at all.
            ExtcpError: The repository is not in order, or what a person asks for is not possible.
            ClosedError: This process may not act any more.
        """
        me = await self.forge.me()
        opened = [*self._opened(await self.forge.open_pull_requests(), me)]
        self._growing = {e.pull.head for e in opened if e.marker.kind is Kind.ADD_CLUSTER}
        pulls = [each.pull for each in opened]
        most, now = self.policy.writes_per_hour, self.clusters.fleet.now()
        meter = Meter() if self.dry_run else self.meter
        budget = Budget.of(most, pulls, meter, now)
        reader = Reader(self.forge, self.workspace, me)
        hands = Hands(self.forge, self.workspace, self.gate, budget, self.dry_run, self.say)
        found = Found()
        try:
            if self.asked is not None:
                found = await subjects.by_hand(self.clusters, self.asked, self.policy.passes)
                await self._settle(found.subjects.values(), reader, hands, State())
            else:
                found = await self._all(reader, hands, opened)
        except _StopError:
            pass
        report = await self.clusters.report() if self.asked is None else None
        return Outcome(
            self.clusters.inventory,
            report,
            self._rows,
            hands.writes,
            [*self._troubles, *found.troubles],
            found.warnings,
            found.candidates,
            self.dry_run,
            self._retry_after,
        )

    def _opened(self, pulls: Iterable[PullRequest], me: str) -> Iterator[Opened]:
        mesh = self.clusters.inventory.mesh.mesh_id
        for pull in pulls:
            marker = Marker.of(pull.body) if pull.author == me else None
            if marker is None or marker.mesh != mesh:
                continue
            if pull.head == branch_of(marker.kind, marker.name):
                yield Opened(pull, marker)

    async def _all(self, reader: Reader, hands: Hands, opened: list[Opened]) -> Found:
        mesh = self.clusters.inventory.mesh.mesh_id
        issues = dashboard.find(await self.forge.issues(DASHBOARD), reader.me, mesh)
        board = issues[0] if issues else None
        before = dashboard.state(board)
        followed, given = await self._follow(reader, hands, before)
        following = {each.branch for each in followed if not each.is_over}
        self._growing |= {each.branch for each in followed if each.is_growing}
        found = await subjects.of_pass(self.clusters, opened, given, following)
        offered = dashboard.ticked(board)
        chosen = [
            replace(each, offer_again=each.proposal.branch in offered)
            for each in found.subjects.values()
        ]
        await self._settle(chosen, reader, hands, before)
        for each, why in found.to_withdraw:
            await self._withdraw(each, why, reader, hands, before)
        left = State(self.workspace.base, self._counts, frozenset(following))
        view = View(mesh, self._rows, await self.clusters.report(), found.warnings)
        await self._tried("dashboard", hands.carry_out(dashboard.writes(issues, view, left)))
        return found

    # What has been merged

    async def _follow(
        self, reader: Reader, hands: Hands, before: State
    ) -> tuple[list[Followed], list[tuple[Proposal, Evidence]]]:
        touched = await threads.run(self.workspace.touched_since, before.base)
        follower = Follower(reader, hands, self.clusters, self.workspace, self.policy, _explain)
        followed: list[Followed] = []
        given: list[tuple[Proposal, Evidence]] = []
        for branch in branches(before, touched, self.clusters.inventory):
            one = await self._tried(branch, follower.follow(branch))
            if one is None:  # to be followed by the next pass
                followed.append(Followed(branch, trouble="could not be followed"))
                continue
            followed.append(one)
            if not one.is_over:
                self._rows.append(_row_of_followed(one))
            if revert := await self._tried(branch, follower.failed(one)):
                given.append(revert)
            if document := await self._tried(branch, follower.document(one)):
                given.append(document)
        return followed, given

    # What is proposed

    @property
    def _terms(self) -> Terms:
        mesh = self.clusters.inventory.mesh
        age, base = self.policy.evidence_age, self.workspace.base
        return Terms(mesh.mesh_id, mesh.repository.branch, base, age, explain=_explain)

    async def _settle(
        self, chosen: Iterable[Subject], reader: Reader, hands: Hands, before: State
    ) -> None:
        how = (self._terms, self.policy.passes)
        settler = Settler(reader, hands, self.clusters, self.workspace, *how)
        for subject in sorted(chosen, key=lambda each: each.proposal.branch):
            branch = subject.proposal.branch
            count = before.counts.get(branch)
            one = replace(subject, before=count, has_room=self._room(subject))
            settled = await self._tried(branch, settler.settle(one))
            if settled is None:
                if count is not None:  # nothing is known, so nothing is forgotten
                    self._counts[branch] = count
                self._rows.append(_row(subject, Standing.UNKNOWN, self._troubles[-1], "trouble"))
                continue
            self._note(subject, settled)

    def _room(self, subject: Subject) -> Callable[[], bool]:
        """Whether a proposal may open, by the limit of those that grow the mesh."""
        if subject.proposal.kind is not Kind.ADD_CLUSTER:
            return lambda: True
        branch, most = subject.proposal.branch, self.policy.max_open
        return lambda: branch in self._growing or len(self._growing) < most

    def _note(self, subject: Subject, settled: Settled) -> None:
        proposal, decision, evidence = subject.proposal, settled.decision, settled.evidence
        if proposal.kind is Kind.ADD_CLUSTER:
            if decision.standing in {Standing.TO_OPEN, Standing.OPEN}:
                self._growing.add(proposal.branch)
            elif decision.standing is Standing.DECLINED:
                self._growing.discard(proposal.branch)
        waits = decision.standing in {Standing.WAITING, Standing.QUEUED}
        if waits and settled.count:
            self._counts[proposal.branch] = Count(proposal.inputs_hash, settled.count)
        why, key = decision.why, evidence.key if evidence is not None else ""
        if evidence is not None and evidence.in_the_way and not evidence.obstacle:
            why = _reasons(evidence)
        if decision.standing is Standing.WAITING:
            why = key = f"{settled.count} of {self.policy.passes} healthy passes"
        number = decision.pull.number if decision.pull is not None else 0
        self._rows.append(_row(subject, decision.standing, why, key, number))

    async def _withdraw(
        self, opened: Opened, why: str, reader: Reader, hands: Hands, before: State
    ) -> None:
        """Close what has nothing to propose any more, once enough passes have said so.

        What a person has taken over stays open, and so does what the forge has yet to call merged.
        """
        branch = opened.pull.head
        key = f"{_WITHDRAW}{branch}"
        count = before.counts.get(key)
        number = min((count.number if count else 0) + 1, self.policy.passes)
        seen = await self._tried(branch, reader.seen(branch, is_deep=False))
        if seen is None:
            if count is not None:  # nothing is known, so nothing is forgotten
                self._counts[key] = count
            return
        pull = seen.own
        if pull is None or pull.state is not PullRequestState.OPEN:  # decided since this pass began
            return
        # It may have been followed so far: how it stands is said here alone.
        self._rows = [row for row in self._rows if row.branch != branch]
        if pull.number in seen.merged:
            self._rows.append(_row_of_opened(opened, Standing.MERGED, UNSAID))
            return
        theirs = of_people(seen, pull, self._terms, may_override=True)
        if theirs is not None:
            await self._tried(branch, hands.carry_out(theirs.writes))
            if theirs.standing is Standing.NEEDS_HUMAN:
                self._counts[key] = Count("", number)
                words = f"{why} {theirs.why}"
                self._rows.append(_row_of_opened(opened, theirs.standing, words))
        elif number >= self.policy.passes:
            closing = hands.carry_out(withdraw(seen, pull, why, self._terms))
            await self._tried(branch, closing)
        else:
            self._counts[key] = Count("", number)
            self._rows.append(_row_of_opened(opened, Standing.WAITING, why))

    async def _tried(self, what: str, work: Awaitable[T]) -> T | None:
        """What some work gives; what is in its way is told, and is in the way of nothing else.

        Raises:
            _StopError: It is in the way of all there is.
        """
        try:
            return await work
        except LimitError:
            self._troubles.append(_LIMIT)
            raise _StopError from None
        except ForgeError as error:
            self._troubles.append(clean(f"{what}: {error.why}; {error.remedy}"))
            if error.retry_after is not None:
                self._retry_after = error.retry_after
                raise _StopError from None
        except ExtcpError as error:
            said = "; ".join(f"{each}; {each.remedy}" for each in error.findings)
            self._troubles.append(clean(f"{what}: {said}"))
        except CannotLookError as error:
            said = f"{what}: {error.looked_at}: {error.why}; {error.remedy}"
            self._troubles.append(clean(said))
        return None


def _row(subject: Subject, standing: Standing, why: str, key: str, number: int = 0) -> Row:
    proposal = subject.proposal
    kind = _KINDS[proposal.kind]
    return Row(proposal.name, kind, proposal.branch, standing, why, key, number)


def _row_of_opened(one: Opened, standing: Standing, why: str) -> Row:
    marker = one.marker
    kind = _KINDS[marker.kind]
    return Row(marker.name, kind, one.pull.head, standing, why, why, one.pull.number)


def _row_of_followed(one: Followed) -> Row:
    number = one.pull.number if one.pull is not None else 0
    standing = Standing.UNKNOWN if one.trouble else Standing.MERGED
    words = one.trouble or one.words
    return Row(one.name, _KINDS[one.kind], one.branch, standing, words, one.key, number)


def _explain(code: str) -> str:
    return commands.explain(code, every_check())


def _reasons(evidence: Evidence) -> str:
    found = evidence.in_the_way
    words = [f"{each.code} {each.check} on {each.cluster}: {each.found}" for each in found]
    more = f"; and {len(words) - _MOST_REASONS} more" if words[_MOST_REASONS:] else ""
    return clean("; ".join(words[:_MOST_REASONS]) + more)
