from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from extcp_bot.access.model import Access, Secret
from tests.bot.apiserver import status
from tests.bot.fleets import PLANE
from tests.bot.simulation.reviews import AUTHORIZATION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aiohttp import web

    from tests.bot.candidates.joining import Preflight

    Object = dict[str, Any]

CODE = "EXTCP-P05"
RULES = f"{AUTHORIZATION}/selfsubjectrulesreviews"
ACCESS = f"{AUTHORIZATION}/selfsubjectaccessreviews"
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


def allow(joining: Preflight, decide: Callable[[Object], bool]) -> list[Object]:
    """Let reviews say what ``decide`` says; gives the list of what they are asked."""
    asked: list[Object] = []

    def access(body: Object) -> Object:
        asked.append(body["spec"]["resourceAttributes"])
        return {**body, "status": {"allowed": decide(asked[-1])}}

    def rules(body: Object) -> Object:
        return {**body, "status": {"resourceRules": [], "nonResourceRules": []}}

    joining.server.posts[ACCESS] = access
    joining.server.posts[RULES] = rules
    return asked


def refuse_writes(joining: Preflight, kind: str, code: int, message: str) -> None:
    """Refuse objects of a kind, and take all others."""
    before = joining.server.writes
    assert before is not None

    async def answer(request: web.Request) -> web.StreamResponse:
        return status(code, message) if kind in request.path else await before(request)

    joining.server.writes = answer


def test_everything_is_tried_as_a_dry_run(joining: Preflight) -> None:
    assert joining.problems(CODE) == []
    patches = [each for each in joining.server.requests if each.startswith("PATCH")]
    assert all("dryRun=All" in each for each in patches)
    assert any(f"/api/v1/namespaces/{PLANE}?" in each for each in patches)
    assert any(each.partition(" ")[2].startswith(ROLE) for each in patches)
    assert any("/mutatingwebhookconfigurations/istio-sidecar-injector-" in e for e in patches)
    assert joining.joining.store.written == []


def test_a_right_that_argo_cd_lacks_is_a_problem(joining: Preflight) -> None:
    allow(joining, lambda asked: (asked["resource"], asked["verb"]) != ("clusterroles", "create"))
    assert joining.problems(CODE) == ["argocd-may-not"]
    found = joining.look(CODE)[0]
    assert found.found == "refused: clusterroles.rbac.authorization.k8s.io (create)"


def test_rights_are_asked_for_where_the_objects_are(joining: Preflight) -> None:
    asked = allow(joining, lambda _: True)
    assert joining.problems(CODE) == []
    deployments = [each for each in asked if each["resource"] == "deployments"]
    namespaces = {each["verb"]: each.get("namespace", "") for each in deployments}
    # The last is the bot's own, for the checks.
    assert namespaces["watch"] == ""
    assert namespaces["create"] == namespaces["delete"] == PLANE
    crds = [each for each in asked if each["resource"] == "customresourcedefinitions"]
    assert {each["verb"] for each in crds} >= {"create", "patch", "list"}


def test_a_right_that_the_bot_lacks_is_a_warning(joining: Preflight) -> None:
    access = joining.candidate.access
    assert isinstance(access, Access)
    joining.server.accepted.add("token-of-argocd")
    argocd = replace(access, token=Secret("token-of-argocd"), origin="Secret y")
    joining.candidate = replace(joining.candidate, argocd=argocd)
    allow(joining, lambda asked: asked["resource"] != "events")
    assert joining.problems(CODE) == ["bot-may-not"]
    found = joining.look(CODE)[0]
    assert (found.severity, found.found) == ("warning", "refused: events (list)")


def test_a_grant_that_argo_cd_may_not_make_is_a_problem(joining: Preflight) -> None:
    message = (
        'clusterroles.rbac.authorization.k8s.io "istiod" is forbidden: user "argocd" is attempting '
        "to grant RBAC permissions not currently held: {...}"
    )
    refuse_writes(joining, "/clusterroles/", 403, message)
    assert set(joining.problems(CODE)) == {"escalation"}


def test_a_policy_that_refuses_an_object_is_a_problem(joining: Preflight) -> None:
    message = 'admission webhook "validate.kyverno.svc" denied the request: no cost centre'
    refuse_writes(joining, f"/namespaces/{PLANE}", 400, message)
    (found,) = [each for each in joining.look(CODE) if each.problem]
    assert (found.problem, found.looked_at) == ("not-admitted", f"dry run of Namespace {PLANE}")
    assert found.found == "webhook validate.kyverno.svc: no cost centre"


def test_a_webhook_that_nobody_answers_is_a_problem(joining: Preflight) -> None:
    message = (
        'Internal error occurred: failed calling webhook "ns.example.com": failed to call webhook: '
        'Post "https://x.y.svc:443/": no endpoints available for service "x"'
    )
    refuse_writes(joining, f"/namespaces/{PLANE}", 500, message)
    (found,) = [each for each in joining.look(CODE) if each.problem]
    assert found.problem == "not-admitted"
    assert found.found.startswith("webhook ns.example.com: the webhook's Service leads nowhere")


def test_a_credential_of_argo_cd_that_is_not_accepted_is_a_problem(joining: Preflight) -> None:
    access = joining.candidate.access
    assert isinstance(access, Access)
    argocd = replace(access, token=Secret("token-that-was-revoked"), origin="Secret y")
    joining.candidate = replace(joining.candidate, argocd=argocd)
    assert joining.problems(CODE) == ["not-accepted"]
    assert "token-that" not in str(joining.look(CODE))


def test_reviews_that_nobody_may_ask_for_leave_it_unknown(joining: Preflight) -> None:
    joining.server.denied.add(RULES)
    assert set(joining.problems(CODE)) == {"unknown"}
    assert "system:basic-user" in joining.look(CODE)[0].remedy


def test_a_repository_without_bases_leaves_it_unknown(joining: Preflight, tmp_path: Path) -> None:
    joining.mesh.fleet.root = tmp_path
    (found,) = [each for each in joining.look(CODE) if each.state == "unknown"]
    assert "manifests.yaml of the repository cannot be read" in found.found


def test_a_role_that_is_not_there_yet_can_be_bound_later(joining: Preflight) -> None:
    refuse_writes(joining, "/clusterrolebindings/", 404, 'clusterroles "istiod" not found')
    assert joining.problems(CODE) == []
    assert any("before its role is there" in each.found for each in joining.look(CODE))
