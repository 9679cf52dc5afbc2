"""What should be otherwise on the forge, given what it says and what was seen of the clusters.

Nothing here asks anybody. Equal arguments give equal writes, what the writes lead to gives none,
and *unknown* gives none but one: it says so where evidence has become too old to rely on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import State
from extcp_bot.forge.model import CommitState, PullRequestState
from extcp_bot.proposals import body, comment
from extcp_bot.proposals.case import Case, Decision, Standing, status_of
from extcp_bot.proposals.commands import Word
from extcp_bot.proposals.comment import Note
from extcp_bot.proposals.marker import Marker
from extcp_bot.proposals.model import (
    BLOCKED,
    HEALTHY,
    NEEDS_HUMAN,
    STATE_LABELS,
    STATUS_CONTEXT,
    UNKNOWN,
    WITHDRAWN,
)
from extcp_bot.proposals.writes import Acknowledge, Close, Edit, Open, Push, Say, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extcp_bot.forge.model import PullRequest
    from extcp_bot.proposals.case import Terms
    from extcp_bot.proposals.commands import Order
    from extcp_bot.proposals.seen import Seen
    from extcp_bot.proposals.writes import Write

_LABELS: Final = {State.HEALTHY: HEALTHY, State.UNHEALTHY: BLOCKED, State.UNKNOWN: UNKNOWN}


def decide(case: Case) -> Decision:
    """What should be otherwise about one proposal."""
    foreign, own = case.seen.foreign, case.seen.own
    if foreign is not None:
        words = f"somebody else opened a pull request from {case.proposal.branch}"
        return Decision(Standing.NEEDS_HUMAN, (), words, foreign)
    if own is not None and own.state is PullRequestState.OPEN:
        return _of_open(case, own)
    return _of_none_open(case, own)


# One that is open


def _of_open(case: Case, pull: PullRequest) -> Decision:
    may_override = case.commit is not None and case.evidence.verdict is State.HEALTHY
    theirs = of_people(case.seen, pull, case.terms, may_override=may_override)
    if theirs is not None:
        return theirs
    return Decision(Standing.OPEN, tuple(_renewed(case, pull)), _why(case), pull)


def of_people(
    seen: Seen, pull: PullRequest, terms: Terms, *, may_override: bool
) -> Decision | None:
    """What follows from what people did to an open pull request, whatever the clusters say.

    Args:
        seen: What the forge and Git say.
        pull: Open, and the bot's.
        terms: What counts in this pass.
        may_override: Whether the bot could go on with it, where ``/extcp rebase`` asks for that.

    Returns:
        None where it is still the bot's to deal with.
    """
    ignored = [each for each in seen.orders if each.word is Word.IGNORE]
    if ignored:
        return Decision(
            Standing.DECLINED, (Close(pull.number), *_acknowledged(pull, ignored)), "", pull
        )
    taken = _taken(seen, pull, terms)
    overrides = pull.base == terms.base and any(each.word is Word.REBASE for each in seen.orders)
    if not taken or (overrides and may_override):
        return None
    note = Note("needs-human", f"{taken}\n")
    labels = _labels(pull, NEEDS_HUMAN)
    told = [each for each in seen.orders if each.word is Word.EXPLAIN]
    writes = (*labels, *_said(seen, pull, terms, [note]), *_acknowledged(pull, told))
    # The dashboard shows it as code, whatever is in it.
    return Decision(Standing.NEEDS_HUMAN, writes, taken.replace("`", ""), pull)


def _taken(seen: Seen, pull: PullRequest, terms: Terms) -> str:
    """Why the pull request is a person's by now; empty where it is not."""
    if pull.base != terms.base:
        return "Somebody chose another branch to merge this into, so the bot leaves it alone."
    if seen.branch is None or not seen.branch.is_ours:
        return (
            "There are commits on this branch that the bot did not make, so it leaves the branch "
            f"alone, and the status `{STATUS_CONTEXT}` says nothing about them. To have them "
            "thrown away and the change made anew, comment `/extcp rebase`."
        )
    return ""


def _renewed(case: Case, pull: PullRequest) -> Iterator[Write]:
    before, head = Marker.of(pull.body), case.seen.branch.sha if case.seen.branch else ""
    after = _marker(case, pull, before, head)
    if after.head == case.commit != head:
        yield Push(case.proposal.branch, after.head, head or None)
        head = after.head
    label = _labels(pull, _LABELS[after.verdict])
    if after != before:
        change = label[0] if label else Edit(pull.number, None)
        label = (replace(change, marker=after),)
    yield from label
    if after.head == head:  # else a pass was killed after its push, and nobody can look now
        yield from _status(case, pull, after)
    yield from _said(case.seen, pull, case.terms, [])
    yield from _acknowledged(pull, (each for each in case.seen.orders if _is_done(each, after)))


def _marker(case: Case, pull: PullRequest, before: Marker | None, head: str) -> Marker:
    """What the body is to say; what it says already, where nothing new is worth a write."""
    evidence, terms = case.evidence, case.terms
    is_old = before is None or case.time - before.proven >= terms.age
    asked = body.is_ticked(pull.body) or any(_asks_again(each, before) for each in case.seen.orders)
    match evidence.verdict:
        case State.HEALTHY if case.commit is not None:
            new = case.marker(terms.base_sha, case.commit)
            is_same = before is not None and _same(before, new) and head == case.commit
        case State.UNHEALTHY:
            new = case.marker(before.base if before else terms.base_sha, head)
            is_same = before is not None and _same(before, new) and before.key == new.key
        case _:
            if before is None:
                return replace(case.marker(terms.base_sha, head), verdict=State.UNKNOWN)
            # A tick or a command waits for a look that says something.
            return replace(before, verdict=State.UNKNOWN, head=head) if is_old else before
    return before if before is not None and is_same and not is_old and not asked else new


def _same(before: Marker, new: Marker) -> bool:
    return (before.verdict, before.head, before.inputs_hash, before.by_hand) == (
        new.verdict,
        new.head,
        new.inputs_hash,
        new.by_hand,
    )


def _asks_again(order: Order, before: Marker | None) -> bool:
    return order.word in {Word.RECHECK, Word.REBASE} and not (
        before is not None and before.proven >= order.time
    )


def _is_done(order: Order, after: Marker) -> bool:
    match order.word:
        case Word.RECHECK:
            return after.proven >= order.time
        case Word.REBASE:
            return after.proven >= order.time and after.verdict is State.HEALTHY
        case _:
            return order.word is not Word.IGNORE


def _status(case: Case, pull: PullRequest, marker: Marker) -> Iterator[Write]:
    state, words = status_of(marker)
    now = case.seen.status
    is_same = now is not None and now.state is state and marker.head == _head(case)
    # GitLab keeps the description of a pending status for ever.
    if not (is_same and now and (now.description == words or state is CommitState.PENDING)):
        yield Status(marker.head, state, words, pull.url)


def _head(case: Case) -> str:
    """The newest commit of the branch, which the status that was seen is of."""
    return case.seen.branch.sha if case.seen.branch else ""


def _labels(pull: PullRequest, label: str) -> tuple[Edit, ...]:
    """The one label of the state that there is to be."""
    extra = pull.labels & (STATE_LABELS | {WITHDRAWN}) - {label}
    missing = frozenset({label}) - pull.labels
    return (Edit(pull.number, None, missing, extra),) if extra or missing else ()


def _said(seen: Seen, pull: PullRequest, terms: Terms, notes: list[Note]) -> Iterator[Write]:
    asked = [each.code for each in seen.orders if each.word is Word.EXPLAIN]
    text = comment.wanted(seen.remark, notes, asked, terms.explain)
    if text is not None:
        yield Say(pull, seen.remark.identity if seen.remark else None, text)


def _acknowledged(pull: PullRequest, orders: Iterable[Order]) -> Iterator[Write]:
    for order in orders:
        yield Acknowledge(pull, order)


# None that is open


def _of_none_open(case: Case, own: PullRequest | None) -> Decision:
    before = _same_inputs(case)
    is_merged = before is not None and before.state is PullRequestState.MERGED
    wanted = [each for each in case.seen.orders if each.word is Word.UNIGNORE]
    done = [
        each for each in case.seen.orders if each.word in {Word.IGNORE, Word.RECHECK, Word.REBASE}
    ]
    late = tuple(_acknowledged(own, done)) if own is not None else ()
    if before is not None and is_merged and before.number not in case.seen.merged:
        return Decision(Standing.MERGED, late, "merged since this pass began", before)
    if before is not None and not (wanted or case.terms.offer_again):
        words = "closed" if before.state is PullRequestState.CLOSED else "taken out since"
        return Decision(Standing.DECLINED, late, f"{words}, and so not offered again", before)
    refused = _not_now(case)
    if refused is not None:
        return replace(refused, writes=late)
    opened = tuple(_opened(case))
    if own is not None:
        opened += (*_acknowledged(own, wanted), *late)
    return Decision(Standing.TO_OPEN, opened, "", None)


def _same_inputs(case: Case) -> PullRequest | None:
    """The newest pull request of the bot's with the same inputs that a person has decided on."""
    for pull in case.seen.pulls:
        marker = Marker.of(pull.body) if pull.author == case.seen.me else None
        if marker is None or marker.inputs_hash != case.proposal.inputs_hash:
            continue
        return None if WITHDRAWN in pull.labels else pull
    return None


def _not_now(case: Case) -> Decision | None:
    """Why no pull request is opened; None where one is."""
    match case.evidence.verdict:
        case State.UNHEALTHY:
            return Decision(Standing.UNHEALTHY, (), _why(case))
        case State.UNKNOWN:
            return Decision(Standing.UNKNOWN, (), _why(case))
        case _:
            pass
    if not case.terms.may_open:
        return Decision(Standing.WAITING)
    if not case.terms.has_room:
        return Decision(Standing.QUEUED)
    if case.seen.branch is not None and not case.seen.branch.is_ours:
        words = f"somebody else has committed to {case.proposal.branch}"
        return Decision(Standing.NEEDS_HUMAN, (), words)
    return None if case.commit is not None else Decision(Standing.QUEUED)


def _opened(case: Case) -> Iterator[Write]:
    proposal, branch, terms = case.proposal, case.seen.branch, case.terms
    commit = case.commit or ""
    if branch is None or branch.sha != commit:
        yield Push(proposal.branch, commit, branch.sha if branch else None)
    marker = case.marker(terms.base_sha, commit)
    yield Open(proposal.branch, terms.base, proposal.title, frozenset({HEALTHY}), marker)
    state, words = status_of(marker)
    now = case.seen.status if branch is not None and branch.sha == commit else None
    if now is None or (now.state, now.description) != (state, words):
        yield Status(commit, state, words)


def _why(case: Case) -> str:
    evidence = case.evidence
    return evidence.obstacle or ", ".join(
        dict.fromkeys(f"{each.code} {each.problem or 'unknown'}" for each in evidence.in_the_way)
    )


def withdraw(seen: Seen, pull: PullRequest, why: str, terms: Terms) -> tuple[Write, ...]:
    """Close a pull request that has nothing to propose any more, and say why; that is no *no*.

    Args:
        seen: What the forge says.
        pull: Open, and the bot's: :func:`of_people` says that nobody has taken it over.
        why: In words of ours.
        terms: What counts in this pass.
    """
    said = _said(seen, pull, terms, [Note(f"withdrawn: {why}", f"{why}\n")])
    done = _acknowledged(pull, (each for each in seen.orders if each.word is not Word.UNIGNORE))
    return (*_labels(pull, WITHDRAWN), *said, Close(pull.number), *done)
