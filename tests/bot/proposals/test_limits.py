from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from extcp_bot.proposals.limits import Budget, LimitError, Meter, spent
from tests.bot.proposals import cases
from tests.bot.proposals.cases import NOW


def test_what_the_forge_shows_counts_for_an_hour() -> None:
    new = replace(cases.pull(cases.marker()), created=NOW - timedelta(minutes=5))
    assert spent([new], NOW) == 3
    assert spent([new], NOW + timedelta(hours=2)) == 0
    renewed = cases.pull(cases.marker(age=timedelta(minutes=5)))
    assert spent([renewed, cases.pull(None)], NOW) == 3


def test_a_process_knows_its_edits_too() -> None:
    meter = Meter()
    budget = Budget.of(3, [], meter, NOW)
    for _ in range(3):
        budget.take()
    with pytest.raises(LimitError):
        budget.take()
    with pytest.raises(LimitError):
        Budget.of(3, [], meter, NOW + timedelta(minutes=59)).take()
    Budget.of(3, [], meter, NOW + timedelta(minutes=61)).take()
    assert meter.last_hour(NOW + timedelta(minutes=61)) == 1
