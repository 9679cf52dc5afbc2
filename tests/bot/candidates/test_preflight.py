from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.candidates import found, model, preflight
from extcp_bot.candidates.checks import all_preflight_checks
from extcp_bot.checks import all_checks
from extcp_bot.report import markdown
from extcp_gitops.errors import ExitCode
from tests.bot.candidates.clusters import NAME, register
from tests.bot.candidates.joining import PACE

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_bot.candidates.model import Candidate
    from extcp_bot.result import Report
    from tests.bot.candidates.joining import Preflight


def test_nothing_stands_in_the_way_of_a_good_candidate(joining: Preflight) -> None:
    report = joining.report()
    assert [(each.code, each.found) for each in report.results if each.state != "healthy"] == []
    assert {each.code for each in report.results} == set(all_preflight_checks())
    assert report.clusters == (NAME,)
    assert report.exit_code is ExitCode.OK


def test_a_labelled_cluster_goes_from_its_secret_to_the_report(
    joining: Preflight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    server = f"https://{NAME}.clusters.test:{joining.server.port}"
    labels = {
        "extcp-gitops.io/mesh": "mesh1",
        "extcp-gitops.io/network": "network2",
        "extcp-gitops.io/gateways": "east-west",
    }
    register(joining.mesh, server=server, labels=labels)

    async def run() -> tuple[Candidate, Report]:
        (candidate,) = await found.find(joining.mesh.fleet)
        try:
            return candidate, await preflight.preflight(joining.mesh.fleet, candidate, PACE)
        finally:
            await joining.mesh.fleet.close()

    candidate, report = asyncio.run(run())
    assert [each.found for each in report.results if each.state != "healthy"] == []
    grown = model.target(joining.mesh.fleet, candidate).fleet.inventory
    assert NAME in markdown.render(report, grown)


def test_the_mesh_is_left_as_it_is(joining: Preflight) -> None:
    before = {name: dict(server.objects) for name, server in joining.mesh.servers.items()}
    joining.report()
    for name, server in joining.mesh.servers.items():
        assert server.objects == before[name]
        assert all(each.startswith("GET ") for each in server.requests)
    assert NAME not in joining.mesh.fleet.inventory.by_name


def test_a_dry_run_writes_nothing_and_passes_nobody(joining: Preflight) -> None:
    report = joining.report(may_probe=False)
    assert joining.joining.store.written == []
    assert {each.code for each in report.results if each.state != "healthy"} == {"EXTCP-P07"}
    assert report.exit_code is ExitCode.COULD_NOT_TELL


def test_a_warning_lets_a_candidate_pass(joining: Preflight) -> None:
    joining.propose(network="network9", gateways=type(joining.candidate.cluster.gateways)())
    report = joining.report()
    assert [each.problem for each in report.results if each.problem] == ["no-gateway"]
    assert report.exit_code is ExitCode.OK


def test_one_that_cannot_be_a_candidate_is_not_looked_at(joining: Preflight) -> None:
    joining.candidate = replace(joining.candidate, problem="two Secrets")
    with pytest.raises(ValueError, match="two Secrets"):
        joining.report()


def test_what_is_not_proven_is_said(joining: Preflight) -> None:
    said = preflight.unproven(joining.candidate)
    assert any("istiod's Pods reach the API server of payments-eu" in each for each in said)


@pytest.mark.parametrize("code", all_preflight_checks())
def test_each_check_is_declared_as_those_of_health_are(code: str) -> None:
    check = all_preflight_checks()[code]
    assert check.code not in all_checks()
    assert check.scope == "candidate"
    assert check.title.endswith("?")
    assert check.text
