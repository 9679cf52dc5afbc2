from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.checks.model import Severity, State
from extcp_gitops.inventory.model import Gateways
from tests.bot.fleets import CONFIG, PLANE, SECOND

if TYPE_CHECKING:
    from extcp_bot.result import Result
    from tests.bot.fleets import World

CODE = "EXTCP-H13"
LABEL = "topology.istio.io/network"
NAMESPACE = f"/api/v1/namespaces/{PLANE}"
SERVICE = f"{NAMESPACE}/services/istio-eastwestgateway"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{PLANE}/deployments/istio-eastwestgateway"
GATEWAY = f"/apis/networking.istio.io/v1/namespaces/{PLANE}/gateways/cross-network-gateway"
HOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
INJECTOR = f"{HOOKS}/istio-sidecar-injector-{PLANE}"
RESTORED = "--kustomize clusters/remote-cluster-2"


def unhealthy(mesh: World, cluster: str = SECOND) -> Result:
    (found,) = [each for each in mesh.check(CODE, cluster) if each.state is not State.HEALTHY]
    return found


def without_gateway(mesh: World, *clusters: str) -> None:
    """Have the repository want no east-west gateways there."""
    inventory = mesh.fleet.inventory
    changed = tuple(
        replace(each, gateways=Gateways()) if each.name in clusters else each
        for each in inventory.clusters
    )
    mesh.fleet.inventory = replace(inventory, clusters=changed)


def address(mesh: World, *entries: dict[str, str]) -> None:
    mesh.second.objects[SERVICE]["status"] = {"loadBalancer": {"ingress": list(entries)}}


def test_two_networks_that_reach_each_other_are_healthy(healthy_mesh: World) -> None:
    found = healthy_mesh.check(CODE)
    assert {(each.cluster, each.state) for each in found} == {
        (CONFIG, State.HEALTHY),
        (SECOND, State.HEALTHY),
    }


def test_another_network_of_the_namespace_is_named(healthy_mesh: World) -> None:
    healthy_mesh.second.objects[NAMESPACE]["metadata"]["labels"][LABEL] = "network1"
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("wrong-network", Severity.ERROR)
    assert (found.found, found.wanted) == ("network1", "network2")
    assert found.command.endswith(RESTORED)


def test_a_namespace_without_a_label_or_none_at_all_is_named(healthy_mesh: World) -> None:
    healthy_mesh.second.objects[NAMESPACE]["metadata"]["labels"].clear()
    assert (unhealthy(healthy_mesh).problem, unhealthy(healthy_mesh).found) == (
        "wrong-network",
        "none",
    )
    del healthy_mesh.second.objects[NAMESPACE]
    assert unhealthy(healthy_mesh).found == "no such Namespace"


def test_another_network_in_the_webhook_is_named(healthy_mesh: World) -> None:
    for hook in healthy_mesh.second.objects[INJECTOR]["webhooks"]:
        hook["clientConfig"]["url"] = "https://a/inject/cluster/remote-cluster-2/net/network1"
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.found, found.wanted) == ("wrong-webhook", "network1", "network2")
    assert found.command.endswith(RESTORED)


def test_a_webhook_without_a_path_is_left_to_another_check(healthy_mesh: World) -> None:
    for hook in healthy_mesh.second.objects[INJECTOR]["webhooks"]:
        hook["clientConfig"] = {"url": "https://a/inject/b"}
    assert {each.state for each in healthy_mesh.check(CODE, SECOND)} == {State.HEALTHY}


@pytest.mark.parametrize("path", [SERVICE, DEPLOYMENT])
def test_a_missing_gateway_is_named(healthy_mesh: World, path: str) -> None:
    del healthy_mesh.second.objects[path]
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("gateway-missing", Severity.ERROR)
    assert found.command.endswith(RESTORED)


def test_another_network_of_the_gateway_is_named(healthy_mesh: World) -> None:
    healthy_mesh.second.objects[SERVICE]["metadata"]["labels"][LABEL] = "network1"
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.found) == ("gateway-network", "network1")


def test_a_gateway_without_its_port_is_named(healthy_mesh: World) -> None:
    healthy_mesh.second.objects[SERVICE]["spec"]["ports"] = [{"port": 15021}]
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.found, found.wanted) == ("port-missing", "15021", "15443")


def test_a_gateway_without_an_address_is_named(healthy_mesh: World) -> None:
    address(healthy_mesh)
    found = unhealthy(healthy_mesh)
    assert found.problem == "no-address"
    assert found.command == (
        f"kubectl --context {SECOND} --namespace {PLANE} describe service istio-eastwestgateway"
    )


def test_a_gateway_on_nodes_needs_no_address(healthy_mesh: World) -> None:
    service = healthy_mesh.second.objects[SERVICE]
    service["metadata"]["annotations"] = {"traffic.istio.io/nodeSelector": "{}"}
    service["spec"]["type"] = "NodePort"
    address(healthy_mesh)
    assert {each.state for each in healthy_mesh.check(CODE, SECOND)} == {State.HEALTHY}


def test_a_host_name_has_to_be_in_dns(healthy_mesh: World) -> None:
    address(healthy_mesh, {"hostname": "lb.clusters.test"})
    assert {each.state for each in healthy_mesh.check(CODE, SECOND)} == {State.HEALTHY}
    address(healthy_mesh, {"hostname": "lb.example.com"})
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.found) == ("not-resolved", "lb.example.com")


def test_a_dns_that_does_not_answer_says_nothing(healthy_mesh: World) -> None:
    async def lookup(host: str) -> tuple[str, ...]:
        raise socket.gaierror(socket.EAI_AGAIN, host)

    healthy_mesh.fleet.lookup = lookup
    address(healthy_mesh, {"hostname": "lb.example.com"})
    assert unhealthy(healthy_mesh).state is State.UNKNOWN


def test_a_gateway_that_is_not_available_is_named(healthy_mesh: World) -> None:
    healthy_mesh.second.objects[DEPLOYMENT]["status"] = {"replicas": 1, "unavailableReplicas": 1}
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.found) == ("gateway-not-ready", "none of 1 replicas available")


@pytest.mark.parametrize(
    "servers",
    [
        None,
        [],
        [{"port": {"number": 15443}, "tls": {"mode": "SIMPLE"}}],
        [{"port": {"number": 443}, "tls": {"mode": "AUTO_PASSTHROUGH"}}],
    ],
)
def test_networks_that_are_not_opened_are_named_in_the_config_cluster(
    healthy_mesh: World, servers: list[object] | None
) -> None:
    if servers is None:
        del healthy_mesh.config.objects[GATEWAY]
    else:
        healthy_mesh.config.objects[GATEWAY]["spec"]["servers"] = servers
    found = unhealthy(healthy_mesh, CONFIG)
    assert (found.problem, found.wanted) == ("not-opened", "AUTO_PASSTHROUGH on port 15443")
    assert {each.state for each in healthy_mesh.check(CODE, SECOND)} == {State.HEALTHY}


def test_a_network_that_nobody_reaches_is_a_warning(healthy_mesh: World) -> None:
    without_gateway(healthy_mesh, SECOND)
    found = unhealthy(healthy_mesh)
    assert (found.problem, found.severity) == ("no-gateway", Severity.WARNING)
    assert "clusters/remote-cluster-2/cluster.yaml" in found.remedy


def test_one_network_needs_no_gateway(healthy_mesh: World) -> None:
    without_gateway(healthy_mesh, CONFIG, SECOND)
    inventory = healthy_mesh.fleet.inventory
    clusters = tuple(
        replace(each, network="network2") if each.network else each for each in inventory.clusters
    )
    healthy_mesh.fleet.inventory = replace(inventory, clusters=clusters)
    for path in (SERVICE, DEPLOYMENT):
        del healthy_mesh.second.objects[path]
    assert {each.state for each in healthy_mesh.check(CODE, SECOND)} == {State.HEALTHY}


def test_what_is_not_shown_is_unknown_and_the_rest_is_not(healthy_mesh: World) -> None:
    healthy_mesh.second.denied.add(SERVICE)
    found = healthy_mesh.check(CODE, SECOND)
    (unknown,) = [each for each in found if each.state is State.UNKNOWN]
    assert SERVICE in unknown.found
    assert "extcp-bot rbac" in unknown.remedy
    assert any(each.state is State.HEALTHY and "Deployment" in each.looked_at for each in found)
