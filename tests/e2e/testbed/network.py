"""The network: one fabric that stands for the internet, and one namespace for each node.

Addresses come from 198.18.0.0/15, set aside for tests (RFC 2544). The fabric is a bridge in the
sandbox's own network namespace. Each cluster has one node, a namespace with one leg on the fabric;
its Pods hang behind the node, each on a link of its own and routed by it, and what they send to the
fabric carries the node's address: Pods of two clusters cannot reach each other but through
load-balancer addresses, as on two networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from .processes import run

BRIDGE = "fabric"
PREFIX = 16
HUB = IPv4Address("198.18.0.1")
LINK_LOCAL_GATEWAY = "169.254.1.1"
SERVICE_RANGE = "10.96.0.0/16"
FIRST_SERVICE = "10.96.0.1"
OUTSIDE = IPv4Address("198.18.255.1")
STREAMS_PORT = 10250


@dataclass(frozen=True)
class NodeNetwork:
    """The addresses of one cluster, all of them from its number (1 to 200)."""

    name: str
    number: int

    @property
    def namespace(self) -> str:
        """The network namespace of the node."""
        return f"node-{self.number}"

    @property
    def address(self) -> str:
        """The node on the fabric: API server, and source of what its Pods send."""
        return str(HUB + 10 + self.number)

    @property
    def pod_range(self) -> str:
        """Where the addresses of the Pods come from."""
        return f"10.{10 + self.number}.0.0/16"

    def pod_address(self, index: int) -> str:
        """The address of the Pod that was started as number ``index``, from 1."""
        return str(IPv4Address(f"10.{10 + self.number}.0.0") + index)

    def load_balancer_address(self, index: int) -> str:
        """The address on the fabric of load balancer number ``index``, from 1."""
        return str(IPv4Address(f"198.18.{self.number}.0") + index)


def ip(*arguments: str) -> None:
    """One call of ip(8)."""
    run(["ip", *arguments], seconds=10)


def create_fabric() -> None:
    """The bridge, with this namespace on it as ``HUB``."""
    ip("link", "set", "lo", "up")
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("address", "add", f"{HUB}/{PREFIX}", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")


def create_node(node: NodeNetwork) -> None:
    """A namespace with one leg on the fabric, ready to route its Pods."""
    ns, port = node.namespace, f"port-{node.number}"
    ip("netns", "add", ns)
    ip("link", "add", port, "type", "veth", "peer", "name", BRIDGE, "netns", ns)
    ip("link", "set", port, "master", BRIDGE, "up")
    ip("-n", ns, "link", "set", "lo", "up")
    ip("-n", ns, "address", "add", f"{node.address}/{PREFIX}", "dev", BRIDGE)
    ip("-n", ns, "link", "set", BRIDGE, "up")
    # A route decides the source address before the Service's address is translated.
    ip("-n", ns, "route", "add", SERVICE_RANGE, "dev", BRIDGE, "src", node.address)
    run(["ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv4.ip_forward=1"], seconds=10)


def create_pod(namespace: str, node: str, link: str, address: str) -> None:
    """A Pod's namespace and its link to the node's namespace."""
    ip("netns", "add", namespace)
    ip("-n", node, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    ip("-n", node, "address", "add", f"{LINK_LOCAL_GATEWAY}/32", "dev", link)
    ip("-n", node, "link", "set", link, "up")
    ip("-n", node, "route", "add", f"{address}/32", "dev", link)
    ip("-n", namespace, "link", "set", "lo", "up")
    ip("-n", namespace, "address", "add", f"{address}/32", "dev", "eth0")
    ip("-n", namespace, "link", "set", "eth0", "up")
    ip("-n", namespace, "route", "add", LINK_LOCAL_GATEWAY, "dev", "eth0", "scope", "link")
    ip("-n", namespace, "route", "add", "default", "via", LINK_LOCAL_GATEWAY)


def delete_pod(namespace: str, node: str, link: str) -> None:
    """Take a Pod's link and namespace away."""
    run(["ip", "-n", node, "link", "delete", link], seconds=10, ok=(0, 1))
    run(["ip", "netns", "delete", namespace], seconds=10, ok=(0, 1))


def inside(namespace: str) -> list[str]:
    """The words that run a command in a named network namespace and nothing else changed."""
    return ["nsenter", f"--net=/run/netns/{namespace}", "--"]
