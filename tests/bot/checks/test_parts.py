from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from extcp_bot.checks import parts
from extcp_bot.checks.model import State, healthy
from extcp_bot.kube.failure import NoRouteError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.checks.model import Observation


async def sees(place: str, *, then: str = "") -> AsyncIterator[Observation]:
    """A part that sees one thing, and may then have something in its way."""
    yield healthy(place, "fine")
    if then:
        raise NoRouteError(then, "mend the route", f"the other side of {place}")


def said(*each: AsyncIterator[Observation]) -> list[Observation]:
    async def collect() -> list[Observation]:
        return [seen async for seen in parts.each(*each)]

    return asyncio.run(collect())


def test_what_cannot_be_seen_is_unknown_and_the_next_part_goes_on() -> None:
    first, second, third = said(sees("a", then="no route"), sees("b"))
    assert (first.state, third.state) == (State.HEALTHY, State.HEALTHY)
    assert (second.state, second.looked_at) == (State.UNKNOWN, "the other side of a")
    assert (second.found, second.remedy) == ("no route", "mend the route")


def test_what_stands_in_the_way_of_several_is_said_once() -> None:
    found = said(*(sees(place, then="no route") for place in "abc"), sees("d", then="another"))
    assert [each.found for each in found if each.state is State.UNKNOWN] == ["no route", "another"]
    assert len(found) == 6
