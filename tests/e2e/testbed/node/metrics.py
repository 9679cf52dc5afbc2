"""The resource metrics API, so that a HorizontalPodAutoscaler is as healthy as on a real cluster.

Every container is said to use next to nothing: how busy the test machine is must not scale
anything.
"""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.e2e.testbed import pki
from tests.e2e.testbed.api import Api, ApiError, Object, url
from tests.e2e.testbed.errors import TestbedError

from .containers import now

if TYPE_CHECKING:
    from pathlib import Path

PORT = 4443
GROUP_VERSION = "metrics.k8s.io/v1beta1"
ROOT = f"/apis/{GROUP_VERSION}"
USAGE = {"cpu": "5m", "memory": "64Mi"}


def serve(address: str, api: Api, directory: Path) -> None:
    """Answer on the node's address and register with the API server."""
    pair = pki.Authority("metrics").serve([address])
    file = directory / "metrics.pem"
    file.touch(mode=0o600)
    file.write_text(pair.key + pair.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = ThreadingHTTPServer((address, PORT), _handler(api))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    _register(api, address)


def _register(api: Api, address: str) -> None:
    name, namespace = "metrics-server", "kube-system"
    port: Object = {"name": "https", "port": 443, "targetPort": PORT}
    service = {"metadata": {"name": name}, "spec": {"ports": [port]}}
    slice_ = {
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": "https", "port": PORT, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
    }
    group, version = GROUP_VERSION.split("/")
    registration = {
        "metadata": {"name": f"{version}.{group}"},
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"name": name, "namespace": namespace},
        },
    }
    _ensure(api, "v1/services", namespace, service)
    _ensure(api, "discovery.k8s.io/v1/endpointslices", namespace, slice_)
    _ensure(api, "apiregistration.k8s.io/v1/apiservices", None, registration)


def _ensure(api: Api, resource: str, namespace: str | None, body: Object) -> None:
    try:
        api.create(resource, namespace, body)
    except ApiError as error:
        if error.status != 409:
            raise


def answer(api: Api, path: str, query: str) -> Object | None:
    """The answer to one GET, or None where there is nothing."""
    if path == ROOT:
        return {"kind": "APIResourceList", "groupVersion": GROUP_VERSION, "resources": _RESOURCES}
    parts = path.removeprefix(ROOT).strip("/").split("/")
    if path.startswith(ROOT) and parts[-1] == "pods":
        namespace = parts[1] if parts[0] == "namespaces" else None
        pods = api.call("GET", f"{url('v1/pods', namespace)}?{query}").get("items") or []
        items = [_usage(pod) for pod in pods if pod.get("status", {}).get("phase") == "Running"]
        return {
            "kind": "PodMetricsList",
            "apiVersion": GROUP_VERSION,
            "metadata": {},
            "items": items,
        }
    return None


_RESOURCES = [{"name": "pods", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}]


def _usage(pod: Object) -> Object:
    metadata = pod["metadata"]
    sidecars = [c for c in pod["spec"].get("initContainers", []) if c.get("restartPolicy")]
    containers = [*pod["spec"]["containers"], *sidecars]
    return {
        "metadata": {k: metadata.get(k) for k in ("name", "namespace", "labels")},
        "timestamp": now(),
        "window": "15s",
        "containers": [{"name": c["name"], "usage": USAGE} for c in containers],
    }


def _handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            try:
                found = answer(api, parts.path, parts.query)
                status = 200 if found else 404
            except TestbedError:
                found, status = None, 503
            body = json.dumps(found or {"kind": "Status", "code": status}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """No log."""

    return Handler
