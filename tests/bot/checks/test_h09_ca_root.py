from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import Severity, State
from extcp_bot.live import roots
from extcp_bot.live.namespaces import CONTROL_PLANE_CLUSTERS
from tests.bot import istiods
from tests.bot.fleets import CONFIG, EXTERNAL, NOW, PLANE, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from extcp_bot.result import Result

CODE = "EXTCP-H09"
LEADER = "istiod-1"
LONG_AGO = "2026-06-01T11:00:00Z"
ROOT = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
OTHER_ROOT = ROOT.replace("MIIB", "MIIC")
SECRETS = f"/api/v1/namespaces/{PLANE}/secrets"
SECRET = f"istio-remote-secret-{SECOND}"


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        istiods.put(made.external, LEADER)
        deliver(made, "istio-kubeconfig", "config", labels={})
        deliver(made, SECRET, SECOND)
        for cluster in (CONFIG, SECOND):
            annotations = {} if cluster == CONFIG else {CONTROL_PLANE_CLUSTERS: CONFIG}
            put_namespace(made, cluster, PLANE, annotations=annotations)
            put_namespace(made, cluster, "sample", labels={"istio-injection": "enabled"})
            put_namespace(made, cluster, "default")
            put_namespace(made, cluster, "kube-system", labels={"istio-injection": "enabled"})
            for name in (PLANE, "sample", "default"):
                put_root(made, cluster, name)
        lock(made, CONFIG, key="default")
        lock(made, SECOND)
        yield made


def put_namespace(mesh: World, cluster: str, name: str, **metadata: Any) -> None:  # noqa: ANN401
    whole = {"name": name, "creationTimestamp": LONG_AGO, **metadata}
    mesh.servers[cluster].put("/api/v1/namespaces", {"metadata": whole})


def put_root(mesh: World, cluster: str, namespace: str, root: str = ROOT) -> None:
    item = {"metadata": {"name": roots.CONFIG_MAP}, "data": {roots.KEY: root}}
    mesh.servers[cluster].put(f"/api/v1/namespaces/{namespace}/configmaps", item)


def take_roots(mesh: World, cluster: str, *namespaces: str) -> None:
    for name in namespaces or (PLANE, "sample", "default"):
        path = f"/api/v1/namespaces/{name}/configmaps/{roots.CONFIG_MAP}"
        del mesh.servers[cluster].objects[path]


def lock(
    mesh: World,
    cluster: str,
    holder: str = LEADER,
    key: str = "^default",
    renewed: datetime | str = NOW,
) -> None:
    time = renewed if isinstance(renewed, str) else renewed.isoformat()
    record = json.dumps({"holderIdentity": holder, "holderKey": key, "renewTime": time})
    metadata = {"name": roots.ELECTION, "annotations": {roots.LEADER: record}}
    path = f"/api/v1/namespaces/{PLANE}/configmaps"
    mesh.servers[cluster].put(path, {"metadata": metadata})


def unlock(mesh: World, cluster: str) -> None:
    del mesh.servers[cluster].objects[f"/api/v1/namespaces/{PLANE}/configmaps/{roots.ELECTION}"]


def deliver(mesh: World, name: str, key: str, created: str = LONG_AGO, **metadata: Any) -> None:  # noqa: ANN401
    whole = {"name": name, "labels": {"istio/multiCluster": "true"}, "creationTimestamp": created}
    mesh.external.put(SECRETS, {"metadata": {**whole, **metadata}, "data": {key: "e30="}})


def the(problem: str, found: list[Result]) -> Result:
    """The one finding, which is of this problem."""
    (wrong,) = [each for each in found if each.state is not State.HEALTHY]
    assert wrong.problem == problem
    return wrong


def test_a_cluster_whose_roots_istiod_writes_is_healthy(mesh: World) -> None:
    found = mesh.check(CODE)
    assert {(each.cluster, each.state) for each in found} == {
        (CONFIG, State.HEALTHY),
        (SECOND, State.HEALTHY),
    }
    assert any(each.found.startswith(f"{LEADER} as ^default, ") for each in found)
    assert "the same root in 3 namespaces" in {each.found for each in found}
    assert len(mesh.second.requests) == 3


def test_any_config_cluster_may_be_named(mesh: World) -> None:
    for value in ("*", f"other,{CONFIG}"):
        put_namespace(mesh, SECOND, PLANE, annotations={CONTROL_PLANE_CLUSTERS: value})
        assert {each.state for each in mesh.check(CODE, SECOND)} == {State.HEALTHY}


def test_a_cluster_without_the_namespace_is_named(mesh: World) -> None:
    del mesh.second.objects[f"/api/v1/namespaces/{PLANE}"]
    found = the("no-namespace", mesh.check(CODE, SECOND))
    assert "apply" in found.command
    assert f"clusters/{SECOND}" in found.command


@pytest.mark.parametrize("annotations", [{}, {CONTROL_PLANE_CLUSTERS: f"other, {CONFIG}"}])
def test_a_namespace_that_does_not_name_the_config_cluster_is_named(
    mesh: World, annotations: dict[str, str]
) -> None:
    put_namespace(mesh, SECOND, PLANE, annotations=annotations)
    found = the("not-annotated", mesh.check(CODE, SECOND))
    assert (found.wanted, found.severity) == (CONFIG, Severity.ERROR)
    take_roots(mesh, SECOND)
    unlock(mesh, SECOND)
    assert the("not-annotated", mesh.check(CODE, SECOND)).found.endswith("no namespace has a root")


@pytest.mark.parametrize("ago", [None, 95, 10**9])
def test_a_secret_that_came_before_the_annotation_is_a_trap_with_a_way_out(
    mesh: World, ago: int | None
) -> None:
    take_roots(mesh, SECOND)
    unlock(mesh, SECOND)
    if ago is not None:
        lock(mesh, SECOND, holder="", renewed=NOW - timedelta(seconds=ago))
    found = the("join-order-trap", mesh.check(CODE, SECOND))
    assert found.severity is Severity.CRITICAL
    # To be copied as it is: nothing in it may look like a credential and be hidden.
    assert found.command == (
        'kept="$(kubectl --context external-cluster --namespace external-istiod get secret '
        f'{SECRET} --output json)" && kubectl --context external-cluster --namespace '
        f"external-istiod delete secret {SECRET} && sleep 5 && "
        'printf %s "$kept" | kubectl --context external-cluster create --filename -'
    )


def test_the_way_out_names_the_secret_that_is_there(mesh: World) -> None:
    del mesh.external.objects[f"{SECRETS}/{SECRET}"]
    deliver(mesh, "of-another-name", SECOND)
    take_roots(mesh, SECOND)
    unlock(mesh, SECOND)
    command = the("join-order-trap", mesh.check(CODE, SECOND)).command
    assert command.count("secret of-another-name") == 2


def test_without_a_credential_there_is_no_trap(mesh: World) -> None:
    del mesh.external.objects[f"{SECRETS}/{SECRET}"]
    take_roots(mesh, SECOND)
    unlock(mesh, SECOND)
    assert "EXTCP-H05" in the("no-credential", mesh.check(CODE, SECOND)).remedy


@pytest.mark.parametrize("created", ["2026-06-01T11:59:50Z", "2026-06-01T11:59:05Z"])
def test_a_credential_that_has_just_come_is_given_time(mesh: World, created: str) -> None:
    deliver(mesh, SECRET, SECOND, created=created)
    take_roots(mesh, SECOND)
    unlock(mesh, SECOND)
    (found,) = mesh.check(CODE, SECOND)
    assert found.state is State.UNKNOWN
    assert "just now" in found.found


def test_a_leader_that_is_gone_leaves_the_roots_as_they_are(mesh: World) -> None:
    lock(mesh, SECOND, renewed=NOW - timedelta(seconds=120))
    found = the("no-leader", mesh.check(CODE, SECOND))
    assert found.found.startswith(f"{LEADER} as ^default, ")
    assert found.command.endswith("rollout restart deployment istiod")


def test_an_istiod_that_has_just_started_is_given_time_to_lead(mesh: World) -> None:
    created = (NOW - timedelta(seconds=40)).isoformat()
    istiods.put(mesh.external, LEADER, metadata={"creationTimestamp": created})
    lock(mesh, SECOND, holder="istiod-before", renewed=NOW - timedelta(seconds=120))
    assert {each.state for each in mesh.check(CODE, SECOND)} == {State.HEALTHY, State.UNKNOWN}


def test_the_config_cluster_knows_no_trap(mesh: World) -> None:
    take_roots(mesh, CONFIG)
    unlock(mesh, CONFIG)
    the("no-leader", mesh.check(CODE, CONFIG))


def test_an_istiod_of_somebody_else_is_named(mesh: World) -> None:
    lock(mesh, SECOND, holder="istiod-of-others", key="default")
    found = the("foreign-leader", mesh.check(CODE, SECOND))
    assert found.found.startswith("istiod-of-others as default, ")
    assert "EXTCP-H15" in found.remedy


@pytest.mark.parametrize(("seconds", "state"), [(80, State.UNKNOWN), (100, State.UNHEALTHY)])
def test_a_holder_that_istiod_may_have_been_before_its_restart_is_nobody_elses(
    mesh: World, seconds: int, state: State
) -> None:
    created = (NOW - timedelta(seconds=seconds)).isoformat()
    istiods.put(mesh.external, LEADER, metadata={"creationTimestamp": created})
    lock(mesh, SECOND, holder="istiod-before")
    assert state in {each.state for each in mesh.check(CODE, SECOND)}


def test_where_istiod_is_away_nobody_else_is_blamed(mesh: World) -> None:
    lock(mesh, SECOND)
    del mesh.external.objects[f"{istiods.PODS}/{LEADER}"]
    assert State.UNKNOWN in {each.state for each in mesh.check(CODE, SECOND)}


@pytest.mark.parametrize("holder", ["", "istiod-before"])
def test_while_one_leader_follows_another_nobody_knows(mesh: World, holder: str) -> None:
    lock(mesh, SECOND, holder=holder, renewed=NOW - timedelta(seconds=20))
    unknown, roots_found = sorted(mesh.check(CODE, SECOND), key=lambda each: each.state.value)[::-1]
    assert (unknown.state, roots_found.state) == (State.UNKNOWN, State.HEALTHY)


def test_a_leader_that_is_on_its_way_out_leads_still(mesh: World) -> None:
    istiods.put(mesh.external, LEADER, metadata={"deletionTimestamp": "2026-06-01T12:00:00Z"})
    assert {each.state for each in mesh.check(CODE, SECOND)} == {State.HEALTHY}


@pytest.mark.parametrize("renewed", ["soon", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", ""])
def test_a_leader_without_a_time_is_none(mesh: World, renewed: str) -> None:
    lock(mesh, SECOND, renewed=renewed)
    the("no-leader", mesh.check(CODE, SECOND))


@pytest.mark.parametrize("root", ["", "nonsense"])
def test_an_injected_namespace_without_a_root_is_critical(mesh: World, root: str) -> None:
    put_root(mesh, SECOND, "sample", root)
    found = the("no-root", mesh.check(CODE, SECOND))
    assert (found.severity, found.found) == (Severity.CRITICAL, "none in sample")
    assert found.command == (
        f"kubectl --context {SECOND} --namespace sample auth can-i create configmaps "
        "--as system:serviceaccount:external-istiod:istio-reader-service-account"
    )


def test_no_root_anywhere_is_critical_though_istiod_leads(mesh: World) -> None:
    take_roots(mesh, CONFIG)
    found = the("no-root", mesh.check(CODE, CONFIG))
    assert found.found == f"none in {PLANE}, sample"
    assert found.command.endswith(":istiod")


def test_namespaces_without_sidecars_need_no_root(mesh: World) -> None:
    take_roots(mesh, SECOND, "default")
    put_namespace(mesh, SECOND, "leaving", labels={"istio-injection": "enabled"})
    mesh.second.objects["/api/v1/namespaces/leaving"]["metadata"]["deletionTimestamp"] = LONG_AGO
    injected = {"istio-injection": "enabled"}
    put_namespace(mesh, SECOND, "new", labels=injected, creationTimestamp="2026-06-01T11:59:50Z")
    assert {each.state for each in mesh.check(CODE, SECOND)} == {State.HEALTHY}


def test_another_root_in_one_namespace_is_named(mesh: World) -> None:
    put_root(mesh, SECOND, "default", OTHER_ROOT)
    put_root(mesh, SECOND, "kube-public", OTHER_ROOT)
    put_root(mesh, SECOND, "sample", ROOT.strip())
    found = the("differing", mesh.check(CODE, SECOND))
    assert found.found == "another root in default"
    assert found.command == (
        f"kubectl --context {SECOND} --namespace default delete configmap istio-ca-root-cert"
    )


def test_of_many_namespaces_the_first_are_named(mesh: World) -> None:
    for number in range(7):
        put_namespace(mesh, SECOND, f"app-{number}", labels={"istio-injection": "enabled"})
    found = the("no-root", mesh.check(CODE, SECOND))
    assert found.found == "none in app-0, app-1, app-2, app-3, app-4 and 2 more"


def test_without_a_look_at_istiod_the_rest_is_looked_at(mesh: World) -> None:
    mesh.external.denied.add(istiods.PODS)
    found = mesh.check(CODE, SECOND)
    assert [each.state for each in found] == [State.UNKNOWN, State.HEALTHY, State.HEALTHY]
    assert istiods.PODS in found[0].found


def test_without_a_look_at_secrets_the_trap_is_seen(mesh: World) -> None:
    mesh.external.denied |= {SECRETS, f"{SECRETS}/{SECRET}"}
    take_roots(mesh, SECOND)
    unlock(mesh, SECOND)
    assert f"delete secret {SECRET} " in the("join-order-trap", mesh.check(CODE, SECOND)).command


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces",
        "/api/v1/configmaps",
        f"/api/v1/namespaces/{PLANE}/configmaps/{roots.ELECTION}",
    ],
)
def test_no_permission_is_unknown_and_says_which(mesh: World, path: str) -> None:
    mesh.second.denied.add(path)
    (found,) = mesh.check(CODE, SECOND)
    assert found.state is State.UNKNOWN
    assert path in found.found


def test_nothing_of_a_secret_is_shown(mesh: World) -> None:
    deliver(mesh, SECRET, SECOND)
    take_roots(mesh, SECOND)
    unlock(mesh, SECOND)
    assert "e30=" not in str([each.as_json() for each in mesh.check(CODE)])


def test_the_check_is_of_remote_clusters(mesh: World) -> None:
    assert mesh.check(CODE, EXTERNAL) == []
