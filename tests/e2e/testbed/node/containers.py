"""One container of a Pod as one process: start, restart, probes, status."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.testbed.processes import Process

from .environment import expand
from .probes import Probe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.testbed.api import Object

    from .images import Image
    from .volumes import Volumes

LAUNCH = Path(__file__).with_name("launch.py")
TRUST_STORE = "/etc/ssl/certs/ca-certificates.crt"
FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 10.0


def now() -> str:
    """This moment as Kubernetes writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Place:
    """Where the containers of one Pod run.

    Attributes:
        network: Name of the Pod's network namespace.
        address: The Pod's address.
        directory: Where the specs, logs and volumes of the Pod are.
        etc: Content of resolv.conf, hosts, nsswitch.conf and the trust store.
    """

    network: str
    address: str
    directory: Path
    etc: dict[str, str]


class Container:
    """A container: at most one process at a time, started again as the Pod's policy says."""

    def __init__(self, spec: Object, pod: Object, image: Image, place: Place) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.started = False
        self.ready = False
        self._pod = pod
        self._image = image
        self._place = place
        self._process: Process | None = None
        self._probes: dict[str, Probe] = {}
        self._restarts = -1
        self._start_after = 0.0
        self._began = ""
        self._last: Object = {}
        self._done: Object = {}

    @property
    def _spec_file(self) -> Path:
        return self._place.directory / f"{self.name}.json"

    @property
    def exit_code(self) -> int | None:
        """How the last process ended, None while one runs or before the first."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        """A process runs now."""
        return self._process is not None and self._process.poll() is None

    def start(self, variables: Mapping[str, str], volumes: Volumes) -> None:
        """Run the container, again where it ran before."""
        self._spec_file.write_text(json.dumps(self._launch_spec(variables, volumes)))
        self._spec_file.chmod(0o600)
        self._restarts += 1
        backoff = min(FIRST_BACKOFF_SECONDS * 2**self._restarts, LONGEST_BACKOFF_SECONDS)
        self._start_after = time.monotonic() + backoff
        self._began = now()
        self._done = {}
        self.started = self.ready = False
        self._process = Process(
            f"{self._pod['metadata']['name']}/{self.name}",
            [sys.executable, "-I", LAUNCH, self._spec_file],
            self._place.directory / f"{self.name}.log",
        )
        ports = {p["name"]: p["containerPort"] for p in self.spec.get("ports", []) if "name" in p}
        self._probes = {
            kind: Probe(self.spec[kind], self._place.address, ports, self.run)
            for kind in ("startupProbe", "readinessProbe", "livenessProbe")
            if kind in self.spec
        }

    def may_restart(self) -> bool:
        """The pause after the last start is over."""
        return not self.running and time.monotonic() >= self._start_after

    def tick(self) -> None:
        """Look after the process and its probes."""
        if not self.running:
            self._ended()
            return
        if not self.started:
            startup = self._probes.get("startupProbe")
            if startup:
                startup.tick()
            self.started = startup is None or startup.passed
            if startup and startup.failed:
                self.stop(5)
        else:
            self._tick_running()

    def _tick_running(self) -> None:
        readiness, liveness = (self._probes.get(k) for k in ("readinessProbe", "livenessProbe"))
        if readiness:
            readiness.tick()
        self.ready = readiness is None or readiness.passed
        if liveness:
            liveness.tick()
            if liveness.failed:
                self.stop(5)

    def _ended(self) -> None:
        self.started = self.ready = False
        if self._process and not self._done:
            code = self._process.poll()
            reason = "Completed" if code == 0 else "Error"
            times = {"startedAt": self._began, "finishedAt": now()}
            self._done = {"terminated": {"exitCode": code, "reason": reason, **times}}
            self._last = self._done

    def run(self, command: list[str], seconds: float) -> bool:
        """Run a command in the container; yes if it ended well in time."""
        argv: list[str | Path] = [sys.executable, "-I", LAUNCH, self._spec_file]
        try:
            done = subprocess.run(
                [*argv, *command], capture_output=True, timeout=seconds + 1, check=False
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def stop(self, seconds: float) -> None:
        """End the process within its time of grace."""
        if self._process:
            self._process.stop(seconds)

    def status(self) -> Object:
        """The entry of ``containerStatuses``."""
        if self.running:
            state: Object = {"running": {"startedAt": self._began}}
        elif self._done:
            state = self._done
        else:
            state = {"waiting": {"reason": "PodInitializing"}}
        reference = self.spec["image"]
        return {
            "name": self.name,
            "image": reference,
            "imageID": f"testbed://{reference}",
            "containerID": f"testbed://{self._process.pid if self._process else 0}",
            "ready": self.ready or (not self.running and self.exit_code == 0),
            "started": self.started,
            "restartCount": max(self._restarts, 0),
            "state": state,
            "lastState": self._last if self.running else {},
        }

    def _launch_spec(self, variables: Mapping[str, str], volumes: Volumes) -> Object:
        entrypoint = self.spec.get("command") or list(self._image.entrypoint)
        words = [*entrypoint, *self.spec.get("args", [])]
        both = {
            **self._pod["spec"].get("securityContext", {}),
            **self.spec.get("securityContext", {}),
        }
        groups = [both["fsGroup"]] if "fsGroup" in both else []
        return {
            "network": f"/run/netns/{self._place.network}",
            "root": str(self._place.directory / "root"),
            "etc": self._place.etc,
            "mounts": self._mounts(volumes),
            "environment": {**variables, **self._image.overrides},
            "command": [expand(word, variables) for word in words],
            "directory": self.spec.get("workingDir") or "/",
            "uid": both.get("runAsUser", self._image.user),
            "gid": both.get("runAsGroup", self._image.user),
            "groups": [*groups, *both.get("supplementalGroups", [])],
            "readonly": bool(both.get("readOnlyRootFilesystem")),
        }

    def _mounts(self, volumes: Volumes) -> list[Object]:
        files = [
            {"source": str(source), "target": target, "readonly": True}
            for target, source in {
                TRUST_STORE: Path(TRUST_STORE),
                **self._image.files,
            }.items()
        ]
        mounts = [
            {
                "source": str(volumes.path(mount["name"]) / mount.get("subPath", "")),
                "target": mount["mountPath"],
                "readonly": bool(mount.get("readOnly")),
            }
            for mount in self.spec.get("volumeMounts", [])
        ]
        return [*files, *sorted(mounts, key=lambda mount: str(mount["target"]))]
