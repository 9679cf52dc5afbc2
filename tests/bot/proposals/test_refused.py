"""A candidate with a fault of any preflight check: no pull request, and the dashboard says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from extcp_bot.proposals.case import Standing
from tests.bot.candidates.clusters import NAME
from tests.bot.candidates.joining import beside
from tests.bot.fleets import PLANE, SECOND
from tests.bot.proposals.scene import offer
from tests.bot.simulation.controllers import named, put
from tests.bot.simulation.reviews import AUTHORIZATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bot.candidates.joining import Preflight
    from tests.bot.proposals.scene import Scene

KUBE_SYSTEM = "/api/v1/namespaces/kube-system"


def too_old(joining: Preflight) -> None:
    joining.server.objects["/version"]["gitVersion"] = "v1.30.9"


def a_member_under_another_name(joining: Preflight) -> None:
    uid = joining.server.objects[KUBE_SYSTEM]["metadata"]["uid"]
    joining.mesh.servers[SECOND].objects[KUBE_SYSTEM]["metadata"]["uid"] = uid


def another_istiod(joining: Preflight) -> None:
    labels = {"app": "istiod", "istio": "pilot"}
    spec = {"replicas": 1}
    put(joining.server, named("Deployment", "istiod", "a", "apps/v1", labels=labels, spec=spec))


def a_namespace_in_use(joining: Preflight) -> None:
    put(joining.server, named("Namespace", PLANE), named("Service", "web", PLANE, spec={}))


def rights_that_lack(joining: Preflight) -> None:
    def access(body: dict[str, Any]) -> dict[str, Any]:
        asked = body["spec"]["resourceAttributes"]
        is_allowed = (asked["resource"], asked["verb"]) != ("clusterroles", "create")
        return {**body, "status": {"allowed": is_allowed}}

    def rules(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "status": {"resourceRules": [], "nonResourceRules": []}}

    joining.server.posts[f"{AUTHORIZATION}/selfsubjectaccessreviews"] = access
    joining.server.posts[f"{AUTHORIZATION}/selfsubjectrulesreviews"] = rules


def another_network(joining: Preflight) -> None:
    labels = {"topology.istio.io/network": "network1"}
    put(joining.server, named("Namespace", "istio-system", labels=labels))


def no_way_to_istiod(joining: Preflight) -> None:
    joining.joining.failure = "dial tcp 192.0.2.10:15017: connect: connection refused"


def a_webhook_with_nobody_behind_it(joining: Preflight) -> None:
    rule = {"apiGroups": [""], "resources": ["pods"], "operations": ["CREATE"]}
    service = {"service": {"name": "policy", "namespace": "policy"}}
    hook = {"name": "a.example.com", "clientConfig": service, "failurePolicy": "Fail"}
    api, kind = "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"
    put(joining.server, named(kind, "policy", api=api, webhooks=[{**hook, "rules": [rule]}]))


def nobody_may_look(joining: Preflight) -> None:
    joining.server.denied.add("/version")


FAULTS: dict[str, tuple[Callable[[Preflight], None], Standing]] = {
    "EXTCP-P01": (too_old, Standing.UNHEALTHY),
    "EXTCP-P02": (a_member_under_another_name, Standing.UNHEALTHY),
    "EXTCP-P03": (another_istiod, Standing.UNHEALTHY),
    "EXTCP-P04": (a_namespace_in_use, Standing.UNHEALTHY),
    "EXTCP-P05": (rights_that_lack, Standing.UNHEALTHY),
    "EXTCP-P06": (another_network, Standing.UNHEALTHY),
    "EXTCP-P07": (no_way_to_istiod, Standing.UNHEALTHY),
    "EXTCP-P08": (a_webhook_with_nobody_behind_it, Standing.UNHEALTHY),
    "EXTCP-P01 ": (nobody_may_look, Standing.UNKNOWN),
}


def test_no_fault_of_a_candidate_gets_a_pull_request(scene: Scene) -> None:
    desk = scene.desk()
    for code, (spoil, standing) in FAULTS.items():
        with beside(scene.whole) as found:
            offer(desk, found)
            spoil(found)
            (row,) = desk.reconcile().rows
        assert (row.name, row.standing) == (NAME, standing), code
        assert code.strip() in row.why
        assert code.strip() in desk.dashboard()["body"]
        assert desk.pulls() == []
