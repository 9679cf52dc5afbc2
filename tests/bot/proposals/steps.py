"""What many tests of passes do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_gitops.errors import ExitCode
from tests.bot.proposals.script import candidate

if TYPE_CHECKING:
    from extcp_bot.proposals.case import Standing
    from tests.bot.proposals.desk import Desk


def opened(desk: Desk) -> int:
    """Have one candidate, and its pull request opened."""
    desk.script.candidates = [candidate()]
    assert desk.reconcile().exit_code is ExitCode.OK
    return int(desk.pull()["number"])


def quiet(desk: Desk) -> None:
    """One more pass writes nothing."""
    outcome = desk.reconcile()
    assert [str(write) for write in outcome.writes] == []
    assert not outcome.troubles


def standing(desk: Desk) -> Standing:
    """How the only proposal stands after one more pass."""
    outcome = desk.reconcile()
    assert not outcome.troubles
    (row,) = outcome.rows
    return row.standing
