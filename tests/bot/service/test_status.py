"""What a replica says of itself."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from extcp_bot.service.replica import Standing
from extcp_bot.service.status import PASS_LIMIT, Passes, Status
from extcp_gitops import __version__
from tests.bot.reports import bad, mesh, report
from tests.bot.service.clock import Clock

if TYPE_CHECKING:
    import pytest


def metrics(status: Status) -> str:
    return asyncio.run(status.metrics())


def test_a_replica_that_acts_without_trouble() -> None:
    status = Status(60, Standing(acting=True, terms=1), Passes(complete=3, failed=1))
    assert (status.is_well, status.is_ready) == (True, True)
    assert status.words() == "acting; 3 passes complete, 1 failed"


def test_a_replica_that_acts_with_trouble() -> None:
    status = Status(60, Standing(acting=True), Passes(failed=1, failure="the forge is away"))
    assert (status.is_well, status.is_ready) == (True, False)
    assert status.words().endswith("0 passes complete, 1 failed; the forge is away")


def test_a_replica_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    status = Status(60, Standing(acting=True))
    seen = [status.is_well]
    clock.now += PASS_LIMIT + 1_000
    seen.append(status.is_well)
    status.moved(60)
    seen.append(status.is_well)
    clock.now += 1_000
    seen.append(status.is_well)
    assert seen == [True, False, True, False]


def test_a_replica_that_leaves_the_forge_alone() -> None:
    own = Passes(complete=1, failed=1, failure="asked too much", waits_until=1_800_000_000)
    status = Status(60, Standing(acting=True), own)
    assert status.words() == (
        "acting; 1 passes complete, 1 failed; asked too much; "
        "leaving the forge alone until 2027-01-15T08:00:00+00:00"
    )
    lines = metrics(status).splitlines()
    assert "extcp_bot_waits_until_timestamp_seconds 1800000000" in lines


def test_a_replica_that_stands_by_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    status = Status(60, Standing(holder="other"))
    clock.now += PASS_LIMIT + 1_000
    assert (status.is_well, status.is_ready) == (True, True)
    assert status.words() == "standing by; other holds the lease"


def test_a_replica_that_could_not_take_over() -> None:
    status = Status(60, Standing(trouble="no route"))
    assert (status.is_well, status.is_ready) == (True, False)
    assert status.words() == "standing by; nobody holds the lease; no route"


def test_metrics_before_the_first_look() -> None:
    status = Status(60, Standing(terms=2, trouble="no route"), Passes(complete=3, writes=7))
    lines = metrics(status).splitlines()
    for line in (
        f'extcp_bot_info{{version="{__version__}"}} 1',
        "extcp_bot_leader 0",
        "extcp_bot_lease_trouble 1",
        "extcp_bot_terms_total 2",
        'extcp_bot_passes_total{result="complete"} 3',
        "extcp_bot_writes_total 7",
    ):
        assert line in lines


def test_metrics_with_a_look_hold_each_metric_once() -> None:
    inventory = mesh()
    status = Status(60, Standing(acting=True), Passes(open={"pin-root": 1, "add-cluster": 2}))
    status.latest.take(report(inventory, bad(inventory, "remote-cluster-1")), inventory)
    text = metrics(status)
    assert "extcp_cluster_state{" in text
    assert 'extcp_bot_open_proposals{kind="add-cluster"} 2\n' in text
    names = re.findall(r"^# TYPE (\S+) (?:gauge|counter)$", text, re.MULTILINE)
    assert len(names) == len(set(names))
    for line in text.splitlines():
        assert re.fullmatch(r'#.*|[a-z_]+(\{([a-z_]+="[^"]*",?)+\})? \S+', line), line
