"""One Pod from its binding to its end, in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from tests.e2e.testbed import network
from tests.e2e.testbed.api import Api, ApiError, Object
from tests.e2e.testbed.errors import TestbedError

from . import images
from .containers import Container, Place, now
from .environment import Environment, Missing
from .volumes import Volumes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.testbed.network import NodeNetwork

TICK_SECONDS = 0.2
VOLUME_SECONDS = 5.0
GRACE_SECONDS = 10

log = logging.getLogger("kubelet")


class Pod(threading.Thread):
    """Runs one Pod and tells the API server how it goes."""

    def __init__(
        self,
        api: Api,
        pod: Object,
        *,
        node: NodeNetwork,
        index: int,
        base: Path,
        etc: dict[str, str],
    ) -> None:
        metadata = pod["metadata"]
        super().__init__(name=f"{metadata['namespace']}/{metadata['name']}", daemon=True)
        self._api = api
        self._pod = pod
        self._node = node
        self._link = f"pod{index}"
        address = node.pod_address(index)
        directory = base / f"{metadata['namespace']}_{metadata['name']}"
        hosts = f"127.0.0.1 localhost\n{address} {metadata['name']}\n"
        files = {
            name: text.replace("NAMESPACE", metadata["namespace"]) for name, text in etc.items()
        }
        self._place = Place(
            f"{node.namespace}-{self._link}", address, directory, {**files, "hosts": hosts}
        )
        self._volumes = Volumes(api, pod, directory / "volumes")
        self._inits: list[Container] = []
        self._containers: list[Container] = []
        self._conditions: dict[str, Object] = {}
        self._sent: Object = {}
        self._message = ""
        self._is_connected = False
        self._next_volumes = 0.0
        self._deleted = threading.Event()
        self._grace = GRACE_SECONDS

    def finish(self, grace: int) -> None:
        """Tell the thread that the Pod is deleted."""
        self._grace = min(grace, GRACE_SECONDS)
        self._deleted.set()

    def run(self) -> None:
        """The life of the Pod."""
        (self._place.directory / "root").mkdir(parents=True, exist_ok=True)
        self._pod.setdefault("status", {}).update(
            podIP=self._place.address, hostIP=self._node.address
        )
        while not self._deleted.is_set():
            try:
                self._message = ""
                self._connect()
                self._step()
            except Missing as missing:
                self._message = str(missing)
            except TestbedError as error:
                self._message = str(error)
                log.warning("%s: %s", self.name, error)
            self._report()
            self._deleted.wait(TICK_SECONDS)
        self._end()

    def _connect(self) -> None:
        """Give the Pod its network, once."""
        if self._is_connected:
            return
        place = self._place
        try:
            network.create_pod(place.network, self._node.namespace, self._link, place.address)
        except TestbedError:
            network.delete_pod(place.network, self._node.namespace, self._link)
            raise
        # Where kubelet-streams finds the Pod.
        (place.directory / "network").write_text(f"/run/netns/{place.network}")
        self._is_connected = True

    def _step(self) -> None:
        """Bring the Pod one step further, or keep it where it is."""
        if time.monotonic() > self._next_volumes:
            self._volumes.refresh()
            self._next_volumes = time.monotonic() + VOLUME_SECONDS
        if not self._containers:
            self._create()
        for container in self._inits:
            container.tick()
            if not self._advance_init(container):
                return
        for container in self._containers:
            container.tick()
            self._keep_running(container)

    def _create(self) -> None:
        spec = self._pod["spec"]
        self._inits = [self._container(item) for item in spec.get("initContainers", [])]
        self._containers = [self._container(item) for item in spec["containers"]]

    def _container(self, spec: Object) -> Container:
        image = images.find(spec["image"])
        if image is None:
            raise Missing(f"ErrImagePull: no image {spec['image']}")
        return Container(spec, self._pod, image, self._place)

    def _advance_init(self, container: Container) -> bool:
        """Whether the next container may start."""
        if container.spec.get("restartPolicy") == "Always":
            self._keep_running(container)
            return container.started
        if container.exit_code == 0:
            return True
        self._keep_running(container)
        return False

    def _keep_running(self, container: Container) -> None:
        if container.may_restart():
            image = images.find(container.spec["image"])
            base = {
                **(image.environment if image else {}),
                "KUBERNETES_SERVICE_HOST": network.FIRST_SERVICE,
                "KUBERNETES_SERVICE_PORT": "443",
            }
            variables = Environment(self._api, self._pod).of(container.spec, base)
            container.start(variables, self._volumes)
            log.info("%s: started %s", self.name, container.name)

    def _report(self) -> None:
        status = self._status()
        if status == self._sent:
            return
        metadata = self._pod["metadata"]
        try:
            self._api.merge(
                "v1/pods", metadata["namespace"], f"{metadata['name']}/status", {"status": status}
            )
            self._sent = status
        except ApiError as error:
            if error.status != 404:
                log.warning("%s: %s", self.name, error)
        except TestbedError as error:
            log.warning("%s: %s", self.name, error)

    def _status(self) -> Object:
        initialized = bool(self._containers) and all(
            c.started or c.exit_code == 0 for c in self._inits
        )
        sidecars = [c for c in self._inits if c.spec.get("restartPolicy") == "Always"]
        ready = initialized and all(c.ready for c in [*sidecars, *self._containers])
        self._condition("PodScheduled", yes=True)
        self._condition("Initialized", yes=initialized)
        self._condition("ContainersReady", yes=ready)
        self._condition("Ready", yes=ready)
        running = any(c.running for c in self._containers)
        return {
            "phase": "Running" if running or ready else "Pending",
            "podIP": self._place.address,
            "podIPs": [{"ip": self._place.address}],
            "hostIP": self._node.address,
            "message": self._message or None,
            "conditions": list(self._conditions.values()),
            "initContainerStatuses": [c.status() for c in self._inits],
            "containerStatuses": [c.status() for c in self._containers] or self._waiting(),
        }

    def _waiting(self) -> list[Object]:
        reason, _, _ = self._message.partition(":")
        reason = reason if reason == "ErrImagePull" else "ContainerCreating"
        waiting = {"waiting": {"reason": reason, "message": self._message}}
        return [
            {
                "name": item["name"],
                "image": item["image"],
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": waiting,
            }
            for item in self._pod["spec"]["containers"]
        ]

    def _condition(self, kind: str, *, yes: bool) -> None:
        value = "True" if yes else "False"
        if self._conditions.get(kind, {}).get("status") != value:
            self._conditions[kind] = {"type": kind, "status": value, "lastTransitionTime": now()}

    def _end(self) -> None:
        """Stop the containers, sidecars last, and let the API server forget the Pod."""
        for container in [*self._containers, *reversed(self._inits)]:
            container.stop(self._grace)
        network.delete_pod(self._place.network, self._node.namespace, self._link)
        metadata = self._pod["metadata"]
        try:
            self._api.delete("v1/pods", metadata["namespace"], metadata["name"], now=True)
        except TestbedError as error:
            log.warning("%s: %s", self.name, error)
        log.info("%s: gone", self.name)
