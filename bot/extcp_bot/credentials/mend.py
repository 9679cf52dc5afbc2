"""Delivers a remote secret, and once more where istiod was given it before its turn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from extcp_bot import run
from extcp_bot.checks import all_checks
from extcp_bot.credentials import deliver as delivering
from extcp_bot.credentials.model import Outcome

if TYPE_CHECKING:
    from extcp_bot.credentials.deliver import Wish
    from extcp_bot.credentials.model import Delivery
    from extcp_bot.target import Target

TRAP: Final = "join-order-trap"
"""What EXTCP-H09 calls it that istiod looked at the namespace too early, and looks no more."""
_ROOTS: Final = "EXTCP-H09"


async def deliver(target: Target, *, dry_run: bool, wish: Wish, pace: run.Pace) -> Delivery:
    """As :func:`extcp_bot.credentials.deliver.deliver`, and the join-order trap mended.

    Raises:
        CannotLookError: As there.
    """
    found = await delivering.deliver(target, dry_run=dry_run, wish=wish)
    if found.outcome is not Outcome.UNCHANGED or target.is_config:
        return found
    fleet = replace(target.fleet)
    jobs = run.jobs(fleet, [all_checks()[_ROOTS]], [target.cluster.name])
    report = await run.run(fleet, jobs, pace)
    if not any(each.problem == TRAP for each in report.results):
        return found
    return await delivering.deliver(target, dry_run=dry_run, wish=replace(wish, renew=True))
