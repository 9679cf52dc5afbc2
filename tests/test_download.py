from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from extcp_gitops.download import Limits, NotFoundError, fetch
from extcp_gitops.errors import ExtcpError
from tests.webserver import Site, self_signed, send, web_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

LIMITS = Limits(size=1 << 20, total=60)
IMPATIENT = Limits(size=1 << 20, total=0.5, read=60)


@pytest.fixture
def site() -> Iterator[Site]:
    with web_server() as site:
        yield site


def test_a_file_arrives_whole_with_its_progress(site: Site) -> None:
    content = bytes(range(256)) * 2000
    site.serve("/file", content)
    steps: list[tuple[int, int | None]] = []
    received = fetch(f"{site.base}/file", LIMITS, lambda *step: steps.append(step))
    assert b"".join(received) == content
    assert steps[-1] == (len(content), len(content))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_an_empty_file_and_one_of_unknown_length(site: Site) -> None:
    def chunked(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")

    site.serve("/empty", b"")
    site.answers["/chunked"] = chunked
    assert list(fetch(f"{site.base}/empty", LIMITS)) == []
    assert b"".join(fetch(f"{site.base}/chunked", LIMITS)) == b"abcde"


@pytest.mark.parametrize(
    "url",
    [
        "http://releases.example.com/file",
        "http://localhost.example.com/file",
        "ftp://localhost/file",
        "file:///etc/passwd",
        "data:,x",
        "https://",
        "https:///file",
        "https://[::1/file",
        "https://localhost:x/file",
        "https://localhost/a file",
        "https://localhost/file\r\nHost: other",
        "https://löcalhost/file",
        "/etc/passwd",
        "",
    ],
)
def test_only_https_is_downloaded(url: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-T110"):
        list(fetch(url, LIMITS))


def test_no_such_file(site: Site) -> None:
    with pytest.raises(NotFoundError, match="EXTCP-T115"):
        list(fetch(f"{site.base}/missing", LIMITS))


def test_a_server_in_trouble(site: Site) -> None:
    site.answers["/file"] = lambda request: send(request, 503)
    with pytest.raises(ExtcpError, match=r"EXTCP-T114.*answered 503"):
        list(fetch(f"{site.base}/file", LIMITS))


@pytest.mark.parametrize("scheme", ["http", "ftp", "file"])
def test_no_redirect_to_what_is_not_https_is_followed(site: Site, scheme: str) -> None:
    target = site.base.replace("http", scheme)
    site.answers["/file"] = lambda request: send(request, 302, Location=f"{target}/other")
    site.serve("/other", b"secret")
    with pytest.raises(ExtcpError, match=r"EXTCP-T11[04]"):
        list(fetch(f"{site.base}/file", LIMITS))
    assert site.requests == ["/file"]


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate for 127.0.0.1 that the system's store holds, so to speak."""
    certificate = self_signed(tmp_path / "server.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


def test_a_redirect_to_https_is_followed(site: Site, trusted: Path) -> None:
    with web_server(trusted) as secure:
        secure.serve("/file", b"content")
        site.answers["/file"] = lambda request: send(request, 302, Location=f"{secure.base}/moved")
        secure.answers["/moved"] = lambda request: send(request, 307, Location="/file")
        assert b"".join(fetch(f"{site.base}/file", LIMITS)) == b"content"


def test_redirects_in_a_circle_end(trusted: Path) -> None:
    with web_server(trusted) as secure:
        secure.answers["/a"] = lambda request: send(request, 302, Location="/b")
        secure.answers["/b"] = lambda request: send(request, 302, Location="/a")
        with pytest.raises(ExtcpError, match="EXTCP-T114"):
            list(fetch(f"{secure.base}/a", LIMITS))


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with web_server(self_signed(tmp_path / "server.pem")) as secure:
        secure.serve("/file", b"content")
        with pytest.raises(ExtcpError, match=r"EXTCP-T114.*not trusted") as caught:
            list(fetch(f"{secure.base}/file", LIMITS))
    assert "SSL_CERT_FILE" in caught.value.findings[0].remedy


def test_a_file_that_announces_to_be_huge(site: Site) -> None:
    def huge(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(1 << 40))
        request.end_headers()
        request.wfile.write(b"x" * 1000)

    site.answers["/file"] = huge
    with pytest.raises(ExtcpError, match="EXTCP-T112"):
        list(fetch(f"{site.base}/file", LIMITS))


def test_a_file_that_has_no_end(site: Site) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(b"x" * 65536)

    site.answers["/file"] = endless
    received = 0
    with pytest.raises(ExtcpError, match="EXTCP-T112"):  # noqa: PT012 - counts what came through
        for piece in fetch(f"{site.base}/file", LIMITS):
            received += len(piece)
    assert received <= LIMITS.size


def test_a_file_that_is_cut_off(site: Site) -> None:
    def cut(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"x" * 999)

    site.answers["/file"] = cut
    with pytest.raises(ExtcpError, match="EXTCP-T113"):
        list(fetch(f"{site.base}/file", LIMITS))


def test_a_connection_that_breaks_before_the_answer(site: Site) -> None:
    site.answers["/file"] = lambda _: None
    with pytest.raises(ExtcpError, match="EXTCP-T113"):
        list(fetch(f"{site.base}/file", LIMITS))


def test_a_body_byte_by_byte_ends_with_the_time(site: Site) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        while not site.closed.wait(0.05):
            request.wfile.write(b"x")

    site.answers["/file"] = drip
    with pytest.raises(ExtcpError, match="EXTCP-T111"):
        list(fetch(f"{site.base}/file", IMPATIENT))


def test_headers_byte_by_byte_end_with_the_time(site: Site) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not site.closed.wait(0.05):
            request.wfile.write(b"x")

    site.answers["/file"] = drip
    with pytest.raises(ExtcpError, match="EXTCP-T111"):
        list(fetch(f"{site.base}/file", IMPATIENT))


def test_a_server_that_never_says_a_word_ends_with_the_time_to_read() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file"
        with pytest.raises(ExtcpError, match="EXTCP-T111"):
            list(fetch(url, Limits(size=1000, total=60, read=0.2)))


def test_a_handshake_that_never_ends_ends_with_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/file"
        with pytest.raises(ExtcpError, match="EXTCP-T111"):
            list(fetch(url, IMPATIENT))


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ExtcpError, match=r"EXTCP-T114.*refused"):
        list(fetch(f"http://127.0.0.1:{port}/file", LIMITS))


def test_a_proxy_of_the_environment_is_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", site.base)
    site.serve("http://127.0.0.1:1/file", b"by proxy")
    assert b"".join(fetch("http://127.0.0.1:1/file", LIMITS)) == b"by proxy"


def test_a_proxy_is_asked_for_a_tunnel_to_https(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", site.base)
    with pytest.raises(ExtcpError, match="EXTCP-T114"):  # this proxy knows no CONNECT
        list(fetch("https://releases.example.com/file", LIMITS))


@pytest.mark.parametrize("path", ["/missing?token=CANARY", "/a b"])
@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_a_credential_in_the_address_of_a_mirror_is_not_shown(
    site: Site, scheme: str, path: str
) -> None:
    url = site.base.replace("http://", f"{scheme}://user:CANARY@")
    with pytest.raises(ExtcpError) as caught:
        list(fetch(url + path, LIMITS))
    assert "CANARY" not in str(caught.value) + caught.value.findings[0].remedy


def test_whoever_stops_reading_leaves_no_thread_behind(site: Site) -> None:
    site.serve("/file", b"x" * (1 << 20))
    pieces = fetch(f"{site.base}/file", LIMITS)
    next(pieces)
    (reader,) = (thread for thread in threading.enumerate() if thread.name == "download")
    pieces.close()
    reader.join(30)
    assert not reader.is_alive()
