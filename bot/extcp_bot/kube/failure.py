"""Why nobody could look, as errors that become ``unknown`` results."""

from __future__ import annotations

from typing import Self

from extcp_bot.access.model import hide


class CannotLookError(Exception):
    """The answer is neither yes nor no.

    Attributes:
        why: What stood in the way, without a payload.
        remedy: The permission or the route that would let the bot look.
        looked_at: What it was about to look at.
    """

    def __init__(self, why: str, remedy: str, looked_at: str = "") -> None:
        # Paths hold names that a cluster chose, which may be what it was shown.
        self.why = hide(why)
        self.remedy = remedy
        self.looked_at = hide(looked_at)
        super().__init__(self.why)

    def again(self) -> Self:
        """The same, to be raised anew, with nothing of the way that it has come."""
        made = type(self).__new__(type(self), *self.args)
        made.__dict__.update(self.__dict__)
        return made


class NoRouteError(CannotLookError):
    """The server cannot be reached, does not speak TLS as it should, or does not answer in time.

    Nor does one that says that it is too busy.
    """


class NotAllowedError(CannotLookError):
    """The server knows who asks and refuses (403), or does not know who asks (401).

    Attributes:
        status: 401 or 403.
    """

    def __init__(self, status: int, why: str, remedy: str, looked_at: str = "") -> None:
        super().__init__(why, remedy, looked_at)
        self.status = status


class NonsenseError(CannotLookError):
    """The server answers with something that no API server says: HTML, half a JSON, too much."""


class RejectedError(CannotLookError):
    """The server understood, and says no, with a Status object.

    Attributes:
        status: The HTTP status, such as 400, 409, 422 or 500.
        message: The message of the Status; a cluster's own words, so neither short nor harmless.
    """

    def __init__(self, status: int, message: str, where: str, looked_at: str = "") -> None:
        why = f"{where}: the server says no (HTTP {status})"
        super().__init__(why, "see the API server's log", looked_at)
        self.status = status
        self.message = message
