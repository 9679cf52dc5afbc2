"""Service addresses: what kube-proxy and a cloud's load balancers do, with iptables."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from tests.e2e.testbed.api import Api, Object, Reflector, key_of
from tests.e2e.testbed.errors import TestbedError
from tests.e2e.testbed.network import BRIDGE, NodeNetwork, ip
from tests.e2e.testbed.processes import run

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTLE_SECONDS = 0.1
SERVICE_LABEL = "kubernetes.io/service-name"

log = logging.getLogger("services")


class Services:
    """Keeps the node's address translation in step with Services and EndpointSlices."""

    def __init__(self, api: Api, node: NodeNetwork) -> None:
        self._api = api
        self._node = node
        self._numbers = itertools.count(1)
        self._balancers: dict[str, str] = {}
        self._dirty = threading.Event()
        self._services = Reflector(api, "v1/services", self._changed)
        self._slices = Reflector(api, "discovery.k8s.io/v1/endpointslices", self._changed)
        self._rules = ""

    def start(self) -> None:
        """Follow the cluster from now on."""
        self._services.start()
        self._slices.start()
        threading.Thread(target=self._follow, name="services", daemon=True).start()

    def lookup(self, name: str) -> list[str] | None:
        """Cluster DNS: the addresses of ``service.namespace.svc.cluster.local``."""
        suffix = ".svc.cluster.local"
        labels = name.removesuffix(suffix).split(".")
        if not name.endswith(suffix) or len(labels) != 2:
            return None
        service = self._services.find(labels[1], labels[0])
        if service is None:
            return None
        address = service["spec"].get("clusterIP", "")
        if address in {"", "None"}:
            return [address for address, _ in self._endpoints(service, None)]
        return [address]

    def _changed(self, _kind: str, _item: Object) -> None:
        self._dirty.set()

    def _follow(self) -> None:
        while True:
            self._dirty.wait()
            threading.Event().wait(SETTLE_SECONDS)
            self._dirty.clear()
            try:
                self._assign()
                self._write()
            except TestbedError as error:
                log.warning("%s", error)
                self._dirty.set()

    def _assign(self) -> None:
        """Give each Service of type LoadBalancer an address, and take it back with the Service."""
        wanted = {
            key_of(s): s for s in self._services.items() if s["spec"].get("type") == "LoadBalancer"
        }
        for key in set(self._balancers) - set(wanted):
            address = self._balancers.pop(key)
            with contextlib.suppress(TestbedError):
                ip("address", "del", f"{address}/32", "dev", BRIDGE)
        for key, service in wanted.items():
            if key not in self._balancers:
                address = self._node.load_balancer_address(next(self._numbers))
                ip("address", "add", f"{address}/32", "dev", BRIDGE)
                self._balancers[key] = address
            self._publish(service, self._balancers[key])

    def _publish(self, service: Object, address: str) -> None:
        ingress = [{"ip": address, "ipMode": "VIP"}]
        if service.get("status", {}).get("loadBalancer", {}).get("ingress") != ingress:
            metadata = service["metadata"]
            body = {"status": {"loadBalancer": {"ingress": ingress}}}
            name = f"{metadata['name']}/status"
            self._api.merge("v1/services", metadata["namespace"], name, body)

    def _write(self) -> None:
        rules = self._table()
        if rules != self._rules:
            run(["iptables-restore", "--wait", "5"], stdin=rules, seconds=20)
            self._rules = rules

    def _table(self) -> str:
        """The whole table ``nat`` of the node."""
        pods = self._node.pod_range
        lines = ["*nat", ":SERVICES - [0:0]", ":HAIRPIN - [0:0]", "-A POSTROUTING -j HAIRPIN"]
        lines += [f"-A {chain} -j SERVICES" for chain in ("PREROUTING", "OUTPUT")]
        lines.append(f"-A POSTROUTING -s {pods} -o {BRIDGE} -j MASQUERADE")
        for service in sorted(self._services.items(), key=key_of):
            lines += self._translations(service)
        # A Pod that calls a Service and is its own answer must not see itself as the caller.
        own = {
            pod
            for s in self._services.items()
            for pod, _ in self._endpoints(s, None, any_port=True)
        }
        lines += [f"-A HAIRPIN -s {pod}/32 -d {pod}/32 -j MASQUERADE" for pod in sorted(own)]
        return "\n".join([*lines, "COMMIT", ""])

    def _translations(self, service: Object) -> Iterator[str]:
        own = service["spec"].get("clusterIP", "")
        addresses = [own] if own not in {"", "None"} else []
        if balancer := self._balancers.get(key_of(service)):
            addresses.append(balancer)
        for port in service["spec"].get("ports", []):
            endpoints = self._endpoints(service, port.get("name"))
            for address, (index, (pod, number)) in itertools.product(
                addresses, enumerate(endpoints)
            ):
                left = len(endpoints) - index
                share = (
                    "" if left == 1 else f"-m statistic --mode random --probability {1 / left:.6f} "
                )
                yield (
                    f"-A SERVICES -d {address}/32 -p tcp --dport {port['port']} {share}"
                    f"-j DNAT --to-destination {pod}:{number}"
                )

    def _endpoints(
        self, service: Object, port: str | None, *, any_port: bool = False
    ) -> list[tuple[str, int]]:
        """Addresses and port of the ready endpoints behind one named port of a Service."""
        metadata = service["metadata"]
        found = set()
        for item in self._slices.items():
            if (
                item["metadata"].get("namespace") != metadata.get("namespace")
                or item["metadata"].get("labels", {}).get(SERVICE_LABEL) != metadata["name"]
            ):
                continue
            numbers = [
                p["port"]
                for p in item.get("ports") or []
                if any_port or (p.get("name") or None) == port
            ]
            for endpoint in item.get("endpoints") or []:
                if endpoint.get("conditions", {}).get("ready", True):
                    found |= {(a, n) for a in endpoint["addresses"] for n in numbers[:1]}
        return sorted(found, key=lambda pair: (IPv4Address(pair[0]), pair[1]))
