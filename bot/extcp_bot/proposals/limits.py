"""How much the bot writes in an hour: what the forge shows of it, and what this process knows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from extcp_bot.proposals.marker import Marker

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from extcp_bot.forge.model import PullRequest

_HOUR: Final = timedelta(hours=1)
_OPENED: Final = 3
"""A push, the pull request, and a status."""


class LimitError(Exception):
    """No more writes in this hour; what is left is for a later pass."""


@dataclass
class Meter:
    """The writes of this process; one for all of its passes."""

    _times: deque[datetime] = field(default_factory=deque)

    def note(self, now: datetime) -> None:
        """Count a write."""
        self._times.append(now)

    def last_hour(self, now: datetime) -> int:
        """How many there were."""
        while self._times and self._times[0] <= now - _HOUR:
            self._times.popleft()
        return len(self._times)


@dataclass
class Budget:
    """What may still be written in a pass.

    Attributes:
        left: Writes.
        now: The time.
        meter: Of the process.
    """

    left: int
    now: datetime
    meter: Meter

    @classmethod
    def of(cls, most: int, pulls: Iterable[PullRequest], meter: Meter, now: datetime) -> Budget:
        """What is left of the writes of an hour.

        Args:
            most: That there may be.
            pulls: The open pull requests of the bot's.
            meter: Of this process.
            now: The time.
        """
        return cls(most - max(spent(pulls, now), meter.last_hour(now)), now, meter)

    def take(self) -> None:
        """Count a write that is about to be made.

        Raises:
            LimitError: It may not be made.
        """
        if self.left <= 0:
            raise LimitError
        self.left -= 1
        self.meter.note(self.now)


def spent(pulls: Iterable[PullRequest], now: datetime) -> int:
    """How many writes of the last hour the forge shows.

    An edit leaves no trace but the newest one's; so this is the least that there can have been.

    Args:
        pulls: Open pull requests of the bot's.
        now: The time.
    """
    since, number = now - _HOUR, 0
    for pull in pulls:
        marker = Marker.of(pull.body)
        if pull.created > since or (marker is not None and marker.proven > since):
            number += _OPENED
    return number
