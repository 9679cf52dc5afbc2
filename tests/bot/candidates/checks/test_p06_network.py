from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops.inventory.model import Gateways
from tests.bot.fleets import SECOND
from tests.bot.simulation import controllers
from tests.bot.simulation.controllers import named, put

if TYPE_CHECKING:
    from tests.bot.apiserver import ApiServer
    from tests.bot.candidates.joining import Preflight

CODE = "EXTCP-P06"
NETWORK = "topology.istio.io/network"


def node(server: ApiServer, *ranges: str) -> None:
    put(server, named("Node", "node-1", spec={"podCIDRs": list(ranges)}))


def pod(server: ApiServer, address: str, **spec: bool) -> None:
    put(server, controllers.pod("extra", "default", {"spec": spec}, address))


def of_network_two(joining: Preflight) -> None:
    """The only neighbour has no Pods but the one that a test gives it."""
    server = joining.mesh.second
    for path in [path for path, item in server.objects.items() if item.get("kind") == "Pod"]:
        del server.objects[path]


def test_ranges_are_said(joining: Preflight) -> None:
    words = [each.found for each in joining.look(CODE)]
    assert "10.244.0.0/24; unlike those of 1 in the network network2" in words


def test_the_same_range_is_a_problem(joining: Preflight) -> None:
    of_network_two(joining)
    node(joining.mesh.second, "10.244.0.0/16", "fd00::/64")
    found = joining.look(CODE)[0]
    assert found.problem == "overlap"
    assert f"is in {SECOND}, too" in found.found


def test_a_pod_in_the_range_of_another_cluster_is_a_problem(joining: Preflight) -> None:
    pod(joining.mesh.second, "10.244.0.99")
    assert joining.problems(CODE) == ["overlap"]


def test_nodes_are_not_believed_where_pods_are_elsewhere(joining: Preflight) -> None:
    node(joining.mesh.second, "10.244.0.0/24")  # its Pods are in 10.0.0.0/8
    assert joining.problems(CODE) == []


def test_pods_with_the_addresses_of_nodes_do_not_count(joining: Preflight) -> None:
    of_network_two(joining)
    pod(joining.mesh.second, "10.244.0.99", hostNetwork=True)
    assert joining.problems(CODE) == []


def test_the_same_range_in_another_network_is_fine(joining: Preflight) -> None:
    node(joining.mesh.second, "10.244.0.0/24")
    joining.propose(network="network3")
    assert joining.problems(CODE) == []


@pytest.mark.parametrize("kind", ["Namespace", "Service"])
def test_another_network_in_the_cluster_is_a_problem(joining: Preflight, kind: str) -> None:
    labels = {NETWORK: "network1"}
    item = named("Namespace", "istio-system", labels=labels)
    if kind == "Service":
        item = named("Service", "istio-eastwestgateway", "gateways", labels=labels, spec={})
    put(joining.server, item)
    assert joining.problems(CODE) == ["other-network"]


def test_a_label_with_the_same_network_is_fine(joining: Preflight) -> None:
    put(joining.server, named("Namespace", "istio-system", labels={NETWORK: "network2"}))
    assert joining.problems(CODE) == []


def test_a_network_that_nobody_will_reach_is_a_warning(joining: Preflight) -> None:
    joining.propose(network="network3", gateways=Gateways())
    assert joining.problems(CODE) == ["no-gateway"]
    assert joining.look(CODE)[0].severity == "warning"


def test_the_gateway_of_a_neighbour_is_enough(joining: Preflight) -> None:
    joining.propose(gateways=Gateways())
    assert joining.problems(CODE) == []


@pytest.mark.parametrize("resource", ["nodes", "pods", "services"])
def test_what_may_not_be_looked_at_is_unknown(joining: Preflight, resource: str) -> None:
    joining.server.denied.add(f"/api/v1/{resource}")
    found = joining.look(CODE)[0]
    assert found.state == "unknown"
    assert resource in found.found


def test_a_neighbour_that_cannot_be_asked_leaves_it_unknown(joining: Preflight) -> None:
    joining.mesh.second.denied.add("/api/v1/nodes")
    found = joining.look(CODE)[0]
    assert found.state == "unknown"
    assert found.found.startswith(f"{SECOND} could not be asked: ")
