"""Probes of a container: HTTP and TCP from the node, commands inside."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.testbed.api import Object

Exec = Callable[[list[str], float], bool]


class Probe:
    """One probe with its own clock, and what it has said so far."""

    def __init__(self, spec: Object, address: str, ports: dict[str, int], run: Exec) -> None:
        self._spec = spec
        self._address = address
        self._ports = ports
        self._run = run
        self._due = time.monotonic() + spec.get("initialDelaySeconds", 0)
        self._good = 0
        self._bad = 0

    @property
    def passed(self) -> bool:
        """As many successes in a row as the Pod asks for."""
        return self._good >= int(self._spec.get("successThreshold", 1))

    @property
    def failed(self) -> bool:
        """As many failures in a row as the Pod allows."""
        return self._bad >= int(self._spec.get("failureThreshold", 3))

    def tick(self) -> None:
        """Look, where it is time to."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + self._spec.get("periodSeconds", 10)
        if self._look(float(self._spec.get("timeoutSeconds", 1))):
            self._good, self._bad = self._good + 1, 0
        else:
            self._bad += 1
            if self.failed:
                self._good = 0

    def _look(self, seconds: float) -> bool:
        try:
            if "httpGet" in self._spec:
                return self._http(self._spec["httpGet"], seconds)
            if "tcpSocket" in self._spec:
                at = (self._address, self._port(self._spec["tcpSocket"]["port"]))
                socket.create_connection(at, seconds).close()
                return True
            return self._run(self._spec["exec"]["command"], seconds)
        except (OSError, http.client.HTTPException):
            return False

    def _port(self, port: int | str) -> int:
        return self._ports[port] if isinstance(port, str) else port

    def _http(self, get: Object, seconds: float) -> bool:
        host, port = get.get("host") or self._address, self._port(get["port"])
        if get.get("scheme") == "HTTPS":
            context = ssl._create_unverified_context()  # noqa: S323, SLF001 - kubelet does not verify
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=seconds, context=context
            )
        else:
            connection = http.client.HTTPConnection(host, port, timeout=seconds)
        headers = {h["name"]: h["value"] for h in get.get("httpHeaders", [])}
        try:
            connection.request("GET", get.get("path", "/"), headers=headers)
            return 200 <= connection.getresponse().status < 400
        finally:
            connection.close()
