from __future__ import annotations

import json
from typing import TYPE_CHECKING

from extcp_bot.live import workloads
from tests.bot.asking import ask
from tests.bot.fleets import SECOND, world

if TYPE_CHECKING:
    from extcp_bot.target import Target
    from tests.bot.fleets import World

CANARY = "hunter-in-the-forest"
PATH = "/apis/apps/v1/namespaces/istio-system/deployments"


def test_istios_deployments_are_read_and_no_others() -> None:
    with world() as mesh:
        labels = {"app": "istiod", "istio": "pilot"}
        istiod = {"metadata": {"name": "istiod", "labels": labels}}
        mesh.second.put(PATH, {**istiod, "spec": {"replicas": 2}, "status": {}})
        mesh.second.put(PATH, {"metadata": {"name": "app"}, "spec": {"replicas": 1}})
        (found,) = ask(mesh, workloads.of, SECOND)
    assert found == workloads.Workload("istio-system", "istiod", labels, 2, 0)
    assert found.place == "Deployment istio-system/istiod"


def test_what_their_pods_are_told_is_not_kept() -> None:
    async def seen(target: Target) -> str:
        assert await workloads.of(target)
        return json.dumps(target.api.seen())

    with world() as mesh:
        container = {"name": "app", "args": ["--db", CANARY]}
        metadata = {"name": "a", "labels": {"istio": ""}, "annotations": {"a": CANARY}}
        spec = {"template": {"spec": {"containers": [container]}}}
        mesh.second.put(PATH, {"metadata": metadata, "spec": spec})
        assert CANARY not in ask(mesh, seen, SECOND)


def test_those_of_the_repository_are_among_them(healthy_mesh: World) -> None:
    found = {each.name: each for each in ask(healthy_mesh, workloads.of, SECOND)}
    assert set(found) == {"istio-eastwestgateway", "istio-ingressgateway"}
    assert all((each.wanted, each.available) == (1, 1) for each in found.values())


def test_nonsense_is_nothing() -> None:
    with world() as mesh:
        item = {"metadata": {"name": "a", "labels": {"istio": ""}}, "spec": {"replicas": "?"}}
        mesh.second.put(PATH, item)
        (found,) = ask(mesh, workloads.of, SECOND)
    assert (found.wanted, found.available) == (0, 0)
