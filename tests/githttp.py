"""Git's own server behind HTTPS and a password, on a loopback address."""

from __future__ import annotations

import base64
import contextlib
import os
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.e2e.testbed.pki import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USER: Final = "bot"
PASSWORD: Final = "canary-0123456789-canary"  # noqa: S105
_AUTHORITY: Final = Authority("git over https")
_BACKEND_SECONDS: Final = 30


@dataclass
class GitServer:
    """Serves every repository below a directory.

    Attributes:
        directory: Of the repositories.
        url: Without a slash at its end.
        roots: PEM file that its certificate is verified against.
        shown: The credentials that were shown, ``user:password``.
        watch: Called for each request, while the client waits.
        refusal: Where set, status and words for everybody who is let in.
        moved: Where set, the URL that everybody is sent to instead.
    """

    directory: Path
    url: str
    roots: Path
    shown: set[str] = field(default_factory=set)
    watch: Callable[[], None] = lambda: None
    refusal: tuple[int, str] | None = None
    moved: str | None = None


@contextlib.contextmanager
def git_server(directory: Path, scratch: Path) -> Iterator[GitServer]:
    """Serve until the end of the block.

    Args:
        directory: Of bare repositories.
        scratch: For the certificate and the roots.
    """
    scratch.mkdir(exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = False
    server.socket = _context(scratch).wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    made = GitServer(directory, f"https://127.0.0.1:{server.server_port}", scratch / "roots.pem")
    made.roots.write_text(_AUTHORITY.root)
    _Handler.servers[server.server_port] = made
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _context(scratch: Path) -> ssl.SSLContext:
    pair = _AUTHORITY.serve(["127.0.0.1"])
    path = scratch / "pair.pem"
    path.write_text(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


class _Handler(BaseHTTPRequestHandler):
    servers: Final[dict[int, GitServer]] = {}
    timeout = 10

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    @property
    def _git(self) -> GitServer:
        return self.servers[self.server.server_address[1]]  # type: ignore[index]

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._git.moved is not None:
            self._send(302, b"", {"Location": self._git.moved + self.path})
            return
        header = self.headers.get("Authorization", "")
        shown = base64.b64decode(header.removeprefix("Basic ")).decode()
        if shown:
            self._git.shown.add(shown)
        self._git.watch()
        if shown != f"{USER}:{PASSWORD}":
            self._send(401, b"", {"WWW-Authenticate": 'Basic realm="git"'})
        elif self._git.refusal is not None:
            status, words = self._git.refusal
            self._send(status, words.encode(), {"Content-Type": "text/plain"})
        else:
            self._run_backend(body)

    def _run_backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        variables = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": str(self._git.directory),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "REMOTE_USER": USER,
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            env=variables,
            capture_output=True,
            timeout=_BACKEND_SECONDS,
            check=True,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(fields.pop("Status", "200").split()[0])
        self._send(status, content, fields)

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def arguments_of_all_processes() -> str:
    """What anybody on the machine can read of each command line."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended
            lines.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
    return "\n".join(lines)
