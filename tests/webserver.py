"""A real web server on a loopback address, each path answered by a function of the test."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import ipaddress
import json
import shlex
import ssl
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Answer = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """The answers by path, and what was asked for.

    Attributes:
        base: URL without a slash at its end.
        answers: May be changed while the server runs.
        requests: Paths in the order of the requests.
        closed: Set at the end; an answer that would last for ever watches it.
    """

    def __init__(self, base: str) -> None:
        self.base = base
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.closed = threading.Event()

    def serve(self, path: str, content: bytes) -> None:
        """Answer a path with this content."""
        self.answers[path] = lambda request: send(request, 200, content)


def send(request: BaseHTTPRequestHandler, code: int, content: bytes = b"", **headers: str) -> None:
    """A whole answer; a header's name in Python's spelling."""
    request.send_response(code)
    for name, value in {"Content_Length": str(len(content)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(content)


def _not_found(request: BaseHTTPRequestHandler) -> None:
    send(request, 404)


@contextlib.contextmanager
def web_server(certificate: Path | None = None) -> Iterator[Site]:
    """Serve on a free port of 127.0.0.1 until the end of the block.

    Args:
        certificate: PEM with its key, for https; plain http without.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.requests.append(self.path)
            self.close_connection = True
            answer = site.answers.get(self.path, _not_found)
            with contextlib.suppress(OSError):  # the client went away
                answer(self)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False  # an answer may never end
    scheme = "http"
    if certificate:
        scheme = "https"
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    site = Site(f"{scheme}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        site.closed.set()
        server.shutdown()
        thread.join()
        server.server_close()


def self_signed(file: Path) -> Path:
    """Write a certificate for 127.0.0.1 and its key to the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    file.write_bytes(
        certificate.public_bytes(encoding)
        + key.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


def publish_istioctl(site: Site, version: str, platform: Sequence[str]) -> None:
    """Let the site have a release whose istioctl can say its version and nothing else."""
    facts = shlex.quote(json.dumps({"clientVersion": {"version": version}}))
    publish_archive(site, version, platform, istioctl_archive(f"#!/bin/sh\necho {facts}\n"))


def publish_archive(site: Site, version: str, platform: Sequence[str], content: bytes) -> None:
    """Let the site have this file, and its checksum, where Istio has the archive of istioctl."""
    path = f"/{version}/istioctl-{version}-{'-'.join(platform)}.tar.gz"
    site.serve(path, content)
    site.serve(f"{path}.sha256", hashlib.sha256(content).hexdigest().encode())


def istioctl_archive(program: str) -> bytes:
    """An archive like Istio's, with this program in it."""
    content = program.encode()
    member = tarfile.TarInfo("istioctl")
    member.size = len(content)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
