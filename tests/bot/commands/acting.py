"""``extcp-bot`` on a repository that is on a real Gitea; nobody says how to reach its clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.bot.proposals.desk import Desk


@dataclass
class Acting:
    """Runs the command, and keeps what it printed.

    Attributes:
        desk: The repository.
        capsys: Pytest's.
        out: Standard output.
        err: Standard error.
    """

    desk: Desk
    capsys: pytest.CaptureFixture[str]
    out: str = ""
    err: str = ""

    def __call__(self, *arguments: str) -> int:
        """The exit code."""
        from extcp_bot.cli import run  # noqa: PLC0415 - tests of the lazy imports come first

        self.capsys.readouterr()
        status = run(["-C", str(self.desk.root), *arguments])
        self.out, self.err = self.capsys.readouterr()
        assert self.desk.repository.gitea.bot.token not in self.out + self.err
        return status
