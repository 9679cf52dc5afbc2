"""What stands for Istio's helloworld sample: says its version on /hello, and on other paths too."""

from __future__ import annotations

import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 5000
LINGER_SECONDS = 5.0


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Say the version, this Pod, and who the sidecar says is calling."""
        caller = self.headers.get("X-Forwarded-Client-Cert", "nobody known")
        body = (
            f"Hello version: {os.environ['SERVICE_VERSION']}, instance: {os.environ['HOSTNAME']}\n"
            f"caller: {caller}\n"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """No log: Envoy has one."""


def end_slowly(*_: object) -> None:
    """Go on answering until no caller knows this Pod any more, as a preStop hook would see to."""
    threading.Timer(LINGER_SECONDS, os._exit, (0,)).start()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end_slowly)
    ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()  # noqa: S104 - in the Pod's own network
