from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_bot.checks.model import Severity, State
from extcp_bot.live import istio_objects
from tests.bot.apiserver import dead_server
from tests.bot.fleets import CONFIG, SECOND

if TYPE_CHECKING:
    from tests.bot.fleets import World

CODE = "EXTCP-H19"
NETWORKING = "/apis/networking.istio.io/v1"
SERVICES = f"{NETWORKING}/namespaces/sample/virtualservices"
POLICIES = "/apis/security.istio.io/v1/namespaces/sample/authorizationpolicies"


def test_configuration_in_the_config_cluster_is_healthy(healthy_mesh: World) -> None:
    healthy_mesh.config.put(SERVICES, {"metadata": {"name": "a"}})
    found = {each.cluster: each for each in healthy_mesh.check(CODE)}
    assert {each.state for each in found.values()} == {State.HEALTHY}
    assert "the config cluster" in found[CONFIG].found
    assert "virtualservices" in found[SECOND].found
    assert healthy_mesh.config.requests == []


def test_what_nobody_reads_is_named_by_kind(healthy_mesh: World) -> None:
    for name in ("a", "b"):
        healthy_mesh.second.put(SERVICES, {"metadata": {"name": name}})
    healthy_mesh.second.put(POLICIES, {"metadata": {"name": "deny-all"}})
    services, policies = healthy_mesh.check(CODE, SECOND)
    assert (services.problem, services.severity) == ("no-effect", Severity.WARNING)
    assert (services.found, policies.found) == ("sample/a, sample/b", "sample/deny-all")
    assert CONFIG in services.remedy
    assert services.command == (
        f"kubectl --context {SECOND} --namespace sample "
        "get virtualservices.networking.istio.io a --output=yaml"
    )


def test_what_is_not_shown_is_unknown_and_the_rest_is_not(healthy_mesh: World) -> None:
    healthy_mesh.second.denied.add(f"{NETWORKING}/gateways")
    healthy_mesh.second.put(SERVICES, {"metadata": {"name": "a"}})
    unknown, found = healthy_mesh.check(CODE, SECOND)
    assert unknown.state is State.UNKNOWN
    assert f"{NETWORKING}/gateways" in unknown.found
    assert found.problem == "no-effect"


def test_no_permission_at_all_is_never_healthy(healthy_mesh: World) -> None:
    healthy_mesh.second.denied.update(
        f"/apis/{kind.group}/v1/{kind.resource}" for kind in istio_objects.KINDS
    )
    assert {each.state for each in healthy_mesh.check(CODE, SECOND)} == {State.UNKNOWN}


def test_a_dead_server_is_said_once(healthy_mesh: World) -> None:
    with dead_server() as access:
        healthy_mesh.reach(SECOND, access)
        (found,) = healthy_mesh.check(CODE, SECOND)
    assert found.state is State.UNKNOWN
