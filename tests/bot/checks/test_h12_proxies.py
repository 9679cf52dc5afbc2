from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import Severity, State
from extcp_bot.live import connections, proxies
from tests.bot import istiods
from tests.bot.fleets import CONFIG, SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.result import Result

CODE = "EXTCP-H12"
FIRST, OTHER = "istiod-1", "istiod-2"
LONG_AGO, JUST_NOW = "2026-06-01T11:00:00Z", "2026-06-01T11:59:50Z"
MINUTES_AGO = "2026-06-01T11:57:00Z"
TYPE = "type.googleapis.com/envoy.config.{}.v3.{}"
CLUSTER = TYPE.format("cluster", "Cluster")
LISTENER = TYPE.format("listener", "Listener")
TAKEN = {"sent": "1", "acked": "1", "sentTime": LONG_AGO}

Pages = dict[str, Any]
Resources = dict[str, dict[str, str]]


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        for cluster in (CONFIG, SECOND):
            put(made, "app-1", cluster)
            put(made, "app-2", cluster)
        yield made


@pytest.fixture
def pages(mesh: World) -> dict[str, Pages]:
    """What each of two replicas says, by its name: it has one of the proxies of each cluster."""
    result = {
        FIRST: {connections.PATH: [entry("app-1", CONFIG), entry("app-1", SECOND)]},
        OTHER: {connections.PATH: [entry("app-2", CONFIG), entry("app-2", SECOND)]},
    }
    for name, its in result.items():
        istiods.put(mesh.external, name, its)
    return result


def entry(name: str, cluster: str = SECOND, resources: Resources | None = None) -> Any:  # noqa: ANN401
    return {
        "cluster_id": cluster,
        "proxy": f"{name}.sample",
        "resources": {CLUSTER: TAKEN, LISTENER: TAKEN, **(resources or {})},
    }


def put(
    mesh: World,
    name: str,
    cluster: str = SECOND,
    *,
    image: str = "docker.io/istio/proxyv2:1.29.1",
    ready: bool = True,
    created: str = LONG_AGO,
    placed: str = "",
    state: Pages | None = None,
    **variables: str,
) -> None:
    env = {"CA_ADDR": "istiod.example.com:15012", "ISTIO_META_CLUSTER_ID": cluster, **variables}
    container = {
        "name": proxies.CONTAINER,
        "image": image,
        "env": [{"name": key, "value": value} for key, value in env.items()],
    }
    item = {
        "metadata": {
            "name": name,
            "labels": {proxies.SELECTOR: "app"},
            "creationTimestamp": created,
        },
        "spec": {"containers": [{"name": "app", "image": "app"}, container]},
        "status": {
            "phase": "Running",
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "True",
                    "lastTransitionTime": placed or created,
                }
            ],
            "containerStatuses": [
                {"name": proxies.CONTAINER, "ready": ready, "restartCount": 0, "state": state}
            ],
        },
    }
    mesh.servers[cluster].put("/api/v1/namespaces/sample/pods", item)


def the(problem: str, found: list[Result]) -> Result:
    """The one result, which is of this problem."""
    (wrong,) = found
    assert wrong.problem == problem
    return wrong


@pytest.mark.usefixtures("pages")
def test_proxies_that_follow_one_replica_each_are_healthy(mesh: World) -> None:
    found = mesh.check(CODE)
    assert {(each.cluster, each.state) for each in found} == {
        (CONFIG, State.HEALTHY),
        (SECOND, State.HEALTHY),
    }
    assert found[0].found == "2 ready and connected: 1 to istiod-1, 1 to istiod-2"
    asked = [request for request in mesh.external.requests if "portforward" in request]
    assert len(asked) == 2
    assert len(mesh.second.requests) == 1


def test_a_cluster_without_proxies_is_healthy(mesh: World) -> None:
    mesh.second.objects.clear()
    (found,) = mesh.check(CODE, SECOND)
    assert found.state is State.HEALTHY


def test_a_pod_with_the_image_auto_can_be_deleted(mesh: World, pages: dict[str, Pages]) -> None:
    put(mesh, "gateway", image="auto", ready=False, CA_ADDR="")
    found = the("image-auto", mesh.check(CODE, SECOND))
    assert found.found == "gateway.sample auto"
    assert found.command == f"kubectl --context {SECOND} --namespace sample delete pod gateway"
    assert pages


@pytest.mark.usefixtures("pages")
def test_a_proxy_that_is_not_ready_is_named_once(mesh: World) -> None:
    put(mesh, "app-3", ready=False)
    found = the("not-ready", mesh.check(CODE, SECOND))
    assert found.command.endswith("logs app-3 --container istio-proxy --tail 50")


@pytest.mark.usefixtures("pages")
def test_a_pod_has_time_to_start(mesh: World) -> None:
    put(mesh, "app-3", ready=False, created=JUST_NOW)
    put(mesh, "app-4", created=JUST_NOW)
    put(mesh, "app-5", image="auto", ready=False, created=JUST_NOW)
    assert {each.state for each in mesh.check(CODE, SECOND)} == {State.HEALTHY}


@pytest.mark.usefixtures("pages")
def test_a_pod_that_has_waited_for_its_node_has_time_to_start(mesh: World) -> None:
    put(mesh, "app-3", ready=False, placed=JUST_NOW)
    assert {each.state for each in mesh.check(CODE, SECOND)} == {State.HEALTHY}


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_pod_has_minutes_for_its_image_and_its_volumes(mesh: World, reason: str) -> None:
    state = {"waiting": {"reason": reason}}
    put(mesh, "app-3", ready=False, placed=MINUTES_AGO, state=state)
    assert {each.state for each in mesh.check(CODE, SECOND)} == {State.HEALTHY}
    put(mesh, "app-3", ready=False, state=state)
    found = the("not-ready", mesh.check(CODE, SECOND))
    assert found.found == f"app-3.sample not ready: {reason}"


@pytest.mark.usefixtures("pages")
def test_a_proxy_that_has_just_been_started_for_the_first_time_has_time(mesh: World) -> None:
    running = {"running": {"startedAt": JUST_NOW}}
    put(mesh, "app-3", ready=False, placed=MINUTES_AGO, state=running)
    assert {each.state for each in mesh.check(CODE, SECOND)} == {State.HEALTHY}


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize("reason", ["CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull"])
def test_a_proxy_that_cannot_start_is_named_after_a_minute(mesh: World, reason: str) -> None:
    put(mesh, "app-3", ready=False, placed=MINUTES_AGO, state={"waiting": {"reason": reason}})
    found = the("not-ready", mesh.check(CODE, SECOND))
    assert found.found == f"app-3.sample not ready: {reason}"


@pytest.mark.usefixtures("pages")
def test_the_proxies_of_another_control_plane_are_not_looked_for(mesh: World) -> None:
    put(mesh, "app-3", CA_ADDR="istiod.istio-system.svc:15012")
    assert {each.state for each in mesh.check(CODE, SECOND)} == {State.HEALTHY}


def test_a_proxy_that_no_replica_has_is_named(mesh: World, pages: dict[str, Pages]) -> None:
    pages[OTHER][connections.PATH].pop()
    found = the("not-connected", mesh.check(CODE, SECOND))
    assert found.found == "app-2.sample not connected"
    assert "istiod.example.com:15012" in found.remedy


def test_a_proxy_of_the_same_name_elsewhere_is_another(
    mesh: World, pages: dict[str, Pages]
) -> None:
    pages[OTHER][connections.PATH] = [entry("app-2", CONFIG)]
    assert the("not-connected", mesh.check(CODE, SECOND)).found == "app-2.sample not connected"


def test_of_many_proxies_the_first_are_named(mesh: World, pages: dict[str, Pages]) -> None:
    for number in range(3, 9):
        put(mesh, f"app-{number}")
    assert pages
    assert the("not-connected", mesh.check(CODE, SECOND)).found == (
        "app-3.sample not connected; so are app-4.sample, app-5.sample, app-6.sample, "
        "app-7.sample and 1 more"
    )


def test_a_proxy_on_its_way_from_one_replica_to_another_is_found_at_the_second_look(
    mesh: World,
) -> None:
    class Moving(dict[str, Any]):
        """A replica to which the proxy comes after the first look."""

        def get(self, path: str, default: Any = None) -> Any:  # noqa: ANN401 - a page
            page = super().get(path, default)
            self[path] = [entry("app-1"), entry("app-2")]
            return page

    istiods.put(mesh.external, FIRST, Moving({connections.PATH: [entry("app-1")]}))
    (found,) = mesh.check(CODE, SECOND)
    assert (found.state, found.found) == (State.HEALTHY, "2 ready and connected: 2 to istiod-1")


def test_a_proxy_under_another_cluster_id_is_named(mesh: World, pages: dict[str, Pages]) -> None:
    put(mesh, "app-2", ISTIO_META_CLUSTER_ID="Kubernetes")
    pages[OTHER][connections.PATH][1]["cluster_id"] = "Kubernetes"
    found = the("wrong-cluster", mesh.check(CODE, SECOND))
    assert found.found == "app-2.sample connected as one of Kubernetes"
    assert "EXTCP-H04" in found.remedy


def test_proxies_come_back_to_an_istiod_that_has_just_started(
    mesh: World, pages: dict[str, Pages]
) -> None:
    pages[FIRST][connections.PATH].pop()
    istiods.put(mesh.external, OTHER, pages[OTHER], metadata={"creationTimestamp": JUST_NOW})
    (found,) = mesh.check(CODE, SECOND)
    assert (found.state, found.found) == (
        State.UNKNOWN,
        "istiod has just started; proxies that are not back yet: 1",
    )


def test_a_proxy_that_is_connected_twice_is_a_warning(mesh: World, pages: dict[str, Pages]) -> None:
    pages[OTHER][connections.PATH].append(entry("app-1"))
    found = the("twice", mesh.check(CODE, SECOND))
    assert found.severity is Severity.WARNING
    assert found.found == "app-1.sample connected to istiod-1, istiod-2"


def test_a_proxy_that_rejects_its_configuration_is_named(
    mesh: World, pages: dict[str, Pages]
) -> None:
    refused = {**TAKEN, "sent": "2", "lastError": "no such filter\x1b[2J"}
    pages[FIRST][connections.PATH][1] = entry("app-1", resources={LISTENER: refused})
    found = the("rejects", mesh.check(CODE, SECOND))
    assert found.found == "app-1.sample Listener: no such filter\\u001b[2J"


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        ({"sent": "2", "acked": "1", "sentTime": LONG_AGO}, "Cluster of 11:00:00 UTC not acknow"),
        ({}, "Cluster not sent"),
    ],
)
def test_a_proxy_that_does_not_follow_is_named(
    mesh: World,
    pages: dict[str, Pages],
    waiting: dict[str, str],
    said: str,
) -> None:
    pages[FIRST][connections.PATH][1] = entry("app-1", resources={CLUSTER: waiting})
    found = the("behind", mesh.check(CODE, SECOND))
    assert said in found.found


def test_a_proxy_has_time_to_follow(mesh: World, pages: dict[str, Pages]) -> None:
    waiting = {"sent": "2", "acked": "1", "sentTime": JUST_NOW}
    pages[FIRST][connections.PATH][1] = entry("app-1", resources={CLUSTER: waiting})
    assert {each.state for each in mesh.check(CODE, SECOND)} == {State.HEALTHY}


def test_of_a_large_cluster_the_first_are_looked_at_and_it_says_so(mesh: World) -> None:
    names = [f"app-{number}" for number in range(proxies.AT_MOST + 1)]
    for name in names:
        put(mesh, name)
    istiods.put(mesh.external, FIRST, {connections.PATH: [entry(name) for name in names]})
    connected, limit = mesh.check(CODE, SECOND)
    assert {connected.state, limit.state} == {State.HEALTHY}
    assert "200 of more" in limit.found


def test_without_a_replica_nobody_knows(mesh: World) -> None:
    (found,) = mesh.check(CODE, SECOND)
    assert found.state is State.UNKNOWN
    assert "EXTCP-H08" in found.remedy


def test_where_a_replica_cannot_be_asked_a_proxy_may_be_there(
    mesh: World, pages: dict[str, Pages]
) -> None:
    del pages[OTHER][connections.PATH]
    (found,) = mesh.check(CODE, SECOND)
    assert found.state is State.UNKNOWN
    assert OTHER in found.looked_at
    refused = {**TAKEN, "lastError": "no such filter"}
    pages[FIRST][connections.PATH][1] = entry("app-1", resources={LISTENER: refused})
    unknown, wrong = mesh.check(CODE, SECOND)
    assert (unknown.state, wrong.problem) == (State.UNKNOWN, "rejects")


def test_no_permission_is_unknown_and_says_which(mesh: World, pages: dict[str, Pages]) -> None:
    assert pages
    mesh.external.denied.add(istiods.PODS)
    (found,) = mesh.check(CODE, SECOND)
    assert (found.state, istiods.PODS in found.found) == (State.UNKNOWN, True)
    mesh.second.denied.add(proxies.PATH)
    (found,) = mesh.check(CODE, SECOND)
    assert (found.state, f"{proxies.PATH} of" in found.found) == (State.UNKNOWN, True)


@pytest.mark.parametrize("page", ["no JSON", {}, [7], [{"proxy": {}}], [{"proxy": "app-1.sample"}]])
def test_nonsense_is_never_healthy(mesh: World, pages: dict[str, Pages], page: Any) -> None:  # noqa: ANN401
    for its in pages.values():
        its[connections.PATH] = page
    assert State.HEALTHY not in {each.state for each in mesh.check(CODE, SECOND)}
