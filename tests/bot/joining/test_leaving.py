from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import State
from extcp_bot.credentials.model import Delivery, Outcome
from extcp_bot.joining.leaving import CHECKS, NOT_LOOKED_AT, evidence, permissions, remove_secret
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import connections, istiod, registry
from extcp_gitops.errors import ExitCode, ExtcpError
from extcp_gitops.inventory.model import Gateways
from tests.bot.fleets import CONFIG, EXTERNAL, PLANE, SECOND, World
from tests.bot.forwarding import serving
from tests.bot.identities import SECRETS
from tests.bot.joining.merged import DELIVERED
from tests.bot.joining.test_follow import APPLICATIONS
from tests.bot.storing import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.result import Report, Result
    from extcp_gitops.inventory.model import Inventory

    Object = dict[str, Any]

PODS = "/api/v1/namespaces/sample/pods/"


def look(mesh: World, cluster: str = SECOND) -> Report:
    return asyncio.run(evidence(replace(mesh.fleet), cluster))


def of(mesh: World, code: str, cluster: str = SECOND) -> list[Result]:
    return [each for each in look(mesh, cluster).results if each.code == code]


def only(mesh: World, code: str, cluster: str = SECOND) -> Result:
    (found,) = of(mesh, code, cluster)
    return found


def says(mesh: World, pages: Mapping[str, Any]) -> None:
    """Let every replica of istiod say this."""
    for path in list(mesh.external.handlers):
        if path.endswith("/portforward"):
            mesh.external.handlers[path] = serving(pages)


def drain(mesh: World) -> None:
    """Move all that is the mesh's away from the second cluster."""
    second = mesh.second.objects
    for path in [path for path in second if path.startswith(PODS)]:
        del second[path]
    second["/api/v1/namespaces/sample"]["metadata"]["labels"] = {}
    says(
        mesh,
        {
            registry.CLUSTERS: [],
            registry.ENDPOINTS: {},
            connections.PATH: [],
            istiod.METRICS: "",
        },
    )


def test_a_cluster_that_works_is_not_drained(healthy_mesh: World) -> None:
    report = look(healthy_mesh)
    assert report.exit_code == ExitCode.FINDINGS
    problems = {each.problem for each in report.results if each.problem}
    assert {"proxies", "connected", "still-injected"} <= problems


def test_a_drained_cluster_may_leave(healthy_mesh: World) -> None:
    drain(healthy_mesh)
    report = look(healthy_mesh)
    assert {each.state for each in report.results} == {State.HEALTHY}
    assert report.exit_code == ExitCode.OK
    assert {each.code for each in report.results} == {each.code for each in CHECKS}


def test_what_stays_behind_is_told(healthy_mesh: World) -> None:
    drain(healthy_mesh)
    said = only(healthy_mesh, "EXTCP-L05").found
    assert f"Namespace {PLANE}" in said
    assert "istio-ca-root-cert in" in said


def test_the_pods_that_have_a_sidecar_are_named(healthy_mesh: World) -> None:
    assert "sample/helloworld-v1" in only(healthy_mesh, "EXTCP-L02").found


def test_gateways_of_the_repository_leave_with_it(healthy_mesh: World) -> None:
    for path in [path for path in healthy_mesh.second.objects if path.startswith(PODS)]:
        del healthy_mesh.second.objects[path]
    assert only(healthy_mesh, "EXTCP-L02").state is State.HEALTHY


def test_a_proxy_that_is_connected_is_named(healthy_mesh: World) -> None:
    found = only(healthy_mesh, "EXTCP-L03")
    assert found.problem == "connected"
    assert "sample" in found.found
    assert PLANE not in found.found


def shards(**services: tuple[str, ...]) -> Object:
    return {
        f"{name}.sample.svc.cluster.local": {
            "sample": {
                "Shards": {
                    f"Kubernetes/{cluster}": [{"Addresses": ["10.0.0.1"]}] for cluster in clusters
                }
            }
        }
        for name, clusters in services.items()
    }


def test_services_that_would_be_lost(healthy_mesh: World) -> None:
    endpoints = shards(here=(SECOND,), both=(SECOND, CONFIG), there=(CONFIG,))
    says(healthy_mesh, {registry.ENDPOINTS: endpoints})
    found = {each.problem: each.found for each in of(healthy_mesh, "EXTCP-L04")}
    assert found == {"only-there": "sample/here", "also-there": "sample/both"}


def test_services_outside_of_the_mesh_are_told_and_no_obstacle(healthy_mesh: World) -> None:
    healthy_mesh.second.objects["/api/v1/namespaces/sample"]["metadata"]["labels"] = {}
    says(healthy_mesh, {registry.ENDPOINTS: shards(here=(SECOND,))})
    assert only(healthy_mesh, "EXTCP-L04").problem == "also-there"


def test_a_config_cluster_cannot_leave(healthy_mesh: World) -> None:
    assert only(healthy_mesh, "EXTCP-L01", CONFIG).problem == "config-cluster"


def with_third(inventory: Inventory, *, gateway: bool) -> Inventory:
    second = inventory.by_name[SECOND]
    third = replace(second, name="third", gateways=Gateways(east_west=gateway))
    return replace(inventory, clusters=(*inventory.clusters, third))


@pytest.mark.parametrize(("gateway", "state"), [(True, State.HEALTHY), (False, State.UNHEALTHY)])
def test_the_only_gateway_of_a_network_cannot_leave(
    healthy_mesh: World, *, gateway: bool, state: State
) -> None:
    fleet = healthy_mesh.fleet
    fleet.inventory = with_third(fleet.inventory, gateway=gateway)
    found = only(healthy_mesh, "EXTCP-L01")
    assert found.state is state
    assert found.problem == ("" if gateway else "only-way")


@pytest.mark.parametrize(
    ("code", "path"),
    [("EXTCP-L02", "/api/v1/pods"), ("EXTCP-L04", "/api/v1/namespaces")],
)
def test_what_nobody_can_look_at_is_unknown(healthy_mesh: World, code: str, path: str) -> None:
    drain(healthy_mesh)
    healthy_mesh.second.denied.add(path)
    assert only(healthy_mesh, code).state is State.UNKNOWN


def test_a_replica_that_does_not_answer_is_unknown(healthy_mesh: World) -> None:
    drain(healthy_mesh)
    says(healthy_mesh, {})
    assert only(healthy_mesh, "EXTCP-L03").state is State.UNKNOWN
    assert only(healthy_mesh, "EXTCP-L04").state is State.UNKNOWN


@pytest.mark.parametrize("cluster", ["nobody", EXTERNAL])
def test_what_is_no_remote_cluster(healthy_mesh: World, cluster: str) -> None:
    with pytest.raises(ExtcpError):
        look(healthy_mesh, cluster)


def test_it_is_said_what_nobody_looked_at() -> None:
    assert len(NOT_LOOKED_AT) >= 3
    assert {code for code, _ in permissions()} == {each.code for each in CHECKS[1:]}


class Left:
    """The mesh after the removal was merged and Argo CD has ended with it."""

    def __init__(self, mesh: World) -> None:
        self.mesh = mesh
        self.store = Store(mesh.external)
        inventory = mesh.fleet.inventory
        kept = tuple(each for each in inventory.clusters if each.name != SECOND)
        mesh.fleet.inventory = replace(inventory, clusters=kept)
        self.applications = {
            path: mesh.external.objects.pop(path)
            for path in list(mesh.external.objects)
            if path.startswith(APPLICATIONS) and SECOND in path
        }

    def remove(self, *, dry_run: bool = False) -> Delivery:
        return asyncio.run(remove_secret(self.mesh.fleet, SECOND, PLANE, dry_run=dry_run))


@pytest.fixture
def left(healthy_mesh: World) -> Left:
    return Left(healthy_mesh)


def test_the_secret_goes_once_argo_cd_has_ended(left: Left) -> None:
    assert left.remove(dry_run=True).outcome is Outcome.REMOVED
    assert left.store.written == []
    found = left.remove()
    assert (found.outcome, found.wrote) == (Outcome.REMOVED, True)
    assert left.store.written == [f"DELETE {DELIVERED}"]
    assert left.remove().outcome is Outcome.UNCHANGED
    assert left.store.written == [f"DELETE {DELIVERED}"]


def test_the_secret_stays_while_argo_cd_has_an_application(left: Left) -> None:
    left.mesh.external.objects.update(left.applications)
    found = left.remove()
    assert found.outcome is Outcome.WAITING
    assert SECOND in found.words
    assert left.store.written == []


def test_the_secret_stays_while_the_repository_has_the_cluster(healthy_mesh: World) -> None:
    store = Store(healthy_mesh.external)
    found = asyncio.run(remove_secret(healthy_mesh.fleet, SECOND, PLANE))
    assert found.outcome is Outcome.REFUSED
    assert store.written == []


def test_the_secret_of_somebody_else_stays(left: Left) -> None:
    left.mesh.external.objects[DELIVERED]["metadata"].update(labels={}, annotations={})
    assert left.remove().outcome is Outcome.REFUSED
    assert left.store.written == []


@pytest.mark.parametrize("path", [APPLICATIONS, DELIVERED])
def test_unknown_removes_nothing(left: Left, path: str) -> None:
    left.mesh.external.denied.add(path)
    with pytest.raises(CannotLookError):
        left.remove()
    assert left.store.written == []


def test_a_release_that_loses_gateways_is_named(left: Left) -> None:
    inventory = left.mesh.fleet.inventory
    mesh = replace(inventory.mesh, istio_version="1.30.1")
    left.mesh.fleet.inventory = replace(inventory, mesh=mesh)
    found = left.remove()
    assert found.outcome is Outcome.REMOVED
    assert "istio#60920" in found.remedy
    again = left.remove()  # as where the first was killed before it was said
    assert again.outcome is Outcome.UNCHANGED
    assert again.remedy == found.remedy
    assert DELIVERED not in left.mesh.external.objects
    assert SECRETS in DELIVERED
