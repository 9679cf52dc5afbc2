"""Clocks that differ, by which a certificate or a token is valid here and not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.checks.model import Observation
    from extcp_bot.kube.client import Client
    from extcp_bot.target import Target

_SECONDS: Final = 60

CLOCK_SKEW = Problem(
    "clock-skew",
    "The API server's clock and that of the bot's machine differ, so that certificates and tokens "
    "are valid for the one and not for the other.",
    "let both follow a time server",
    severity=Severity.WARNING,
)


def skew(target: Target, api: Client) -> Iterator[Observation]:
    """The problem, where the clock of an API server that has been asked is off."""
    found = api.clock_skew
    if found is not None and abs(found) > _SECONDS:
        direction = "ahead" if found > 0 else "behind"
        yield CLOCK_SKEW.at(
            target,
            f"clock of {api.access.host}",
            found=f"{abs(found):.0f} s {direction}",
            wanted=f"at most {_SECONDS} s",
        )
