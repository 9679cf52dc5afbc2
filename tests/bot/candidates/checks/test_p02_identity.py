from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from extcp_bot.access.kubeconfig import RefusedError
from extcp_bot.candidates.model import NotRegisteredError
from extcp_bot.kube.failure import CannotLookError
from tests.bot.apiserver import ApiServer
from tests.bot.fleets import CONFIG, EXTERNAL, SECOND
from tests.bot.simulation import candidate

if TYPE_CHECKING:
    from tests.bot.candidates.joining import Preflight

CODE = "EXTCP-P02"
KUBE_SYSTEM = "/api/v1/namespaces/kube-system"


def uid(server: ApiServer, value: str) -> None:
    server.objects[KUBE_SYSTEM]["metadata"]["uid"] = value


def test_a_cluster_that_argo_cd_does_not_know_is_a_problem(joining: Preflight) -> None:
    unknown = NotRegisteredError("Argo CD has no such cluster", "register it")
    joining.candidate = replace(joining.candidate, argocd=unknown)
    assert joining.problems(CODE) == ["not-registered"]
    (problem,) = [each for each in joining.look(CODE) if each.problem]
    assert problem.command == "argocd cluster add payments-eu --name payments-eu"


def test_a_credential_that_the_bot_does_not_use_leaves_it_unknown(joining: Preflight) -> None:
    refused = RefusedError("Argo CD gets this credential from AWS", "name a context")
    joining.candidate = replace(joining.candidate, argocd=refused)
    assert joining.problems(CODE) == ["unknown"]


def test_two_ways_to_one_cluster_are_fine(joining: Preflight) -> None:
    other = replace(joining.server.access, origin="context payments-eu")
    joining.candidate = replace(joining.candidate, argocd=other)
    assert joining.problems(CODE) == []
    assert any("context payments-eu" in each.looked_at for each in joining.look(CODE))


def test_two_ways_to_two_clusters_are_a_problem(joining: Preflight) -> None:
    with ApiServer() as server:
        candidate.install(server)
        uid(server, "uid-of-another")
        joining.candidate = replace(joining.candidate, argocd=server.access)
        assert joining.problems(CODE) == ["other-cluster"]


def test_a_member_under_another_name_is_a_problem(joining: Preflight) -> None:
    for name in (EXTERNAL, CONFIG, SECOND):
        servers = joining.mesh.servers
        before = servers[name].objects[KUBE_SYSTEM]["metadata"]["uid"]
        uid(servers[name], "uid-of-the-candidate")
        assert joining.problems(CODE) == ["member"]
        assert any(name in each.found for each in joining.look(CODE))
        uid(servers[name], before)


def test_a_member_that_cannot_be_asked_leaves_it_unknown(joining: Preflight) -> None:
    joining.mesh.reach(SECOND, CannotLookError("nobody said how", "say how"))
    found = joining.look(CODE)
    assert [each.state for each in found if each.state != "healthy"] == ["unknown"]
    assert found[0].found == f"{SECOND} could not be asked: nobody said how"


def test_a_member_that_forbids_it_names_the_permission(joining: Preflight) -> None:
    joining.mesh.second.denied.add("/api/v1/namespaces")
    found = joining.look(CODE)[0]
    assert found.state == "unknown"
    assert "may not list it" in found.found
    assert "extcp-bot rbac" in found.remedy
