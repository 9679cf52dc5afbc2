from __future__ import annotations

from extcp_gitops.inventory.load import load
from extcp_gitops.render import remote_cluster
from tests import meshes

INVENTORY = load(meshes.mesh()).inventory
CONFIG, FURTHER = INVENTORY.remotes
BY_IP = load(
    meshes.mesh(
        {
            "mesh.yaml": meshes.MESH.replace("istiod.example.com", "192.0.2.1").replace(
                "    tls:\n      secretName: istiod-tls\n", ""
            )
        }
    )
).inventory


def test_the_namespace_says_network_and_leader() -> None:
    item = remote_cluster.system_namespace(INVENTORY, FURTHER)
    assert item["metadata"]["labels"] == {"topology.istio.io/network": "network1"}
    assert item["metadata"]["annotations"]["topology.istio.io/controlPlaneClusters"] == CONFIG.name


def test_istiod_leads_its_config_cluster_without_being_told() -> None:
    item = remote_cluster.system_namespace(INVENTORY, CONFIG)
    assert "topology.istio.io/controlPlaneClusters" not in item["metadata"]["annotations"]


def test_the_webhook_path_says_cluster_and_network() -> None:
    patch = remote_cluster.injection_webhook_patch(INVENTORY, FURTHER, ["a", "b"])
    url = "https://istiod.example.com:15017/inject/cluster/remote-cluster-2/net/network1"
    assert patch["metadata"]["name"] == "istio-sidecar-injector-external-istiod"
    assert patch["webhooks"] == [{"name": n, "clientConfig": {"url": url}} for n in ("a", "b")]


def test_with_an_ip_address_the_webhook_goes_to_a_service() -> None:
    cluster = BY_IP.by_name["remote-cluster-2"]
    [webhook] = remote_cluster.injection_webhook_patch(BY_IP, cluster, ["a"])["webhooks"]
    path = "/inject/cluster/remote-cluster-2/net/network1"
    service = {"name": "istiod", "namespace": "external-istiod", "path": path}
    assert webhook["clientConfig"] == {"service": service}


def test_services_are_exposed_through_east_west_gateways() -> None:
    item = remote_cluster.cross_network_gateway(INVENTORY, CONFIG)
    assert item["metadata"]["namespace"] == "external-istiod"
    [server] = item["spec"]["servers"]
    assert (server["port"]["number"], server["tls"]["mode"]) == (15443, "AUTO_PASSTHROUGH")
