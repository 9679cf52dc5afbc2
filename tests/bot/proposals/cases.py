"""Cases to decide, made by hand or by Hypothesis, and a forge that does what is decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from extcp_bot.checks.model import State
from extcp_bot.forge.model import (
    Comment,
    CommitState,
    CommitStatus,
    PullRequest,
    PullRequestState,
)
from extcp_bot.proposals import kinds
from extcp_bot.proposals.body import Draft, render
from extcp_bot.proposals.case import Case, Terms
from extcp_bot.proposals.commands import Order, Word
from extcp_bot.proposals.model import STATE_LABELS, WITHDRAWN, Evidence
from extcp_bot.proposals.seen import Branch, Seen
from extcp_bot.proposals.writes import Acknowledge, Close, Edit, Open, Push, Say, Status
from extcp_gitops.inventory.author import NewCluster

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extcp_bot.proposals.marker import Marker
    from extcp_bot.proposals.writes import Write

ME: Final = "mesh-bot"
NOW: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
BASE, OLD_BASE = "b" * 40, "a" * 40
COMMIT, OLD_COMMIT, THEIRS = "c" * 40, "d" * 40, "e" * 40
TERMS: Final = Terms("mesh1", "main", BASE, timedelta(hours=6))
PROPOSAL: Final = kinds.add_cluster(NewCluster("remote-cluster-3"), "external-istiod")
OTHER: Final = kinds.add_cluster(NewCluster("remote-cluster-3", "network2"), "external-istiod")


def evidence(verdict: State = State.HEALTHY, time: datetime = NOW, why: str = "x") -> Evidence:
    """Evidence with a verdict."""
    if verdict is State.HEALTHY:
        return Evidence(time, (), decided=verdict)
    return Evidence(time, (), obstacle=why, is_blind=verdict is State.UNKNOWN)


def body(marker: Marker) -> str:
    """A description that begins with a marker."""
    return render(Draft(PROPOSAL, evidence(), None), marker)


def marker(
    verdict: State = State.HEALTHY, head: str = COMMIT, age: timedelta = timedelta(0)
) -> Marker:
    """The marker that a pass leaves with this verdict, so long ago."""
    base = BASE if head == COMMIT else OLD_BASE
    made = Case(PROPOSAL, head, evidence(verdict, NOW - age), Seen(ME), TERMS)
    return made.marker(base, head)


def pull(
    its: Marker | None,
    state: PullRequestState = PullRequestState.OPEN,
    *,
    number: int = 1,
    author: str = ME,
    base: str = "main",
    labels: Iterable[str] = (),
) -> PullRequest:
    """A pull request from the branch of :data:`PROPOSAL`."""
    return PullRequest(
        number,
        state,
        PROPOSAL.branch,
        COMMIT,
        base,
        PROPOSAL.title,
        body(its) if its is not None else "Something that a person wrote.",
        frozenset(labels),
        author,
        "https://git.example.com/1",
        "f" * 40 if state is PullRequestState.MERGED else None,
        NOW - timedelta(days=1),
        NOW - timedelta(hours=1),
    )


def done(case: Case, writes: Iterable[Write]) -> Case:
    """What the forge and Git say once all writes have been carried out."""
    for write in writes:
        case = replace(case, seen=_done(case, write))
    return case


def _done(case: Case, write: Write) -> Seen:
    seen = case.seen
    match write:
        case Push():
            assert (seen.branch.sha if seen.branch else None) == write.expected
            return replace(seen, branch=Branch(write.commit, is_ours=True), status=None)
        case Open():
            assert not any(each.state is PullRequestState.OPEN for each in seen.pulls)
            number = len(seen.pulls) + 1
            new = pull(write.marker, number=number, base=write.base, labels=write.labels)
            return replace(seen, pulls=(new, *seen.pulls), remark=None, orders=())
        case Status():
            assert seen.branch is not None
            assert write.sha == seen.branch.sha
            return replace(seen, status=CommitStatus(write.state, write.description, NOW))
        case Say():
            return replace(seen, remark=Comment(7, ME, write.text, NOW))
        case Acknowledge():
            return replace(seen, orders=tuple(o for o in seen.orders if o != write.order))
        case Edit() | Close():
            edited = tuple(
                _edited(each, write) if each.number == write.number else each for each in seen.pulls
            )
            return replace(seen, pulls=edited)
        case _:
            raise AssertionError(write)


def _edited(one: PullRequest, write: Edit | Close) -> PullRequest:
    if isinstance(write, Close):
        assert one.state is PullRequestState.OPEN
        return replace(one, state=PullRequestState.CLOSED)
    labels = (one.labels | write.add) - write.remove
    text = one.body if write.marker is None else body(write.marker)
    return replace(one, labels=labels, body=text)


VERDICTS: Final = st.sampled_from(State)
_ORDERS: Final = st.lists(
    st.builds(
        Order,
        word=st.sampled_from(Word),
        code=st.sampled_from(["EXTCP-H05", "EXTCP-P01"]),
        comment=st.integers(1, 9),
        time=st.sampled_from([NOW - timedelta(minutes=5), NOW + timedelta(minutes=5)]),
    ),
    unique_by=lambda order: order.comment,
    max_size=3,
).map(tuple)
_MARKERS: Final = st.none() | st.builds(
    marker,
    VERDICTS,
    st.sampled_from([COMMIT, OLD_COMMIT]),
    st.sampled_from([timedelta(minutes=1), timedelta(hours=7)]),
)
_LABELS: Final = st.sets(st.sampled_from(sorted(STATE_LABELS | {WITHDRAWN, "mine"})), max_size=2)
_STATUSES: Final = st.none() | st.builds(
    CommitStatus,
    st.sampled_from(CommitState),
    st.sampled_from(["", "something"]),
    st.just(NOW),
)
_BRANCHES: Final = st.none() | st.builds(
    lambda sha, is_ours: Branch(sha, is_ours or sha == COMMIT),
    st.sampled_from([COMMIT, OLD_COMMIT, THEIRS]),
    st.booleans(),
)


@st.composite
def cases(draw: st.DrawFn, verdicts: st.SearchStrategy[State] = VERDICTS) -> Case:
    """Anything that a forge may say about the branch, with anything that may have been seen."""
    closed = draw(st.lists(st.sampled_from(PullRequestState), max_size=3))
    states = [each for each in closed if each is not PullRequestState.OPEN]
    if draw(st.booleans()):
        states.insert(0, PullRequestState.OPEN)
    pulls = tuple(
        pull(
            draw(_MARKERS),
            state,
            number=len(states) - index,
            author=draw(st.sampled_from([ME, ME, ME, "ada"])),
            base=draw(st.sampled_from(["main", "main", "other"])),
            labels=draw(_LABELS),
        )
        for index, state in enumerate(states)
    )
    merged = frozenset(draw(st.sets(st.sampled_from([each.number for each in pulls] or [0]))))
    branch = draw(_BRANCHES)
    seen = Seen(
        ME,
        pulls,
        branch,
        draw(_STATUSES) if branch is not None else None,
        None,
        draw(_ORDERS) if any(each.author == ME for each in pulls) else (),
        merged,
    )
    verdict = draw(verdicts)
    commit = draw(st.sampled_from([COMMIT, None])) if verdict is State.HEALTHY else None
    terms = replace(
        TERMS,
        may_open=draw(st.booleans()),
        has_room=draw(st.booleans()),
        offer_again=draw(st.booleans()),
    )
    proposal = draw(st.sampled_from([PROPOSAL, OTHER]))
    return Case(proposal, commit, evidence(verdict), seen, terms)
