"""Requests: sidecar to sidecar, across networks, and from outside."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.e2e.testbed.mesh import load_balancer
from tests.e2e.testbed.processes import wait_for
from tests.e2e.testbed.standard import INGRESS_GATEWAY
from tests.e2e.testbed.workloads import NAMESPACE, ask, ask_from_node, ask_from_outside, versions

if TYPE_CHECKING:
    from tests.e2e.testbed.kubernetes import Cluster
    from tests.e2e.testbed.standard import Mesh

COUNT = 40


def test_both_networks_answer_callers_in_both(mesh: Mesh) -> None:
    for cluster in mesh.remotes:
        heard = versions(ask(cluster, count=COUNT))
        assert set(heard) == {"v1", "v2"}
        # A fair coin gives fewer than 8 of 40 once in 25,000 runs.
        assert min(heard.values()) >= 8


def test_callers_prove_who_they_are_with_mutual_tls(mesh: Mesh) -> None:
    identity = f"URI=spiffe://cluster.local/ns/{NAMESPACE}/sa/sleep"
    for cluster in mesh.remotes:
        for answer in ask(cluster, count=8):
            assert identity in answer["body"]


def test_plain_text_to_a_pod_is_refused_where_mutual_tls_is_strict(mesh: Mesh) -> None:
    strict = {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": NAMESPACE},
        "spec": {"mtls": {"mode": "STRICT"}},
    }
    mesh.config.apply(strict)
    for cluster in mesh.remotes:
        (pod,) = cluster.pods(NAMESPACE, "app=helloworld")
        url = f"http://{pod['status']['podIP']}:5000/hello"
        refused = partial(_is_refused, cluster, url)
        wait_for(f"plain text refused in {cluster.name}", refused, seconds=20)
    assert set(versions(ask(mesh.config, count=COUNT))) == {"v1", "v2"}


def _is_refused(cluster: Cluster, url: str) -> bool:
    return ask_from_node(cluster, url)["status"] == 0


def test_a_caller_outside_is_answered_through_the_ingress_gateway(mesh: Mesh) -> None:
    address = load_balancer(mesh.config, mesh.plane.namespace, INGRESS_GATEWAY)
    answers = ask_from_outside(f"http://{address}/hello", "helloworld.example.com", count=COUNT)
    assert set(versions(answers)) == {"v1", "v2"}
