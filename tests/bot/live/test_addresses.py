from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.kube.client import Client
from extcp_bot.live import addresses
from extcp_bot.live.addresses import Addresses
from tests.bot.apiserver import ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as made:
        yield made


def node(server: ApiServer, name: str, *ranges: str) -> None:
    spec = {"podCIDR": ranges[0], "podCIDRs": list(ranges)} if ranges else {}
    server.put(addresses.NODES, {"metadata": {"name": name}, "spec": spec})


def pod(server: ApiServer, name: str, *ips: str, phase: str = "Running", **spec: Any) -> None:  # noqa: ANN401
    status = {"phase": phase, "podIPs": [{"ip": ip} for ip in ips]}
    path = "/api/v1/namespaces/a/pods"
    server.put(path, {"metadata": {"name": name}, "spec": spec, "status": status})


def read(server: ApiServer) -> Addresses:
    async def run() -> Addresses:
        async with Client(server.access) as api:
            return await addresses.of(api)

    return asyncio.run(run())


def of(*ranges: str, pods: tuple[str, ...] = ()) -> Addresses:
    def networks(texts: tuple[str, ...]) -> tuple[addresses.Network, ...]:
        return tuple(map(ipaddress.ip_network, texts))

    return Addresses(networks(ranges), networks(pods))


def test_ranges_of_nodes_are_put_together(server: ApiServer) -> None:
    node(server, "one", "10.244.0.0/24", "fd00::/64")
    node(server, "two", "10.244.1.0/24")
    pod(server, "a", "10.244.1.9", "fd00::9")
    found = read(server)
    assert found.words == "10.244.0.0/23, fd00::/64"
    assert [str(each) for each in found.pods] == ["10.244.1.9/32", "fd00::9/128"]


def test_ranges_that_pods_are_not_in_are_not_believed(server: ApiServer) -> None:
    node(server, "one", "10.244.0.0/24")
    pod(server, "a", "192.168.0.9")
    found = read(server)
    assert found.ranges == ()
    assert found.words == "1 addresses of Pods"


def test_pods_without_addresses_of_their_own_do_not_count(server: ApiServer) -> None:
    node(server, "one")
    pod(server, "host", "10.0.0.1", hostNetwork=True)
    pod(server, "pending", phase="Pending")
    pod(server, "done", "10.1.0.1", phase="Succeeded")
    assert read(server).words == "none yet"


def test_what_is_no_address_is_left_out(server: ApiServer) -> None:
    node(server, "one", "10.244.0.0/24", "nonsense", "10.245.0.7/24")
    pod(server, "a", "10.244.0.1", "")
    found = read(server)
    assert found.words == "10.244.0.0/24, 10.245.0.0/24"
    assert [str(each) for each in found.pods] == ["10.244.0.1/32"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (of("10.0.0.0/24"), of("10.0.1.0/24"), ""),
        (of("10.0.0.0/16"), of("10.0.3.0/24"), "10.0.3.0/24"),
        (of("10.0.3.0/24"), of("10.0.0.0/16"), "10.0.3.0/24"),
        (of("10.0.0.0/24"), of(pods=("10.0.0.9/32",)), "10.0.0.9/32"),
        (of(pods=("10.0.0.9/32",)), of(pods=("10.0.0.9/32",)), "10.0.0.9/32"),
        (of(pods=("10.0.0.9/32",)), of(pods=("10.0.0.8/32",)), ""),
        (of("10.0.0.0/8", pods=("10.0.0.9/32",)), of("11.0.0.0/8"), ""),
        (of("::a00:0/104"), of("10.0.0.0/8"), ""),
        (of(), of("10.0.0.0/8"), ""),
    ],
)
def test_what_two_clusters_share_is_found(one: Addresses, other: Addresses, expected: str) -> None:
    assert addresses.shared(one, other) == expected
    assert addresses.shared(other, one) == expected
