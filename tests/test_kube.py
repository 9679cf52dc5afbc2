"""The one question to Kubernetes, put to real servers on loopback; the e2e tests ask a real one."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from extcp_gitops import kube
from extcp_gitops.errors import CouldNotTellError, ExtcpError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATH = "/api/v1/namespaces/external-istiod/configmaps/istio-ca-root-cert"
CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "istio-ca-root-cert", "namespace": "external-istiod"},
    "data": {"root-cert.pem": "PEM\n"},
}


@contextmanager
def _server(status: int, body: bytes, kind: str = "application/json") -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == PATH and self.headers["Authorization"] == "Bearer canary"
            self.send_response(status if known else 400)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


def _write(file: Path, server: str, **user: Any) -> None:  # noqa: ANN401
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user or {"token": "canary"}}],
        "contexts": [{"name": "config", "context": {"cluster": "c", "user": "u"}}],
    }
    file.write_text(yaml.safe_dump(config))


def test_the_root(kubeconfig: Path) -> None:
    with _server(200, json.dumps(CONFIG_MAP).encode()) as url:
        _write(kubeconfig, url)
        assert kube.root_certificate("config", "external-istiod") == "PEM\n"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, b"{}", "once istiod runs"),
        (403, b"{}", "can-i"),
        (401, b"{}", "can-i"),
        (200, json.dumps({**CONFIG_MAP, "data": {}}).encode(), "once istiod runs"),
    ],
)
def test_a_refusal_says_what_to_do(kubeconfig: Path, status: int, body: bytes, words: str) -> None:
    with _server(status, body) as url:
        _write(kubeconfig, url)
        with pytest.raises(ExtcpError, match="EXTCP-K002") as error:
            kube.root_certificate("config", "external-istiod")
    assert words in error.value.findings[0].remedy
    assert "canary" not in str(error.value)


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"kind": "Conf', b"[]"])
def test_an_answer_that_is_none(kubeconfig: Path, body: bytes) -> None:
    with _server(200, body, "text/html") as url:
        _write(kubeconfig, url)
        with pytest.raises(ExtcpError, match="EXTCP-K00"):
            kube.root_certificate("config", "external-istiod")


def test_a_dead_cluster_is_no_answer(kubeconfig: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    _write(kubeconfig, f"http://127.0.0.1:{port}")
    with pytest.raises(CouldNotTellError, match="EXTCP-K003"):
        kube.root_certificate("config", "external-istiod")


def test_a_plugin_is_not_run_unless_asked_for(kubeconfig: Path, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "touch",
        "args": [str(witness)],
        "interactiveMode": "Never",
    }
    with _server(200, json.dumps(CONFIG_MAP).encode()) as url:
        _write(kubeconfig, url, exec=plugin)
        with pytest.raises(ExtcpError, match="EXTCP-K004"):
            kube.root_certificate("config", "external-istiod")
        assert not witness.exists()


@pytest.mark.parametrize("content", ["", "nothing: here\n", "- a\n"])
def test_a_kubeconfig_without_the_context(kubeconfig: Path, content: str) -> None:
    kubeconfig.write_text(content)
    with pytest.raises(ExtcpError, match="EXTCP-K001"):
        kube.root_certificate("config", "external-istiod")
