"""How much the bot writes in an hour, counted from what the forge shows of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from extcp_bot.proposals.marker import Marker

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from extcp_bot.forge.model import Comment, PullRequest

_HOUR: Final = timedelta(hours=1)
_OPENED: Final = 3
"""A push, the pull request, and a status."""


class LimitError(Exception):
    """No more writes in this hour; what is left is for a later pass."""


@dataclass
class Budget:
    """What may still be written.

    Attributes:
        left: Writes.
    """

    left: int

    def take(self) -> None:
        """Count a write that is about to be made.

        Raises:
            LimitError: It may not be made.
        """
        if self.left <= 0:
            raise LimitError
        self.left -= 1


def spent(pulls: Iterable[PullRequest], comments: Iterable[Comment], me: str, now: datetime) -> int:
    """How many writes of the last hour can be seen.

    An edit leaves no trace but the newest one's; so this is the least that there can have been.

    Args:
        pulls: Pull requests that were read in this pass.
        comments: Comments likewise.
        me: The bot's login.
        now: The time.
    """
    since, number = now - _HOUR, 0
    for pull in pulls:
        if pull.author != me:
            continue
        marker = Marker.of(pull.body)
        number += _OPENED if pull.created > since else 0
        if marker is not None and marker.proven > since and pull.created <= since:
            number += _OPENED
    return number + sum(each.author == me and each.created > since for each in comments)
