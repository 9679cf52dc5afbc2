"""Carries writes out, one by one, each only where it may begin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extcp_bot import threads
from extcp_bot.forge.model import NewPullRequest
from extcp_bot.proposals.model import STATUS_CONTEXT
from extcp_bot.proposals.writes import (
    Acknowledge,
    Close,
    Edit,
    EditIssue,
    NewIssue,
    Open,
    Push,
    Say,
    Status,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from extcp_bot.forge.model import Forge
    from extcp_bot.proposals.limits import Budget
    from extcp_bot.proposals.marker import Marker
    from extcp_bot.proposals.workspace import Made, Workspace
    from extcp_bot.proposals.writes import Write
    from extcp_bot.service.gate import Gate

    Compose = Callable[[Marker], Awaitable[str]]


@dataclass
class Hands:
    """Writes to one forge and one repository.

    Attributes:
        forge: Where to.
        workspace: Pushes.
        gate: Says whether a write may begin.
        budget: How many may.
        dry_run: Carry nothing out, only keep what would be.
        say: Told each write before it is made.
        writes: What was carried out, or would be, in this order.
    """

    forge: Forge
    workspace: Workspace
    gate: Gate
    budget: Budget
    dry_run: bool = False
    say: Callable[[str], None] = lambda _: None
    writes: list[Write] = field(default_factory=list)

    async def carry_out(
        self, writes: Iterable[Write], made: Made | None = None, compose: Compose | None = None
    ) -> None:
        """Make some writes, in their order.

        Args:
            writes: What to do.
            made: The commit that a push is of.
            compose: Writes the body that goes with a marker.

        Raises:
            ForgeError: The forge did not do it, or it is not known whether it did.
            ExtcpError: Git likewise.
            LimitError: There were too many in this hour.
            ClosedError: This process may not act any more.
        """
        for write in writes:
            self.budget.take()
            self.writes.append(write)
            if self.dry_run:
                continue
            self.gate.require_open()
            body = await _body(write, compose)
            self.say(str(write))
            with self.gate.write():
                await self._one(write, made, body)

    async def _one(self, write: Write, made: Made | None, body: str) -> None:
        match write:
            case Push():
                if made is None or made.commit != write.commit:
                    raise ValueError("a push is of the commit that was made")
                await threads.run(self.workspace.push, made, write.branch, write.expected)
            case Open():
                new = NewPullRequest(write.branch, write.base, write.title, body, write.labels)
                await self.forge.create_pull_request(new)
            case Edit():
                await self.forge.edit_pull_request(
                    write.number,
                    body=body if write.marker is not None else None,
                    add_labels=write.add,
                    remove_labels=write.remove,
                )
            case Close():
                await self.forge.close_pull_request(write.number)
            case Status():
                await self.forge.set_status(
                    write.sha, STATUS_CONTEXT, write.state, write.description, write.url
                )
            case _:
                await self._talk(write)

    async def _talk(self, write: Write) -> None:
        match write:
            case Say(identity=None):
                await self.forge.comment(write.on, write.text)
            case Say():
                await self.forge.edit_comment(write.on, write.identity or 0, write.text)
            case Acknowledge():
                await self.forge.acknowledge(write.on, write.order.comment)
            case NewIssue():
                await self.forge.create_issue(write.title, write.body, write.labels)
            case EditIssue():
                is_open = False if write.close else None
                await self.forge.edit_issue(write.issue.number, body=write.body, is_open=is_open)
            case _:
                raise ValueError(f"nobody carries out {type(write).__name__}")


async def _body(write: Write, compose: Compose | None) -> str:
    """The body that a write needs; made before the gate, for it may take a while."""
    marker = write.marker if isinstance(write, Open | Edit) else None
    if marker is None:
        return ""
    if compose is None:
        raise ValueError("a body has to be composed")
    return await compose(marker)
