from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.live import proxies
from extcp_bot.live.proxies import Proxies, Proxy
from tests.bot.asking import ask
from tests.bot.fleets import SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.target import Target

PODS = "/api/v1/namespaces/sample/pods"
LABELS = {"service.istio.io/canonical-name": "app"}
CANARY = "hunter-in-the-forest"
SIDECAR = {
    "name": "istio-proxy",
    "image": "docker.io/istio/proxyv2:1.29.1",
    "env": [
        {"name": "ISTIO_META_CLUSTER_ID", "value": SECOND},
        {"name": "CA_ADDR", "value": "istiod.example.com:15012"},
        {"name": "GREETING", "value": CANARY},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ],
}
READY = {"name": "istio-proxy", "ready": True}


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


def put(mesh: World, name: str, spec: Any, status: Any = None, **metadata: Any) -> None:  # noqa: ANN401
    whole = {"name": name, "labels": LABELS, **metadata}
    mesh.second.put(PODS, {"metadata": whole, "spec": spec, "status": status or {}})


def read(mesh: World) -> Proxies:
    return ask(mesh, proxies.of, SECOND)


def test_a_sidecar_is_read(mesh: World) -> None:
    put(
        mesh,
        "app-1",
        {"containers": [{"name": "app", "image": "app"}, SIDECAR]},
        {"containerStatuses": [{"name": "app", "ready": False}, READY]},
        creationTimestamp="2026-06-01T11:00:00Z",
    )
    (proxy,) = read(mesh).found
    assert proxy == Proxy(
        "sample",
        "app-1",
        datetime(2026, 6, 1, 11, tzinfo=UTC),
        "docker.io/istio/proxyv2:1.29.1",
        "",
        is_ready=True,
        variables={"ISTIO_META_CLUSTER_ID": SECOND, "CA_ADDR": "istiod.example.com:15012"},
    )
    assert (proxy.id, proxy.cluster_id) == ("app-1.sample", SECOND)
    assert proxy.is_led_by(mesh.fleet.inventory.mesh.control_planes[0])


def test_a_native_sidecar_is_one(mesh: World) -> None:
    put(mesh, "app-1", {"initContainers": [SIDECAR]}, {"initContainerStatuses": [READY]})
    (proxy,) = read(mesh).found
    assert proxy.is_ready


@pytest.mark.parametrize(
    ("spec", "status", "metadata"),
    [
        ({"containers": [{"name": "app"}]}, {}, {}),
        ({"containers": [SIDECAR]}, {"phase": "Succeeded"}, {}),
        ({"containers": [SIDECAR]}, {"phase": "Failed"}, {}),
        (
            {"containers": [SIDECAR]},
            {"conditions": [{"type": "PodScheduled", "status": "False"}]},
            {},
        ),
        ({"containers": [SIDECAR]}, {}, {"deletionTimestamp": "2026-06-01T11:00:00Z"}),
        ({"containers": [SIDECAR]}, {}, {"labels": {}}),
        ({"containers": "none"}, {}, {}),
    ],
)
def test_others_are_left_out(mesh: World, spec: Any, status: Any, metadata: Any) -> None:  # noqa: ANN401
    put(mesh, "app-1", spec, status, **metadata)
    assert read(mesh) == Proxies((), complete=True)


def test_nonsense_in_a_pod_is_no_value(mesh: World) -> None:
    own = {"name": "CA_ADDR", "value": {}}
    container = {"name": "istio-proxy", "image": 5, "env": [7, {"name": [], "value": {}}, own]}
    put(
        mesh,
        "app-1",
        {"containers": [container]},
        {"containerStatuses": 9},
        creationTimestamp="soon",
    )
    (proxy,) = read(mesh).found
    assert (proxy.image, proxy.is_ready, proxy.since, proxy.cluster_id) == ("", False, None, "")


MADE, PLACED, STARTED = (f"2026-06-01T11:0{minute}:00Z" for minute in range(3))
NODE = {"conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": PLACED}]}


def status(**its: Any) -> Any:  # noqa: ANN401 - JSON
    return {**NODE, "containerStatuses": [{"name": "istio-proxy", **its}]}


@pytest.mark.parametrize(
    ("said", "since", "waiting"),
    [
        ({}, MADE, ""),
        (NODE, PLACED, ""),
        (status(state={"waiting": {"reason": "PodInitializing"}}), PLACED, "PodInitializing"),
        (status(state={"running": {"startedAt": STARTED}}), STARTED, ""),
        (status(state={"running": {"startedAt": STARTED}}, restartCount=0), STARTED, ""),
        (status(state={"running": {"startedAt": STARTED}}, restartCount=3), PLACED, ""),
        (status(state={"waiting": {"reason": "CrashLoopBackOff"}}), PLACED, "CrashLoopBackOff"),
        (status(state="?"), PLACED, ""),
    ],
)
def test_a_proxy_can_work_since_its_first_start_or_since_its_pod_has_a_node(
    mesh: World,
    said: Any,  # noqa: ANN401
    since: str,
    waiting: str,
) -> None:
    put(mesh, "app-1", {"containers": [SIDECAR]}, said, creationTimestamp=MADE)
    (proxy,) = read(mesh).found
    assert (proxy.since, proxy.waiting) == (datetime.fromisoformat(since), waiting)


def test_what_people_write_into_their_pods_is_not_kept(mesh: World) -> None:
    told = {"args": [CANARY], "env": [{"name": "GREETING", "value": CANARY}]}
    containers = [{"name": "app", **told}, {**SIDECAR, "args": [CANARY]}]
    state = {"lastState": {"terminated": {"message": CANARY}}}
    put(
        mesh,
        "app-1",
        {"containers": containers, "initContainers": [{"name": "first", **told}]},
        {"message": CANARY, "containerStatuses": [{"name": "app", **state}, {**READY, **state}]},
        annotations={"a": CANARY},
    )

    async def seen(target: Target) -> str:
        assert (await proxies.of(target)).found
        return json.dumps(target.api.seen())

    assert CANARY not in ask(mesh, seen, SECOND)


def test_of_many_the_first_are_read_in_one_request(mesh: World) -> None:
    for number in range(proxies.AT_MOST + 1):
        put(mesh, f"app-{number}", {"containers": [SIDECAR]})
    found = read(mesh)
    assert (len(found.found), found.complete) == (200, False)
    assert found.words == "200 Pods with a proxy, among the first 200 of more"
    assert len(mesh.second.requests) == 1
