"""Break the live mesh, have it named, carry out the remedy, and see it mended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_bot.checks import all_checks
from tests.e2e.faults import argocd, credentials, gateway, networks, servers, webhooks, workloads
from tests.e2e.faults.model import FAULTS, says
from tests.e2e.testbed.standard import SYNC_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.faults.model import Fault, Stage
    from tests.e2e.faults.table import Table

# Importing them declares their faults.
SOURCES = (gateway, webhooks, credentials, workloads, networks, argocd, servers)


@pytest.fixture(scope="module", autouse=True)
def _nobody_mends(stage: Stage) -> Iterator[None]:
    """Argo CD is held: it would put back what a fault changes before anybody looks."""
    argocd = stage.mesh.argocd
    argocd.hold(SYNC_SECONDS)
    yield
    argocd.release()
    # What it said before it was held is old; the tests after these begin with what it says now.
    argocd.wait_looked_at(SYNC_SECONDS)
    argocd.wait_synced(SYNC_SECONDS)


def test_each_check_has_a_fault_of_its_own() -> None:
    named = {f"EXTCP-{fault.names.split()[0]}" for fault in FAULTS.values()}
    assert named == set(all_checks())


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_exactly_what_is_broken_is_named_and_its_remedy_mends_it(
    stage: Stage, table: Table, fault: Fault
) -> None:
    with stage.mended():
        with fault.inject(stage):
            results = stage.wait_named(fault)
            named = next(result for result in results if says(result) == fault.names)
            table.add(fault, named, stage)
            if not fault.by_hand:
                stage.carry_out(named["command"])
        if fault.then:
            stage.carry_out(stage.wait_led_to(fault.then)["command"])
        stage.wait_mended(fault)


def test_nothing_is_left_behind(stage: Stage) -> None:
    stage.wait_said(frozenset())
