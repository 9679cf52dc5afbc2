from __future__ import annotations

import base64
import json
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.access.plugin import Plugins
from extcp_bot.kube.failure import CannotLookError

if TYPE_CHECKING:
    from pathlib import Path

SERVER = "https://api.example.com:6443"
VERSION = "client.authentication.k8s.io/v1"


def program(path: Path, *lines: str) -> dict[str, Any]:
    """A plugin whose program is these lines of Python, which notes each of its runs."""
    file, runs = path / "plugin", path / "runs"
    text = ["import json, os, sys, time", f"open({str(runs)!r}, 'a').write('x')", *lines]
    file.write_text("\n".join([f"#!{sys.executable}", *text, ""]))
    file.chmod(0o755)
    return {"command": str(file), "apiVersion": VERSION}


def runs(path: Path) -> int:
    return len((path / "runs").read_text())


def ask(plugin: object, plugins: Plugins | None = None, path: Path | None = None) -> dict[str, str]:
    return (plugins or Plugins()).credential(plugin, SERVER, "context a", path)


def says(status: object) -> str:
    return f"print({json.dumps({'apiVersion': VERSION, 'status': status})!r})"


def test_a_token_is_taken(tmp_path: Path) -> None:
    assert ask(program(tmp_path, says({"token": "abc"}))) == {"token": "abc"}


def test_a_certificate_and_its_key_are_taken(tmp_path: Path) -> None:
    status = {"clientCertificateData": "CERT", "clientKeyData": "KEY"}
    found = ask(program(tmp_path, says(status)))
    assert {name: base64.b64decode(text) for name, text in found.items()} == {
        "client-certificate-data": b"CERT",
        "client-key-data": b"KEY",
    }


def test_a_plugin_gets_its_arguments_its_environment_and_what_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mesh")
    plugin = program(
        tmp_path,
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])",
        "words = [*sys.argv[1:], os.environ['OWN'], os.environ['AWS_PROFILE'], info['kind'],",
        "         info['apiVersion'], info['spec']['cluster']['server']]",
        "print(json.dumps({'status': {'token': ' '.join(words)}}))",
    )
    plugin |= {
        "args": ["get-token", "$(id)"],
        "env": [{"name": "OWN", "value": "own"}],
        "provideClusterInfo": True,
    }
    words = f"get-token $(id) own mesh ExecCredential {VERSION} {SERVER}"
    assert ask(plugin) == {"token": words}


def test_a_relative_command_is_beside_the_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = program(tmp_path, says({"token": "abc"})) | {"command": "./plugin"}
    monkeypatch.chdir("/")
    assert ask(plugin, path=tmp_path) == {"token": "abc"}


@pytest.mark.parametrize(
    "line",
    [
        "pass",
        "print('no JSON')",
        "print('[')",
        "print('[' * 200000)",
        "print('[]')",
        "print('{}')",
        "print('null')",
        says(None),
        says({}),
        says([]),
        says({"token": ""}),
        says({"clientKeyData": 7}),
        "sys.stdout.buffer.write(b'\\xff')",
    ],
)
def test_what_is_no_credential_is_an_error(line: str, tmp_path: Path) -> None:
    with pytest.raises(CannotLookError, match=r"context a: .* printed no ExecCredential"):
        ask(program(tmp_path, line))


def test_a_plugin_that_fails_is_an_error_in_its_own_words(tmp_path: Path) -> None:
    plugin = program(
        tmp_path, "print('token: abcdefghijkl please log in', file=sys.stderr)", "sys.exit(3)"
    )
    with pytest.raises(CannotLookError, match="please log in") as caught:
        ask(plugin)
    assert "abcdefghijkl" not in caught.value.why


def test_a_plugin_that_is_not_there_is_an_error() -> None:
    with pytest.raises(CannotLookError, match="its credential plugin failed"):
        ask({"command": "extcp-no-such-program", "apiVersion": VERSION})


@pytest.mark.parametrize(
    "plugin",
    [
        None,
        7,
        "text",
        [],
        {},
        {"command": "true"},
        {"command": "true", "apiVersion": VERSION, "args": 7},
        {"command": "true", "apiVersion": VERSION, "env": [7]},
        {"command": "true", "apiVersion": VERSION, "env": [{"name": "A"}]},
        {"command": "\0", "apiVersion": VERSION},
        {"command": "", "apiVersion": VERSION},
    ],
)
def test_a_plugin_that_is_none_is_an_error(plugin: object) -> None:
    with pytest.raises(CannotLookError):
        ask(plugin)


def test_one_plugin_runs_once_for_many_clusters(tmp_path: Path) -> None:
    plugins, plugin = Plugins(), program(tmp_path, "time.sleep(0.05)", says({"token": "abc"}))
    found: list[dict[str, str]] = []
    threads = [
        threading.Thread(target=lambda: found.append(ask(plugin, plugins))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{"token": "abc"}] * 8
    assert runs(tmp_path) == 1


def test_a_failure_is_remembered_and_no_other_plugin_suffers(tmp_path: Path) -> None:
    plugins, plugin = Plugins(), program(tmp_path, "sys.exit(len(sys.argv))")
    for _ in range(3):
        with pytest.raises(CannotLookError):
            ask(plugin, plugins)
    assert runs(tmp_path) == 1
    with pytest.raises(CannotLookError, match="status 2"):
        ask({**plugin, "args": ["another"]}, plugins)
