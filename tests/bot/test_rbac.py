from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from extcp_bot import rbac
from extcp_bot.checks import all_checks
from extcp_bot.checks.model import (
    ARGOCD_NAMESPACE,
    CONTROL_PLANE_NAMESPACE,
    GATEWAY_SECRET,
    PROBE_NAMESPACE,
    Check,
    Permission,
    Scope,
    Severity,
    Side,
    healthy,
)
from extcp_bot.rbac import Account, Places
from extcp_gitops.inventory.model import ControlPlane, GatewayTLS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.checks.model import Observation
    from extcp_bot.target import Target

A = ControlPlane("istiod-a", "a.example.com", "one", tls=GatewayTLS("a-tls"))
B = ControlPlane("istiod-b", "10.0.0.1", "two")
PLACES = Places((A, B), "argocd", "probe")


async def look(target: Target) -> AsyncIterator[Observation]:
    yield healthy("nothing", target.cluster.name)


def check(code: str, *permissions: Permission) -> Check:
    return Check(code, code, "", Scope.REMOTE, Severity.ERROR, permissions, (), look)


def printed(side: Side, *checks: Check, account: Account | None = None) -> str:
    wanted = list(rbac.permissions(checks, side))
    return rbac.document(side, rbac.rules(wanted, PLACES), account)


def objects(text: str) -> dict[tuple[str, str | None], dict[str, Any]]:
    """By kind and namespace."""
    found = [item for item in yaml.safe_load_all(text) if item]
    return {(item["kind"], item["metadata"].get("namespace")): item for item in found}


def test_a_rule_says_which_checks_need_it() -> None:
    nodes = Permission(Side.REMOTE, "nodes")
    crds = Permission(
        Side.REMOTE, "customresourcedefinitions", ("get",), "apiextensions.k8s.io", names=("a.b",)
    )
    text = printed(Side.REMOTE, check("EXTCP-H02", nodes, crds), check("EXTCP-H01", nodes))
    assert (
        text
        == """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: extcp-bot-remote
rules:
# EXTCP-H01, EXTCP-H02
- apiGroups:
  - ""
  resources:
  - nodes
  verbs:
  - list
# EXTCP-H02
- apiGroups:
  - apiextensions.k8s.io
  resources:
  - customresourcedefinitions
  resourceNames:
  - a.b
  verbs:
  - get
"""
    )


def test_verbs_on_one_resource_are_one_rule() -> None:
    one = check("EXTCP-H01", Permission(Side.EXTERNAL, "pods", ("list",)))
    two = check("EXTCP-H02", Permission(Side.EXTERNAL, "pods", ("get", "list")))
    (rule,) = objects(printed(Side.EXTERNAL, one, two))["ClusterRole", None]["rules"]
    assert rule["verbs"] == ["get", "list"]


def test_a_placeholder_becomes_a_role_in_each_namespace() -> None:
    one = check(
        "EXTCP-H01",
        Permission(Side.EXTERNAL, "secrets", namespace=CONTROL_PLANE_NAMESPACE),
        Permission(Side.EXTERNAL, "services", namespace="istio-system"),
    )
    found = objects(printed(Side.EXTERNAL, one))
    assert set(found) == {("Role", "istio-system"), ("Role", "istiod-a"), ("Role", "istiod-b")}


def test_a_placeholder_in_a_name_follows_the_namespace() -> None:
    names = ("istio-{control-plane}", "fixed")
    inside = Permission(
        Side.REMOTE, "configmaps", ("get",), namespace=CONTROL_PLANE_NAMESPACE, names=names
    )
    everywhere = Permission(Side.REMOTE, "clusterroles", ("get",), names=names)
    found = objects(printed(Side.REMOTE, check("EXTCP-H01", inside, everywhere)))
    (rule,) = found["Role", "istiod-a"]["rules"]
    assert rule["resourceNames"] == ["fixed", "istio-istiod-a"]
    (rule,) = found["ClusterRole", None]["rules"]
    assert rule["resourceNames"] == ["fixed", "istio-istiod-a", "istio-istiod-b"]


def test_the_secrets_of_the_gateway_are_named_where_there_are_any() -> None:
    secret = Permission(
        Side.EXTERNAL, "secrets", ("get",), namespace="istio-system", names=(GATEWAY_SECRET,)
    )
    found = objects(printed(Side.EXTERNAL, check("EXTCP-H02", secret)))
    (rule,) = found["Role", "istio-system"]["rules"]
    assert rule["resourceNames"] == ["a-tls"]
    wanted = list(rbac.permissions([check("EXTCP-H02", secret)], Side.EXTERNAL))
    assert not any(rbac.rules(wanted, Places((B,), "argocd")).values())


def test_what_a_wider_rule_allows_is_not_asked_for_again() -> None:
    wide = check("EXTCP-H01", Permission(Side.REMOTE, "configmaps", ("get", "list")))
    narrow = check(
        "EXTCP-H02",
        Permission(Side.REMOTE, "configmaps", ("get",), names=("root",)),
        Permission(Side.REMOTE, "configmaps", namespace=CONTROL_PLANE_NAMESPACE),
    )
    text = printed(Side.REMOTE, wide, narrow)
    assert len(objects(text)) == 1
    assert "# EXTCP-H01, EXTCP-H02\n" in text
    assert "resourceNames" not in text


def test_a_narrow_rule_with_another_verb_stays() -> None:
    one = check(
        "EXTCP-H01",
        Permission(Side.REMOTE, "configmaps", ("list",)),
        Permission(Side.REMOTE, "configmaps", ("get",), names=("root",)),
    )
    rules = objects(printed(Side.REMOTE, one))["ClusterRole", None]["rules"]
    assert [rule.get("resourceNames") for rule in rules] == [None, ["root"]]


def test_a_config_cluster_is_a_remote_cluster_too() -> None:
    one = check("EXTCP-H01", Permission(Side.REMOTE, "pods"), Permission(Side.CONFIG, "leases"))
    assert "pods" not in printed(Side.EXTERNAL, one)
    assert "leases" not in printed(Side.REMOTE, one)
    both = printed(Side.CONFIG, one)
    assert "pods" in both
    assert "leases" in both


def test_dry_runs_are_left_out_without_a_namespace_for_them() -> None:
    one = check(
        "EXTCP-H10", Permission(Side.REMOTE, "pods", ("create",), namespace=PROBE_NAMESPACE)
    )
    wanted = list(rbac.permissions([one], Side.REMOTE))
    nowhere = Places((A,), "argocd")
    assert rbac.left_out(wanted, nowhere) == ["EXTCP-H10"]
    assert rbac.document(Side.REMOTE, rbac.rules(wanted, nowhere)) == ""
    assert rbac.left_out(wanted, PLACES) == []
    assert set(objects(printed(Side.REMOTE, one))) == {("Role", "probe")}


def test_a_service_account_is_made_and_bound() -> None:
    one = check(
        "EXTCP-H18",
        Permission(Side.ARGOCD, "applications", group="argoproj.io", namespace=ARGOCD_NAMESPACE),
        Permission(Side.ARGOCD, "nodes"),
    )
    found = objects(printed(Side.ARGOCD, one, account=Account("tools", "bot")))
    assert found["ServiceAccount", "tools"]["metadata"]["name"] == "bot"
    for kind, namespace in (("ClusterRole", None), ("Role", "argocd")):
        binding = found[f"{kind}Binding", namespace]
        assert binding["roleRef"]["name"] == found[kind, namespace]["metadata"]["name"]
        assert binding["roleRef"]["kind"] == kind
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "bot", "namespace": "tools"}
        ]


def test_all_checks_ask_to_look_and_to_try() -> None:
    for code, each in all_checks().items():
        for permission in each.permissions:
            allowed = {"get", "list", "create"}
            assert set(permission.verbs) <= allowed, code
            if "create" in permission.verbs:
                assert permission.namespace in {PROBE_NAMESPACE, CONTROL_PLANE_NAMESPACE} or any(
                    word in permission.resource for word in ("reviews", "portforward")
                ), (code, permission)


def test_the_output_is_the_same_each_time() -> None:
    checks = list(all_checks().values())
    for side in Side:
        assert printed(side, *checks) == printed(side, *reversed(checks))
