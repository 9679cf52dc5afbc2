"""Faults of networks, of the root of trust, and of configuration in the wrong cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.testbed.mesh import ROOT_CONFIG_MAP
from tests.e2e.testbed.pki import Authority

from .model import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.testbed.api import Object

    from .model import Stage

NAMESPACES, SERVICES, MAPS = "v1/namespaces", "v1/services", "v1/configmaps"
VIRTUAL_SERVICES = "networking.istio.io/v1/virtualservices"


@fault(
    "a cluster's namespace is labelled with another network",
    names="H13 remote-cluster-2 wrong-network",
    follows=("H18 remote-cluster-2 drift",),
)
def wrong_network_label(stage: Stage) -> Iterator[None]:
    def change(namespace: Object) -> None:
        namespace["metadata"]["labels"]["topology.istio.io/network"] = "network1"

    stage.change(stage.second, NAMESPACES, None, stage.mesh.plane.namespace, change)
    yield


@fault(
    "the Service of a cluster's east-west gateway is gone",
    names="H13 remote-cluster-2 gateway-missing",
)
def no_east_west_gateway(stage: Stage) -> Iterator[None]:
    stage.remove(stage.second, SERVICES, stage.mesh.plane.namespace, "istio-eastwestgateway")
    yield


@fault(
    "a cluster has another root of trust",
    names="H14 remote-cluster-2 another-root",
    follows=("H09 remote-cluster-2 differing",),
)
def another_root(stage: Stage) -> Iterator[None]:
    # Immutable, so that istiod cannot put it right: as if another istiod wrote it all the time.
    foreign = {"data": {"root-cert.pem": Authority("Foreign Root").root}, "immutable": True}
    api, namespace = stage.second.api, stage.mesh.plane.namespace
    api.merge(MAPS, namespace, ROOT_CONFIG_MAP, foreign)
    try:
        yield
    finally:
        found = api.find(MAPS, namespace, ROOT_CONFIG_MAP) or {}
        if found.get("immutable"):  # nobody can change it back
            api.delete(MAPS, namespace, ROOT_CONFIG_MAP)


@fault(
    "a VirtualService lies in a cluster where istiod does not read it",
    names="H19 remote-cluster-2 no-effect",
    by_hand=True,
)
def virtual_service_in_the_wrong_cluster(stage: Stage) -> Iterator[None]:
    api = stage.second.api
    item = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "lost", "namespace": "sample"},
        "spec": {
            "hosts": ["helloworld"],
            "http": [{"route": [{"destination": {"host": "helloworld"}}]}],
        },
    }
    api.create(VIRTUAL_SERVICES, "sample", item)
    try:
        yield
    finally:
        api.delete(VIRTUAL_SERVICES, "sample", "lost")
