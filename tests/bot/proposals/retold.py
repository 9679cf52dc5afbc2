"""A forge that says something else of its pull requests than is true, or says it late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from extcp_bot.forge.model import PullRequestState

if TYPE_CHECKING:
    from collections.abc import Callable

    from extcp_bot.forge.model import Forge, PullRequest
    from tests.bot.proposals.desk import Desk


def retell(desk: Desk, say: Callable[[PullRequest], PullRequest], listed: str = "") -> None:
    """Let the forge of a desk say something else of its pull requests; see :class:`_Retold`."""
    desk.wrap = lambda forge: cast("Forge", _Retold(forge, say, listed))


@dataclass
class _Retold:
    """Another forge, as it tells of its pull requests.

    Attributes:
        forge: Asked.
        say: What it says of one, in place of the truth.
        listed: Of this branch, what is said to be open is also in the list of what is open.
    """

    forge: Forge
    say: Callable[[PullRequest], PullRequest]
    listed: str = ""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else as it is
        return getattr(self.forge, name)

    async def pull_requests(self, head: str) -> list[PullRequest]:
        """As said."""
        return [self.say(each) for each in await self.forge.pull_requests(head)]

    async def open_pull_requests(self) -> list[PullRequest]:
        """What is open, and what is said to be."""
        there = await self.forge.open_pull_requests()
        said = await self.pull_requests(self.listed) if self.listed else []
        numbers = {each.number for each in there}
        late = [each for each in said if each.state is PullRequestState.OPEN]
        return [*there, *(each for each in late if each.number not in numbers)]
