from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import State
from tests.bot import identities
from tests.bot.apiserver import dead_server
from tests.bot.fleets import CONFIG, PLANE, SECOND, World, world
from tests.bot.identities import ACCESS, RULES, SECRETS, answer, deliver, grant, token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.result import Result

CODE = "EXTCP-H07"
BASE = f"istio/1.29.1/{PLANE}"
READS: list[dict[str, Any]] = [
    {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]},
    {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
]
WRITES: list[dict[str, Any]] = [
    {"apiGroups": [""], "resources": ["secrets/status"], "verbs": ["update"]}
]


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[World]:
    with world() as made:
        made.fleet.root = tmp_path
        want(made, READS)
        for cluster in (CONFIG, SECOND):
            deliver(made, cluster)
            grant(made.servers[cluster], READS, WRITES)
        yield made


def want(mesh: World, everywhere: list[dict[str, Any]]) -> None:
    """Let the repository want rules, and on the config cluster some more in the namespace."""
    import yaml  # noqa: PLC0415 - as where it is read

    for part, account in (("config-cluster", "istiod"), ("remote-cluster", "")):
        name = account or "istio-reader-service-account"
        objects = [
            role("ClusterRole", everywhere),
            binding("ClusterRole", "", name),
            *([role("Role", WRITES, PLANE), binding("Role", PLANE, name)] if account else []),
        ]
        path = mesh.fleet.root / BASE / part / "manifests.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump_all(objects))


def role(kind: str, rules: list[dict[str, Any]], namespace: str = "") -> dict[str, Any]:
    api = "rbac.authorization.k8s.io/v1"
    return {"apiVersion": api, "kind": kind, "metadata": within(namespace), "rules": rules}


def binding(kind: str, namespace: str, account: str) -> dict[str, Any]:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": PLANE}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": f"{kind}Binding",
        "metadata": within(namespace),
        "roleRef": {"kind": kind, "name": "istiod"},
        "subjects": [subject],
    }


def within(namespace: str) -> dict[str, str]:
    return {"name": "istiod", **({"namespace": namespace} if namespace else {})}


def only(mesh: World, cluster: str = SECOND) -> Result:
    (found,) = mesh.check(CODE, cluster)
    return found


def test_rules_as_the_repository_wants_them_are_healthy(mesh: World) -> None:
    found = {each.cluster: each for each in mesh.check(CODE)}
    assert {each.state for each in found.values()} == {State.HEALTHY}
    assert found[SECOND].found == f"the 3 rules of {BASE}/remote-cluster"
    assert found[CONFIG].found == f"the 4 rules of {BASE}/config-cluster"


def test_rules_that_say_more_are_healthy(mesh: World) -> None:
    everything = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    grant(mesh.second, everything)
    assert only(mesh).state is State.HEALTHY


def test_a_healthy_cluster_is_asked_twice(mesh: World) -> None:
    mesh.check(CODE, SECOND)
    assert [line.split()[0] for line in mesh.second.requests] == ["POST", "POST"]
    assert mesh.second.tokens == {token(SECOND)}


def test_a_rule_that_is_gone_is_named_with_what_puts_it_back(mesh: World) -> None:
    grant(mesh.second, READS[:1])
    found = only(mesh)
    assert found.problem == "missing-rights"
    assert found.found == "refused: /metrics (get), endpointslices.discovery.k8s.io (list)"
    assert found.wanted == f"the 3 rules of {BASE}/remote-cluster"
    assert found.command == (
        f"kubectl --context {SECOND} apply --server-side --force-conflicts "
        f"--kustomize clusters/{SECOND}"
    )


def test_rights_in_the_namespace_alone_are_not_rights_in_the_cluster(mesh: World) -> None:
    grant(mesh.second, READS[1:], READS)
    found = only(mesh)
    assert (found.problem, found.found) == (
        "missing-rights",
        "refused: pods (get, list), services (get, list)",
    )


def test_a_role_is_looked_for_in_its_namespace(mesh: World) -> None:
    namespaces = grant(mesh.config, READS)
    reviews = answer(mesh.config, lambda _: False)
    assert only(mesh, CONFIG).found == f"refused: secrets/status in {PLANE} (update)"
    assert namespaces == ["no.namespace", PLANE]
    assert reviews == [
        {
            "resourceAttributes": {
                "namespace": PLANE,
                "verb": "update",
                "resource": "secrets",
                "subresource": "status",
            }
        }
    ]


def test_what_is_granted_everywhere_needs_no_role(mesh: World) -> None:
    assert grant(mesh.config, [*READS, *WRITES]) is not None
    assert only(mesh, CONFIG).state is State.HEALTHY


def test_a_right_that_comes_from_elsewhere_than_rules_is_not_missing(mesh: World) -> None:
    grant(mesh.second, [])
    asked = answer(mesh.second, lambda _: True)
    assert only(mesh).state is State.HEALTHY
    assert {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}} in asked
    assert {"resourceAttributes": {"verb": "list", "resource": "pods"}} in asked
    group = {"verb": "list", "group": "discovery.k8s.io", "resource": "endpointslices"}
    assert {"resourceAttributes": group} in asked


def test_only_what_is_refused_is_missing(mesh: World) -> None:
    grant(mesh.second, READS[1:])
    answer(mesh.second, lambda spec: spec["resourceAttributes"]["verb"] == "get")
    assert only(mesh).found == "refused: pods (list), services (list)"


def test_what_has_a_name_comes_first(mesh: World) -> None:
    want(mesh, [{"apiGroups": [""], "resources": ["*", "pods"], "verbs": ["list"]}])
    grant(mesh.second, [])
    assert only(mesh).found == "refused: pods (list), * (list)"


def many(number: int) -> list[dict[str, Any]]:
    names = [f"kind{i:02}" for i in range(number)]
    return [{"apiGroups": [""], "resources": names, "verbs": ["list"]}]


def test_of_many_the_first_are_named_and_asked_for(mesh: World) -> None:
    want(mesh, many(13))
    asked = answer(mesh.second, lambda _: False)
    found = only(mesh)
    assert found.found.startswith("refused: kind00 (list), ")
    assert found.found.endswith("kind09 (list) and 3 more")
    assert len(asked) == 10


def test_what_was_not_asked_for_is_unknown_if_all_that_was_is_allowed(mesh: World) -> None:
    want(mesh, many(13))
    answer(mesh.second, lambda _: True)
    found = only(mesh)
    assert found.state is State.UNKNOWN
    assert "and 3 more" in found.found


def test_a_refused_credential_is_unknown_and_refers_to_the_check_of_it(mesh: World) -> None:
    mesh.second.accepted.discard(token(SECOND))
    found = only(mesh)
    assert (found.state, found.remedy) == (State.UNKNOWN, "see EXTCP-H06")


def test_a_credential_without_a_route_is_unknown(mesh: World) -> None:
    with dead_server() as dead:
        deliver(mesh, SECOND, of_cluster={"server": dead.server})
        assert only(mesh).state is State.UNKNOWN


def test_a_missing_secret_is_unknown_and_refers_to_the_check_of_it(mesh: World) -> None:
    del mesh.external.objects[f"{SECRETS}/istio-remote-secret-{SECOND}"]
    found = only(mesh)
    assert found.state is State.UNKNOWN
    assert "EXTCP-H05" in found.remedy


def test_a_repository_that_says_nothing_is_unknown(mesh: World, tmp_path: Path) -> None:
    mesh.fleet = replace(mesh.fleet, root=tmp_path / "elsewhere")
    found = only(mesh)
    assert found.state is State.UNKNOWN
    assert "extcp-gitops generate" in found.remedy


@pytest.mark.parametrize("path", [RULES, ACCESS])
def test_a_cluster_that_lets_nobody_ask_is_unknown(mesh: World, path: str) -> None:
    grant(mesh.second, [])
    mesh.second.posts[path] = lambda _: (403, 'x cannot create resource "y"')
    found = only(mesh)
    assert found.state is State.UNKNOWN
    assert "system:basic-user" in found.remedy


@pytest.mark.parametrize("path", [RULES, ACCESS])
@pytest.mark.parametrize("status", [None, [], {"resourceRules": 1, "allowed": "yes"}])
def test_a_cluster_that_says_nonsense_is_unknown(mesh: World, path: str, status: object) -> None:
    grant(mesh.second, [])
    mesh.second.posts[path] = lambda body: {**body, "status": status}
    found = only(mesh)
    is_refused = path == RULES and isinstance(status, dict)
    assert found.state is (State.UNHEALTHY if is_refused else State.UNKNOWN)


def test_no_permission_to_see_the_secrets_is_unknown(mesh: World) -> None:
    mesh.external.denied.add(SECRETS)
    found = only(mesh)
    assert found.state is State.UNKNOWN
    assert "extcp-bot rbac" in found.remedy


def test_no_token_is_in_what_is_said(mesh: World) -> None:
    grant(mesh.second, [{"apiGroups": [identities.token(SECOND)], "resources": [token(SECOND)]}])
    assert token(SECOND) not in str(only(mesh).as_json())
