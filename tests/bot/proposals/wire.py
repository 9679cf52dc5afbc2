"""What can happen to a write on its way: it is done, and nobody hears of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from extcp_bot.forge.http import Http
from extcp_bot.proposals.workspace import Workspace

if TYPE_CHECKING:
    import pytest

    from extcp_bot.proposals.workspace import Made


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Wire:
    """Counts the writes to the forge and to Git, each request for itself.

    Attributes:
        written: How many were made.
        always: What is raised after each write that was done; None for nothing.
        instead: What is raised in place of which write, by its number.
    """

    written: int = 0
    always: BaseException | None = None
    instead: dict[int, BaseException] = field(default_factory=dict)

    def tap(self, patch: pytest.MonkeyPatch) -> None:
        """Have all writes of the process go through it."""
        write, push = Http.write, Workspace.push

        async def tapped(http: Http, *arguments: Any) -> object:  # noqa: ANN401
            self._begin()
            answer = await write(http, *arguments)
            self._end()
            return answer

        def tapped_push(
            workspace: Workspace, made: Made, branch: str, expected: str | None
        ) -> None:
            self._begin()
            push(workspace, made, branch, expected)
            self._end()

        patch.setattr(Http, "write", tapped)
        patch.setattr(Workspace, "push", tapped_push)

    def _begin(self) -> None:
        self.written += 1
        if error := self.instead.pop(self.written, None):
            raise error

    def _end(self) -> None:
        if self.always is not None:
            raise self.always
