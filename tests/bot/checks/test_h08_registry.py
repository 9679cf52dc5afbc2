from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import Severity, State
from extcp_bot.live import registry, services
from tests.bot import istiods
from tests.bot.fleets import CONFIG, EXTERNAL, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = "EXTCP-H08"
FIRST, OTHER = "istiod-1", "istiod-2"
HOST = "app.sample.svc.cluster.local"
LONG_AGO = "2026-06-01T11:00:00Z"
ADDRESSES = {CONFIG: "10.1.0.1", SECOND: "10.2.0.1"}

Pages = dict[str, Any]


class Answers(dict[str, Any]):
    """Pages of which some are made anew each time: those that are functions."""

    def get(self, key: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON
        page = super().get(key, default)
        return page() if callable(page) else page


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        for cluster in (CONFIG, SECOND):
            namespace = {"name": "sample", "labels": {"istio-injection": "enabled"}}
            made.servers[cluster].put("/api/v1/namespaces", {"metadata": namespace})
            put_slice(made, cluster, ADDRESSES[cluster])
        yield made


@pytest.fixture
def pages(mesh: World) -> dict[str, Pages]:
    """What each of two replicas says, by its name."""
    result: dict[str, Pages] = {name: Answers(healthy_pages()) for name in (FIRST, OTHER)}
    for name, its in result.items():
        istiods.put(mesh.external, name, its)
    return result


def healthy_pages() -> Pages:
    return {
        registry.CLUSTERS: [
            {"id": CONFIG, "secretName": "", "syncStatus": "synced"},
            {
                "id": SECOND,
                "secretName": f"external-istiod/istio-remote-secret-{SECOND}",
                "syncStatus": "synced",
            },
        ],
        registry.ENDPOINTS: shards({name: [address] for name, address in ADDRESSES.items()}),
        "/metrics": "up 1\n",
    }


def shards(addresses: dict[str, list[str]], host: str = HOST, node: str = "node") -> Any:  # noqa: ANN401
    by_cluster = {
        f"Kubernetes/{cluster}": [{"Addresses": [each], "NodeName": node} for each in its]
        for cluster, its in addresses.items()
    }
    return {host: {"sample": {"Shards": by_cluster}}}


def put_slice(
    mesh: World, cluster: str, *addresses: str, changed: str = LONG_AGO, ready: bool = True
) -> None:
    key, _, value = services.SELECTOR.partition("=")
    metadata = {
        "name": "app-x2x4z",
        "labels": {key: value, services.SERVICE: "app"},
        "creationTimestamp": LONG_AGO,
        "managedFields": [{"time": changed}],
    }
    endpoints = [{"addresses": [each], "conditions": {"ready": ready}} for each in addresses]
    path = "/apis/discovery.k8s.io/v1/namespaces/sample/endpointslices"
    mesh.servers[cluster].put(path, {"metadata": metadata, "endpoints": endpoints})


def told(mesh: World, cluster: str) -> list[tuple[str, str]]:
    """Problems, and the replicas that the commands name."""
    found = mesh.check(CODE, cluster)
    return [(each.problem, each.command.rpartition(" ")[2]) for each in found if each.problem]


@pytest.mark.usefixtures("pages")
def test_replicas_that_know_all_clusters_are_healthy(mesh: World) -> None:
    found = mesh.check(CODE)
    assert {each.state for each in found} == {State.HEALTHY}
    said = {(each.cluster, each.found) for each in found}
    assert (EXTERNAL, "2 of 2 clusters, and no others") in said
    assert (SECOND, "synced") in said
    assert (SECOND, "those of 1 Services are as in the cluster") in said
    for server in (mesh.config, mesh.second):
        assert sum("endpointslices" in request for request in server.requests) == 1


def test_errors_of_the_past_are_told_and_change_nothing(
    mesh: World, pages: dict[str, Pages]
) -> None:
    pages[FIRST]["/metrics"] = f'controller_sync_errors_total{{cluster="{SECOND}"}} 12\n'
    pages[OTHER]["/metrics"] = 404
    first, other = mesh.check(CODE, EXTERNAL)
    assert (first.state, other.state) == (State.HEALTHY, State.HEALTHY)
    assert f"12 of {SECOND}" in first.found


def test_without_a_replica_nobody_can_know_anything(mesh: World) -> None:
    istiods.put(mesh.external, FIRST, status={"phase": "Running"})
    (found,) = mesh.check(CODE, EXTERNAL)
    assert (found.problem, found.severity) == ("no-replica", Severity.CRITICAL)
    (found,) = mesh.check(CODE, SECOND)
    assert found.state is State.UNKNOWN
    assert "EXTCP-H08" in found.remedy


def test_a_cluster_that_the_inventory_does_not_have_is_named(
    mesh: World, pages: dict[str, Pages]
) -> None:
    stranger = {"id": "old", "secretName": "external-istiod/remote-old", "syncStatus": "synced"}
    pages[OTHER][registry.CLUSTERS].append(stranger)
    (wrong,) = [each for each in mesh.check(CODE, EXTERNAL) if each.problem]
    assert (wrong.problem, wrong.looked_at) == ("foreign", f"istiod {OTHER}, /debug/clusterz")
    assert wrong.found == "old, from Secret external-istiod/remote-old"
    assert wrong.command == (
        "kubectl --context external-cluster --namespace external-istiod delete secret remote-old"
    )


def test_a_config_cluster_that_is_there_twice_loses_its_label_and_not_its_secret(
    mesh: World, pages: dict[str, Pages]
) -> None:
    bogus = {
        "id": "config",
        "secretName": "external-istiod/istio-kubeconfig",
        "syncStatus": "synced",
    }
    pages[FIRST][registry.CLUSTERS].append(bogus)
    (wrong,) = [each for each in mesh.check(CODE, EXTERNAL) if each.problem]
    assert wrong.problem == "config-twice"
    assert wrong.command.endswith("label secret istio-kubeconfig istio/multiCluster-")


def test_a_config_cluster_of_another_name_is_named_on_both_sides(
    mesh: World, pages: dict[str, Pages]
) -> None:
    for its in pages.values():
        its[registry.CLUSTERS][0]["id"] = "Kubernetes"
    assert [problem for problem, _ in told(mesh, EXTERNAL)] == ["config-renamed"] * 2
    assert [problem for problem, _ in told(mesh, CONFIG)] == ["not-registered"]


def test_a_cluster_that_nobody_knows_is_one_finding(mesh: World, pages: dict[str, Pages]) -> None:
    for its in pages.values():
        its[registry.CLUSTERS].pop()
    (found,) = mesh.check(CODE, SECOND)
    assert (found.problem, found.wanted) == ("not-registered", SECOND)
    assert "EXTCP-H05" in found.remedy
    assert told(mesh, CONFIG) == []


def test_a_replica_that_lacks_a_cluster_is_named_and_can_be_restarted(
    mesh: World, pages: dict[str, Pages]
) -> None:
    pages[OTHER][registry.CLUSTERS].pop()
    (found,) = [each for each in mesh.check(CODE, SECOND) if each.problem]
    assert (found.problem, found.looked_at) == ("replica-lacks", f"istiod {OTHER}, /debug/clusterz")
    assert found.command == (
        "kubectl --context external-cluster --namespace external-istiod delete pod istiod-2"
    )


@pytest.mark.parametrize(
    ("status", "problem", "severity"),
    [
        ("syncing", "syncing", Severity.WARNING),
        ("timeout", "not-synced", Severity.ERROR),
        ("closed", "stopped", Severity.ERROR),
        ("", "not-synced", Severity.ERROR),
    ],
)
def test_a_cluster_that_is_not_synced_is_named(
    mesh: World, pages: dict[str, Pages], status: str, problem: str, severity: Severity
) -> None:
    pages[FIRST][registry.CLUSTERS][1]["syncStatus"] = status
    wrong, *others = mesh.check(CODE, SECOND)
    assert (wrong.problem, wrong.severity) == (problem, severity)
    assert wrong.found == f"{SECOND}: {status}".strip()
    assert [each.state for each in others] == [State.HEALTHY]


@pytest.mark.parametrize(
    ("live", "said"),
    [
        (["10.2.0.1", "10.2.0.2"], "sample/app lacks 10.2.0.2"),
        (["10.2.0.2"], "sample/app lacks 10.2.0.2, still has 10.2.0.1"),
        ([], "sample/app still has 10.2.0.1"),
    ],
)
@pytest.mark.usefixtures("pages")
def test_addresses_that_are_not_those_of_the_cluster_are_stale(
    mesh: World, live: list[str], said: str
) -> None:
    put_slice(mesh, SECOND, *live)
    synced, *stale = mesh.check(CODE, SECOND)
    assert synced.found == "synced"
    assert [(each.problem, each.found) for each in stale] == [("stale", said)] * 2
    assert stale[0].command.endswith(f"delete pod {FIRST}")
    assert "EXTCP-H06" in stale[0].remedy
    assert told(mesh, CONFIG) == []


def test_one_replica_may_be_stale_alone(mesh: World, pages: dict[str, Pages]) -> None:
    put_slice(mesh, SECOND, "10.2.0.9")
    pages[FIRST][registry.ENDPOINTS] = shards({SECOND: ["10.2.0.9"]})
    assert told(mesh, SECOND) == [("stale", OTHER)]


@pytest.mark.usefixtures("pages")
def test_a_pod_that_starts_or_ends_may_be_known_or_not(mesh: World) -> None:
    put_slice(mesh, SECOND, "10.2.0.1", "10.2.0.2", ready=False)
    assert told(mesh, SECOND) == []


@pytest.mark.usefixtures("pages")
def test_what_has_just_changed_is_left_out(mesh: World) -> None:
    put_slice(mesh, SECOND, "10.2.0.9", changed="2026-06-01T11:59:50Z")
    found = mesh.check(CODE, SECOND)
    assert [each.found for each in found] == ["synced", "none"]


@pytest.mark.parametrize("asked_last", [FIRST, OTHER])
def test_what_changes_while_istiod_is_asked_is_left_out(
    mesh: World, pages: dict[str, Pages], asked_last: str
) -> None:
    def known() -> Any:  # noqa: ANN401 - JSON
        put_slice(mesh, SECOND, "10.2.0.9", changed="2026-06-01T12:00:00Z")
        return shards({SECOND: ["10.2.0.9"]})

    pages[asked_last][registry.ENDPOINTS] = known
    assert told(mesh, SECOND) == []


def test_what_is_put_right_within_a_moment_is_not_stale(
    mesh: World, pages: dict[str, Pages]
) -> None:
    looks = iter([["10.2.0.1", "10.2.0.8"], ["10.2.0.1", "10.2.0.9"]])
    pages[FIRST][registry.ENDPOINTS] = lambda: shards({SECOND: next(looks)})
    assert told(mesh, SECOND) == []
    assert next(looks, None) is None


def test_a_healthy_replica_is_asked_once_for_all_clusters(
    mesh: World, pages: dict[str, Pages]
) -> None:
    healthy = pages[FIRST][registry.ENDPOINTS]
    looks = iter([healthy])
    pages[FIRST][registry.ENDPOINTS] = lambda: next(looks)
    assert {each.state for each in mesh.check(CODE)} == {State.HEALTHY}


def test_who_is_gone_before_the_second_look_is_unknown(
    mesh: World, pages: dict[str, Pages]
) -> None:
    put_slice(mesh, SECOND, "10.2.0.9")
    looks = iter([shards({SECOND: ["10.2.0.1"]})])
    pages[FIRST][registry.ENDPOINTS] = lambda: next(looks, 404)
    _, gone, stale = mesh.check(CODE, SECOND)
    assert (gone.state, FIRST in gone.looked_at) == (State.UNKNOWN, True)
    assert (stale.problem, OTHER in stale.looked_at) == ("stale", True)


def test_addresses_without_a_pod_may_come_from_elsewhere(
    mesh: World, pages: dict[str, Pages]
) -> None:
    entries = shards({SECOND: ["10.2.0.1", "192.0.2.7"]}, node="")
    pages[FIRST][registry.ENDPOINTS] = pages[OTHER][registry.ENDPOINTS] = entries
    assert told(mesh, SECOND) == []


def test_a_service_that_istiod_is_not_to_see_is_left_out(
    mesh: World, pages: dict[str, Pages]
) -> None:
    entries = shards({SECOND: ["10.2.0.5"]}, host="other.sample.svc.cluster.local")
    pages[FIRST][registry.ENDPOINTS] = pages[OTHER][registry.ENDPOINTS] = entries
    assert told(mesh, SECOND) == []


def test_no_address_of_a_cluster_at_all_is_stale(mesh: World, pages: dict[str, Pages]) -> None:
    for its in pages.values():
        its[registry.ENDPOINTS] = shards({CONFIG: ["10.1.0.1"]})
    stale = [each for each in mesh.check(CODE, SECOND) if each.problem]
    assert [each.found for each in stale] == ["sample/app has no address"] * 2
    mesh.second.objects["/api/v1/namespaces/sample"]["metadata"]["labels"] = {}
    assert told(mesh, SECOND) == []


def test_a_replica_that_cannot_be_asked_is_unknown_and_the_others_are_not(mesh: World) -> None:
    istiods.put(mesh.external, FIRST, healthy_pages())
    istiods.put(mesh.external, OTHER)
    for cluster in (EXTERNAL, SECOND):
        unknown, *others = sorted(
            mesh.check(CODE, cluster), key=lambda each: each.state is not State.UNKNOWN
        )
        assert unknown.state is State.UNKNOWN
        assert OTHER in unknown.looked_at
        assert {each.state for each in others} == {State.HEALTHY}


@pytest.mark.usefixtures("pages")
def test_no_permission_is_unknown_and_says_which(mesh: World) -> None:
    mesh.second.denied.add(services.PATH)
    synced, unknown = mesh.check(CODE, SECOND)
    assert (synced.state, unknown.state) == (State.HEALTHY, State.UNKNOWN)
    assert services.PATH in unknown.found
    mesh.external.denied.add(istiods.PODS)
    (found,) = mesh.check(CODE, EXTERNAL)
    assert found.state is State.UNKNOWN
    assert istiods.PODS in found.found


@pytest.mark.parametrize("page", [{}, "no JSON", [7], [{"id": 5}], '["' + "x" * 1_000_000 + '"]'])
def test_nonsense_is_never_healthy(mesh: World, pages: dict[str, Pages], page: Any) -> None:  # noqa: ANN401
    for its in pages.values():
        its[registry.CLUSTERS] = page
    found = mesh.check(CODE, SECOND)
    assert found
    assert State.HEALTHY not in {each.state for each in found}


@pytest.mark.parametrize("page", [[], {HOST: []}, {HOST: {"sample": {"Shards": {"x": 5}}}}])
def test_nonsense_for_endpoints_is_no_endpoints(
    mesh: World,
    pages: dict[str, Pages],
    page: Any,  # noqa: ANN401
) -> None:
    for its in pages.values():
        its[registry.ENDPOINTS] = page
    assert [problem for problem, _ in told(mesh, SECOND)] == ["stale", "stale"]
