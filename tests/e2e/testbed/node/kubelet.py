"""The node's own part: it registers itself, takes each Pod of its cluster and runs it."""

from __future__ import annotations

import itertools
import logging
import threading
from typing import TYPE_CHECKING

from tests.e2e.testbed.api import Api, ApiError, Object, Reflector
from tests.e2e.testbed.network import STREAMS_PORT

from .environment import NODE_CAPACITY
from .pod import Pod

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.testbed.network import NodeNetwork

HEARTBEAT_SECONDS = 10
# istiod looks here to see whether the node can run native sidecars.
KUBELET_VERSION = "v1.36.3"

log = logging.getLogger("kubelet")


class Kubelet:
    """Runs all Pods of one cluster; the cluster has this one node and no scheduler."""

    def __init__(self, api: Api, node: NodeNetwork, base: Path, etc: dict[str, str]) -> None:
        self._api = api
        self._node = node
        self._base = base
        self._etc = etc
        self._index = itertools.count(1)
        self._pods: dict[str, Pod] = {}
        self._lock = threading.Lock()

    def start(self) -> None:
        """Register the node and follow the Pods from now on."""
        self._register()
        Reflector(self._api, "v1/pods", self._changed).start()

    def beat(self) -> None:
        """Say that the node is alive."""
        self._api.merge("v1/nodes", None, f"{self._node.name}/status", {"status": self._status()})

    def _register(self) -> None:
        labels = {"kubernetes.io/hostname": self._node.name, "kubernetes.io/os": "linux"}
        node = {"apiVersion": "v1", "kind": "Node"}
        metadata = {"name": self._node.name, "labels": labels}
        try:
            self._api.create("v1/nodes", None, {**node, "metadata": metadata, "spec": {}})
        except ApiError as error:
            if error.status != 409:
                raise
        self.beat()

    def _status(self) -> Object:
        resources = {**NODE_CAPACITY, "pods": "200"}
        return {
            "capacity": resources,
            "allocatable": resources,
            "addresses": [
                {"type": "InternalIP", "address": self._node.address},
                {"type": "Hostname", "address": self._node.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": STREAMS_PORT}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "testbed",
                "containerRuntimeVersion": "testbed://1",
                "kernelVersion": "linux",
                "kubeProxyVersion": KUBELET_VERSION,
                "kubeletVersion": KUBELET_VERSION,
                "machineID": self._node.name,
                "operatingSystem": "linux",
                "osImage": "testbed",
                "systemUUID": self._node.name,
            },
        }

    def _changed(self, kind: str, pod: Object) -> None:
        metadata = pod["metadata"]
        uid = metadata["uid"]
        running = self._pods.get(uid)
        if kind == "DELETED" or "deletionTimestamp" in metadata:
            grace = metadata.get("deletionGracePeriodSeconds", 0)
            if running is not None:
                running.finish(grace)
            elif kind != "DELETED":
                self._api.delete("v1/pods", metadata["namespace"], metadata["name"], now=True)
        elif running is None and pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}:
            self._take(pod)

    def _take(self, pod: Object) -> None:
        """Bind and start a Pod; where that fails, the reflector lists it once more."""
        metadata = pod["metadata"]
        if not pod["spec"].get("nodeName"):
            self._bind(metadata["namespace"], metadata["name"])
            pod["spec"]["nodeName"] = self._node.name
        index = next(self._index)
        thread = Pod(self._api, pod, node=self._node, index=index, base=self._base, etc=self._etc)
        self._pods[metadata["uid"]] = thread
        thread.start()

    def _bind(self, namespace: str, name: str) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": self._node.name}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}}
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/binding"
        self._api.call("POST", path, {**binding, "target": target})
