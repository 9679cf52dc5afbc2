from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.checks.model import State
from extcp_bot.forge.model import Comment, CommitState, CommitStatus, PullRequestState
from extcp_bot.proposals import comment
from extcp_bot.proposals.case import Case, Standing, status_of
from extcp_bot.proposals.commands import Order, Word
from extcp_bot.proposals.decide import decide, of_people, withdraw
from extcp_bot.proposals.marker import Marker
from extcp_bot.proposals.model import BLOCKED, HEALTHY, NEEDS_HUMAN, WITHDRAWN
from extcp_bot.proposals.seen import Branch, Seen
from extcp_bot.proposals.writes import Acknowledge, Close, Edit, Open, Push, Say, Status
from tests.bot.proposals import cases
from tests.bot.proposals.cases import COMMIT, ME, NOW, OLD_COMMIT, PROPOSAL, TERMS, THEIRS

if TYPE_CHECKING:
    from extcp_bot.proposals.seen import Seen as _Seen

OPEN, MERGED, CLOSED = PullRequestState
UNKNOWN = st.just(State.UNKNOWN)


def case(seen: _Seen, verdict: State = State.HEALTHY, commit: str | None = COMMIT) -> Case:
    made = commit if verdict is State.HEALTHY else None
    return Case(PROPOSAL, made, cases.evidence(verdict), seen, TERMS)


def settled(verdict: State = State.HEALTHY) -> Seen:
    """An open pull request with which all is well."""
    its = cases.marker(verdict, age=timedelta(minutes=1))
    state, words = status_of(its)
    label = HEALTHY if verdict is State.HEALTHY else BLOCKED
    return Seen(
        ME,
        (cases.pull(its, labels={label}),),
        Branch(COMMIT, is_ours=True),
        CommitStatus(state, words, NOW),
    )


# Laws


@given(cases.cases())
def test_what_was_decided_and_done_leaves_nothing_to_decide(one: Case) -> None:
    for _ in range(4):
        decision = decide(one)
        one = cases.done(one, decision.writes)
        if not decision.writes:
            return
    assert not decide(one).writes


@given(cases.cases())
def test_after_any_part_of_it_the_end_is_the_same(one: Case) -> None:
    writes = decide(one).writes
    ends = []
    for number in range(len(writes) + 1):
        part = cases.done(one, writes[:number])
        for _ in range(4):
            part = cases.done(part, decide(part).writes)
        ends.append(part.seen)
    assert all(end == ends[0] for end in ends)


@given(cases.cases(UNKNOWN))
def test_unknown_opens_pushes_and_offers_nothing(one: Case) -> None:
    ignored = any(each.word is Word.IGNORE for each in one.seen.orders)
    for write in decide(one).writes:
        assert not isinstance(write, Push | Open)
        assert not isinstance(write, Close) or ignored
        if isinstance(write, Edit) and write.marker is not None:
            assert write.marker.verdict is State.UNKNOWN
        if isinstance(write, Status):
            assert write.state is not CommitState.SUCCESS or _known(one)


def _known(one: Case) -> bool:
    """Whether the body already says so, and only the status was lost."""
    own = one.seen.own
    before = Marker.of(own.body) if own is not None else None
    return before is not None and before.verdict is State.HEALTHY


@given(cases.cases())
def test_commits_of_others_are_never_pushed_over_without_being_asked(one: Case) -> None:
    branch = one.seen.branch
    overrides = any(each.word is Word.REBASE for each in one.seen.orders)
    if branch is not None and not branch.is_ours and not overrides:
        assert not any(isinstance(write, Push) for write in decide(one).writes)


@given(cases.cases())
def test_nothing_but_what_is_healthy_is_proposed(one: Case) -> None:
    for write in decide(one).writes:
        if isinstance(write, Push | Open):
            assert one.evidence.verdict is State.HEALTHY
            assert one.commit is not None


# Rules


def test_a_healthy_candidate_is_proposed_in_this_order() -> None:
    found = decide(case(Seen(ME)))
    assert found.standing is Standing.TO_OPEN
    assert [type(write) for write in found.writes] == [Push, Open, Status]


@pytest.mark.parametrize("verdict", [State.HEALTHY, State.UNHEALTHY])
def test_nothing_new_is_worth_no_write(verdict: State) -> None:
    found = decide(case(settled(verdict), verdict))
    assert (found.standing, found.writes) == (Standing.OPEN, ())


def test_killed_after_the_push_and_blind_it_writes_nothing() -> None:
    seen = replace(settled(), branch=Branch(OLD_COMMIT, is_ours=True), status=None)
    assert not decide(case(seen, State.UNKNOWN)).writes


def test_a_pull_request_of_somebody_else_is_left_alone() -> None:
    seen = replace(settled(), pulls=(cases.pull(None, author="ada"),))
    assert decide(case(seen)).standing is Standing.NEEDS_HUMAN
    assert not decide(case(seen)).writes


def test_another_base_chosen_by_a_person_is_left_alone() -> None:
    its = cases.marker()
    seen = replace(settled(), pulls=(cases.pull(its, base="other", labels={HEALTHY}),))
    found = decide(case(seen))
    assert found.standing is Standing.NEEDS_HUMAN
    labels, said = found.writes
    assert labels == Edit(1, None, frozenset({NEEDS_HUMAN}), frozenset({HEALTHY}))
    assert isinstance(said, Say)


def test_a_marker_of_somebody_else_does_not_count() -> None:
    forged = cases.pull(cases.marker(), CLOSED, author="mallory")
    assert decide(case(Seen(ME, (forged,)))).standing is Standing.TO_OPEN


@pytest.mark.parametrize(
    ("state", "labels", "expected"),
    [
        (CLOSED, set(), Standing.DECLINED),
        (CLOSED, {WITHDRAWN}, Standing.TO_OPEN),
        (MERGED, set(), Standing.DECLINED),
    ],
)
def test_what_was_decided_by_a_person_stands(
    state: PullRequestState, labels: set[str], expected: Standing
) -> None:
    old = cases.pull(cases.marker(), state, labels=labels)
    seen = Seen(ME, (old,), merged=frozenset({1}))
    assert decide(case(seen)).standing is expected
    again = replace(case(seen), terms=replace(TERMS, offer_again=True))
    assert decide(again).standing is Standing.TO_OPEN
    other = replace(case(seen), proposal=cases.OTHER)
    assert decide(other).standing is Standing.TO_OPEN


def test_what_is_merged_and_not_in_the_base_that_is_looked_at_is_not_offered_again() -> None:
    seen = Seen(ME, (cases.pull(cases.marker(), MERGED),))
    one = replace(case(seen), terms=replace(TERMS, offer_again=True))
    found = decide(one)
    assert (found.standing, found.writes) == (Standing.MERGED, ())


def test_a_body_without_its_marker_is_written_anew() -> None:
    seen = replace(settled(), pulls=(cases.pull(None, labels={HEALTHY}),))
    (edit, _) = decide(case(seen)).writes
    assert isinstance(edit, Edit)
    assert edit.marker == case(seen).marker(TERMS.base_sha, COMMIT)


def test_a_command_waits_for_a_look_that_came_after_it() -> None:
    order = Order(Word.RECHECK, "", 5, NOW + timedelta(minutes=1))
    early = decide(case(replace(settled(), orders=(order,))))
    assert not any(isinstance(write, Acknowledge) for write in early.writes)
    order = replace(order, time=NOW - timedelta(seconds=1))
    late = decide(case(replace(settled(), orders=(order,))))
    assert late.writes[-1] == Acknowledge(settled().pulls[0], order)
    blind = decide(case(replace(settled(), orders=(order,)), State.UNKNOWN))
    assert not blind.writes


def test_rebase_throws_commits_away_only_where_all_is_healthy() -> None:
    order = Order(Word.REBASE, "", 5, NOW - timedelta(seconds=1))
    seen = replace(settled(), branch=Branch(THEIRS, is_ours=False), orders=(order,), status=None)
    push = decide(case(seen)).writes[0]
    assert push == Push(PROPOSAL.branch, COMMIT, THEIRS)
    found = decide(case(seen, State.UNHEALTHY))
    assert found.standing is Standing.NEEDS_HUMAN
    assert found.why.endswith("comment /extcp rebase.")  # which the dashboard shows as code


def test_a_branch_that_is_left_over_is_used_again() -> None:
    seen = Seen(ME, branch=Branch(OLD_COMMIT, is_ours=True))
    assert decide(case(seen)).writes[0] == Push(PROPOSAL.branch, COMMIT, OLD_COMMIT)
    seen = Seen(ME, branch=Branch(COMMIT, is_ours=True))
    assert isinstance(decide(case(seen)).writes[0], Open)
    seen = Seen(ME, branch=Branch(THEIRS, is_ours=False))
    assert decide(case(seen)).standing is Standing.NEEDS_HUMAN


def test_a_command_is_acknowledged_though_an_older_one_was_merged_meanwhile() -> None:
    order = Order(Word.IGNORE, "", 5, NOW)
    closed = cases.pull(None, PullRequestState.CLOSED, number=2)
    merged = cases.pull(cases.marker(), PullRequestState.MERGED)
    found = decide(case(Seen(ME, pulls=(closed, merged), orders=(order,))))
    assert found.standing is Standing.MERGED
    assert found.writes == (Acknowledge(closed, order),)


# Withdrawals


def test_a_withdrawn_one_says_why_and_is_closed_last() -> None:
    labels, said, closed = withdraw(settled(), settled().pulls[0], "It is gone.", TERMS)
    assert labels == Edit(1, None, frozenset({WITHDRAWN}), frozenset({HEALTHY}))
    assert isinstance(said, Say)
    assert "It is gone." in said.text
    assert closed == Close(1)


def test_what_was_explained_stays_explained_when_it_is_withdrawn() -> None:
    terms = replace(TERMS, explain=lambda code: f"All about {code}.\n")
    text = comment.wanted(None, [], ["EXTCP-H06"], terms.explain)
    seen = replace(settled(), remark=Comment(7, ME, text or "", NOW))
    said = next(w for w in withdraw(seen, seen.pulls[0], "It is gone.", terms) if type(w) is Say)
    assert "All about EXTCP-H06." in said.text


def test_commands_on_one_that_is_withdrawn_are_answered() -> None:
    orders = tuple(Order(word, "EXTCP-H06", n, NOW) for n, word in enumerate(Word))
    seen = replace(settled(), orders=orders)
    writes = withdraw(seen, seen.pulls[0], "It is gone.", TERMS)
    done = {write.order.word for write in writes if isinstance(write, Acknowledge)}
    assert done == {*Word} - {Word.UNIGNORE}


THEIR_BRANCH = Branch(THEIRS, is_ours=False)


@pytest.mark.parametrize(
    ("seen", "word", "expected"),
    [
        (settled(), None, None),
        (replace(settled(), branch=THEIR_BRANCH), None, Standing.NEEDS_HUMAN),
        (replace(settled(), branch=THEIR_BRANCH), Word.REBASE, None),
        (replace(settled(), branch=THEIR_BRANCH), Word.IGNORE, Standing.DECLINED),
        (settled(), Word.IGNORE, Standing.DECLINED),
    ],
)
def test_what_a_person_has_taken_over_is_theirs_until_they_give_it_back(
    seen: _Seen, word: Word | None, expected: Standing | None
) -> None:
    orders = (Order(word, "", 5, NOW),) if word is not None else ()
    found = of_people(replace(seen, orders=orders), seen.pulls[0], TERMS, may_override=True)
    assert (found.standing if found is not None else None) is expected
