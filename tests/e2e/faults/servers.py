"""API servers that are dead, slow, or none: their own cluster is unknown, and no other."""

from __future__ import annotations

import signal
import ssl
import threading
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import yaml

from tests.e2e.testbed.network import HUB

from .model import fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Stage

PAGE = b"<!doctype html><title>Log in</title><p>Log in to go on."
# Whatever has to be asked of the second cluster's API server, and what istiod makes of its absence.
UNKNOWN = tuple(
    f"H{number:02} remote-cluster-2 unknown"
    for number in range(3, 20)
    if number != 5  # which looks at the external cluster alone
)


@fault(
    "the API server of a cluster is gone",
    names="H09 remote-cluster-2 unknown",
    follows=UNKNOWN,
    by_hand=True,
)
def dead_api_server(stage: Stage) -> Iterator[None]:
    with stage.second.paused():
        yield


@fault(
    "the API server of a cluster does not answer any more",
    names="H09 remote-cluster-2 unknown",
    follows=UNKNOWN,
    by_hand=True,
)
def slow_api_server(stage: Stage) -> Iterator[None]:
    stage.second.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        stage.second.signal(signal.SIGCONT)


class _Portal(BaseHTTPRequestHandler):
    """Says the same page to everybody, as what stands before the internet in a hotel."""

    def do_GET(self) -> None:
        """Also for whoever asks to write; the base class looks for a method of that name."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def _portal(stage: Stage) -> Iterator[str]:
    """A server that everybody trusts and that says nothing but HTML; gives its URL."""
    pair = stage.mesh.testbed.public.serve([str(HUB)])
    certificate, key = (stage.mesh.testbed.base / name for name in ("portal.crt", "portal.key"))
    for file, text in ((certificate, pair.certificate), (key, pair.key)):
        file.touch(mode=0o600)
        file.write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer((str(HUB), 0), _Portal) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, name="portal", daemon=True).start()
        try:
            yield f"https://{HUB}:{server.server_port}"
        finally:
            server.shutdown()


@fault(
    "what answers in place of a cluster's API server says HTML",
    names="H09 remote-cluster-2 unknown",
    # istiod's own credential leads to the true one.
    follows=tuple(each for each in UNKNOWN if not each.startswith("H07")),
    by_hand=True,
)
def html_api_server(stage: Stage) -> Iterator[None]:
    path = stage.bot.kubeconfig
    before = path.read_text()
    document = yaml.safe_load(before)
    try:
        with _portal(stage) as url:
            for entry in document["clusters"]:
                if entry["name"] == stage.second.name:
                    entry["cluster"] = {"server": url}
            path.write_text(yaml.safe_dump(document))
            yield
    finally:
        path.write_text(before)
