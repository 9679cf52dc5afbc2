"""What the forge and Git say about the branch of one proposal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extcp_bot.forge.model import PullRequestState

if TYPE_CHECKING:
    from extcp_bot.forge.model import Comment, CommitStatus, PullRequest
    from extcp_bot.proposals.commands import Order


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that is there.

    Attributes:
        sha: Its newest commit.
        is_ours: Nothing is on it but one commit of the bot's, or nothing at all.
    """

    sha: str
    is_ours: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One branch and its pull requests.

    Attributes:
        me: Login of the bot's account.
        pulls: All of them, the newest first.
        branch: None where there is none.
        status: Of the branch's newest commit; None where there is none.
        remark: The bot's comment on :attr:`own`; None where there is none.
        orders: Commands on :attr:`own`, not yet acknowledged, the oldest first.
        merged: The pull requests that are in the base that is looked at, by number; also one that
            the forge still calls open.
    """

    me: str
    pulls: tuple[PullRequest, ...] = ()
    branch: Branch | None = None
    status: CommitStatus | None = None
    remark: Comment | None = None
    orders: tuple[Order, ...] = ()
    merged: frozenset[int] = field(default_factory=frozenset)

    @property
    def own(self) -> PullRequest | None:
        """The bot's pull request that counts: the open one, else the newest."""
        return own_of(self.pulls, self.me)

    @property
    def foreign(self) -> PullRequest | None:
        """An open one that somebody else made from the bot's branch."""
        found = (
            each
            for each in self.pulls
            if each.author != self.me and each.state is PullRequestState.OPEN
        )
        return next(found, None)


def own_of(pulls: tuple[PullRequest, ...], me: str) -> PullRequest | None:
    """As :attr:`Seen.own`."""
    mine = [each for each in pulls if each.author == me]
    is_open = (each for each in mine if each.state is PullRequestState.OPEN)
    return next(is_open, None) or next(iter(mine), None)
