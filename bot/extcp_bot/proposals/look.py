"""Reads what the forge and Git say about the branches of proposals; writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from extcp_bot import threads
from extcp_bot.forge.model import PullRequestState
from extcp_bot.proposals import commands, comment
from extcp_bot.proposals.commands import Order
from extcp_bot.proposals.model import STATUS_CONTEXT
from extcp_bot.proposals.seen import Seen, own_of

if TYPE_CHECKING:
    from extcp_bot.forge.model import Comment, Forge, Issue, PullRequest
    from extcp_bot.proposals.workspace import Workspace

_MOST_ORDERS: Final = 20


@dataclass
class Reader:
    """Looks at one repository in one pass.

    Attributes:
        forge: That has it.
        workspace: The clone of the base.
        me: Login of the bot's account.
        pulls: Every pull request that was read, by number, as it was read last.
        remarks: The bot's comments that were read, by identity.
    """

    forge: Forge
    workspace: Workspace
    me: str
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    remarks: dict[int, Comment] = field(default_factory=dict)
    _writers: dict[str, bool] = field(default_factory=dict)

    async def seen(self, branch: str, *, is_deep: bool) -> Seen:
        """What there is of a branch.

        Args:
            branch: Of a proposal.
            is_deep: Look what is on the branch also where no pull request is open.

        Raises:
            ForgeError: The forge cannot be asked.
            ExtcpError: Git cannot.
        """
        pulls = tuple(await self.forge.pull_requests(branch))
        self.pulls.update({each.number: each for each in pulls})
        own = own_of(pulls, self.me)
        is_open = own is not None and own.state is PullRequestState.OPEN
        remark: Comment | None = None
        orders: tuple[Order, ...] = ()
        if own is not None and own.state is not PullRequestState.MERGED:
            remark, orders = await self.said(own)
        found = await threads.run(self.workspace.look, branch) if is_open or is_deep else None
        status = await self.forge.status(found.sha, STATUS_CONTEXT) if found else None
        merged = await threads.run(self.workspace.contains, pulls)
        return Seen(self.me, pulls, found, status, remark, orders, merged)

    async def said(self, on: PullRequest) -> tuple[Comment | None, tuple[Order, ...]]:
        """The bot's comment on a pull request, and the commands of those who may give them."""
        comments = await self.forge.comments(on)
        ours = [each for each in comments if each.author == self.me]
        self.remarks.update({each.identity: each for each in ours})
        remark = next((each for each in ours if comment.is_ours(each, self.me)), None)
        return remark, await self._orders(on, comments)

    async def _orders(self, on: PullRequest | Issue, said: list[Comment]) -> tuple[Order, ...]:
        given = [
            (each, order)
            for each in said
            if each.author != self.me and (order := commands.parse(each.body)) is not None
        ]
        found = []
        for each, (word, code) in given[-_MOST_ORDERS:]:
            # Whoever may not push is not even shown that the bot has read it.
            if await self._may_write(each.author) and not await self.forge.is_acknowledged(
                on, each.identity
            ):
                found.append(Order(word, code, each.identity, each.created))
        return tuple(found)

    async def _may_write(self, login: str) -> bool:
        if login not in self._writers:
            self._writers[login] = await self.forge.may_write(login)
        return self._writers[login]
