from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.access import incluster
from extcp_bot.access.model import Access
from extcp_bot.candidates.checks import all_preflight_checks
from extcp_bot.kube.failure import CannotLookError

if TYPE_CHECKING:
    from tests.bot.candidates.joining import Preflight

CODE = "EXTCP-P01"


def reach(joining: Preflight, **fields: object) -> None:
    access = joining.candidate.access
    assert isinstance(access, Access)
    changed = replace(access, **fields)  # type: ignore[arg-type]
    joining.candidate = replace(joining.candidate, access=changed)


def test_the_version_and_the_address_are_said(joining: Preflight) -> None:
    address, version = sorted(joining.look(CODE), key=lambda each: each.looked_at)
    assert address.found.startswith("https://payments-eu.clusters.test:")
    assert version.found == "v1.34.2"


def test_an_old_kubernetes_is_a_problem(joining: Preflight) -> None:
    joining.server.objects["/version"]["gitVersion"] = "v1.30.9-eks"
    assert joining.problems(CODE) == ["kubernetes-too-old"]
    assert joining.look(CODE)[0].wanted == "1.31 to 1.35, for Istio 1.29"


@pytest.mark.parametrize("version", ["v1.36.3", "v1.99.0+k3s1"])
def test_a_newer_kubernetes_than_istio_was_tested_with_is_told(
    joining: Preflight, version: str
) -> None:
    joining.server.objects["/version"]["gitVersion"] = version
    assert joining.problems(CODE) == []
    assert any("was tested with up to 1.35" in each.found for each in joining.look(CODE))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_address_of_its_own_machine_is_a_problem(joining: Preflight, host: str) -> None:
    reach(joining, server=f"https://{host}:{joining.server.port}")
    assert "local-address" in joining.problems(CODE)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("https://kubernetes.default.svc.cluster.local", "only Pods of the same cluster"),
        ("https://kubernetes.default", "only Pods of the same cluster"),
        ("https://169.254.169.254", "answers each machine by itself"),
    ],
)
def test_an_address_that_argo_cd_alone_can_use_is_a_problem(
    joining: Preflight, server: str, words: str
) -> None:
    joining.propose(server=server)
    problem = joining.look(CODE)[0]
    assert problem.problem == "local-address"
    assert words in problem.found


def test_the_address_of_a_service_of_its_own_is_a_problem(joining: Preflight) -> None:
    reach(joining, origin=incluster.ORIGIN)
    assert joining.problems(CODE) == ["local-address"]


def test_a_proxy_is_a_warning(joining: Preflight) -> None:
    reach(joining, proxy="http://127.0.0.1:1")
    found = {each.problem for each in joining.look(CODE)}
    assert "behind-proxy" in found


def test_a_server_that_does_not_answer_is_unknown(joining: Preflight) -> None:
    reach(joining, server="https://payments-eu.clusters.test:1")
    assert joining.problems(CODE) == ["unknown"]


def test_a_cluster_to_which_nothing_leads_is_unknown(joining: Preflight) -> None:
    nobody = CannotLookError("nobody said how", "say how")
    joining.candidate = replace(joining.candidate, access=nobody, argocd=nobody)
    report = joining.report()
    unseen = {each.code for each in report.results if each.state == "unknown"}
    assert unseen == set(all_preflight_checks())
