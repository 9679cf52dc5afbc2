"""No command prints a credential, whatever it is given and wherever it fails."""

from __future__ import annotations

import gzip
import json
import re
import signal
import socket
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.cli import run as command
from extcp_bot.passes import Pass
from extcp_bot.report import FORMATS
from tests.bot import reachable
from tests.bot.canaries import Canaries, kubeconfig, plant
from tests.bot.simulation.controllers import encoded
from tests.bot.test_canaries import half_of_it

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Object = dict[str, Any]

    from tests.bot.fleets import World


@pytest.fixture
def canaries(healthy_mesh: World) -> Canaries:
    return plant(healthy_mesh)


def test_no_command_prints_a_credential(
    healthy_mesh: World,
    canaries: Canaries,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(healthy_mesh, tmp_path)))
    for server in healthy_mesh.servers.values():
        server.twist = half_of_it
    leads = [
        f"--connect-to={host}:{port}:{place[0]}:{place[1]}"
        for (host, port), place in healthy_mesh.fleet.connect_to.items()
    ]
    archive = tmp_path / "bundle.tar.gz"
    for arguments in (
        *(("check", "--output", form) for form in FORMATS),
        ("support-bundle", "--output", str(archive)),
    ):
        status = command(["-C", str(healthy_mesh.fleet.root), *arguments, *leads])
        printed = "".join(capfd.readouterr())
        assert status in (0, 1, 5)
        assert canaries.leaks(printed.encode()) == []
    assert canaries.leaks(gzip.decompress(archive.read_bytes())) == []


TOKEN = "canary-of-a-person-who-pasted-it-0123456789"  # noqa: S105 - a canary


def user(**fields: Any) -> Callable[[Object], None]:  # noqa: ANN401 - fields of a kubeconfig
    """Every user of a kubeconfig is another one."""

    def spoil(document: Object) -> None:
        for each in document["users"]:
            each["user"] = fields

    return spoil


def cluster(**fields: Any) -> Callable[[Object], None]:  # noqa: ANN401
    """Every cluster of a kubeconfig is another one, shown the credential all the same."""

    def spoil(document: Object) -> None:
        for each in document["clusters"]:
            each["cluster"] |= {name.replace("_", "-"): value for name, value in fields.items()}

    return spoil


SPOILT: dict[str, Callable[[Object], None]] = {
    "a program": user(exec={"command": "false", "args": [TOKEN], "env": [{"value": TOKEN}]}),
    "an auth-provider": user(**{"auth-provider": {"config": {"access-token": TOKEN}}}),
    "a password": user(username="me", password=TOKEN),
    "a token in two lines": user(token=f"{TOKEN}\n{TOKEN}"),
    "a token beyond ASCII": user(token=f"{TOKEN}\u00e9"),
    "a token in place of its file": user(tokenFile=TOKEN),
    "a token in place of a key": user(
        **{"client-key-data": encoded(TOKEN), "client-certificate-data": encoded(TOKEN)}
    ),
    "a key that is not encoded": user(**{"client-key-data": f"{TOKEN} !"}),
    "another user's name": user(**{"as": TOKEN}),
    "a URL with a password": cluster(server=f"https://me:{TOKEN}@127.0.0.1:1"),
    "a URL with a query": cluster(server=f"https://127.0.0.1:1/?token={TOKEN}"),
    "a CA that is a token": cluster(certificate_authority_data=encoded(TOKEN)),
    "a CA that is not encoded": cluster(certificate_authority_data=f"{TOKEN} !"),
    "a proxy with a password": cluster(proxy_url=f"http://me:{TOKEN}@127.0.0.1:1"),
}


@pytest.mark.parametrize("name", [*SPOILT, "no YAML"])
def test_no_kubeconfig_that_is_refused_is_shown(
    healthy_mesh: World,
    canaries: Canaries,
    tmp_path: Path,
    *,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    canaries.plant("a person", TOKEN)
    file = kubeconfig(healthy_mesh, tmp_path)
    document = json.loads(file.read_text())
    if name in SPOILT:
        SPOILT[name](document)
    file.write_text(f"{json.dumps(document)}{': [ }' if name == 'no YAML' else ''}")
    monkeypatch.setenv("KUBECONFIG", str(file))
    status = command(["-C", str(healthy_mesh.fleet.root), "check", "--check", "EXTCP-H05"])
    printed = "".join(capfd.readouterr())
    assert status == 5
    assert "unknown" in printed
    assert canaries.leaks(printed.encode()) == []


@pytest.mark.parametrize(
    "config",
    [
        f'{{"bearerToken": "{TOKEN}"',
        json.dumps({"username": "me", "password": TOKEN}),
        json.dumps({"awsAuthConfig": {"roleARN": TOKEN}}),
        json.dumps({"execProviderConfig": {"command": "false", "env": {"TOKEN": TOKEN}}}),
        json.dumps({"bearerToken": TOKEN, "tlsClientConfig": {"caData": f"{TOKEN} !"}}),
        json.dumps({"bearerToken": TOKEN, "proxyUrl": f"http://me:{TOKEN}@127.0.0.1:1"}),
        json.dumps({"bearerToken": TOKEN}),
    ],
    ids=["half", "password", "AWS", "program", "CA", "proxy", "token"],
)
def test_no_cluster_secret_of_argocd_is_shown(
    healthy_mesh: World,
    canaries: Canaries,
    tmp_path: Path,
    *,
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    canaries.plant("Argo CD", TOKEN)
    for path, item in healthy_mesh.external.objects.items():
        if "/secrets/cluster-" in path:
            item["data"] |= {
                "config": encoded(config),
                "server": encoded(healthy_mesh.second.url),
            }
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(healthy_mesh, tmp_path)))
    way = ("--from-argocd", "--argocd-context", "external-cluster")
    status = command(["-C", str(healthy_mesh.fleet.root), "check", "--output", "json", *way])
    printed = "".join(capfd.readouterr())
    assert status in (1, 5)
    assert canaries.leaks(printed.encode()) == []


def test_no_bug_shows_a_credential(
    healthy_mesh: World,
    canaries: Canaries,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def carry_out(one: Pass, _: object) -> None:
        raise LookupError(str(canaries.planted), one)

    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(healthy_mesh, tmp_path)))
    monkeypatch.setattr(Pass, "carry_out", carry_out)
    for where in [each for each in canaries.planted if not each.startswith("the bot's token")]:
        del canaries.planted[where]  # the bot has not read them yet
    assert command(["-C", str(healthy_mesh.fleet.root), "check"]) == 3
    printed = "".join(capfd.readouterr())
    assert "LookupError" in printed
    assert canaries.leaks(printed.encode()) == []


def test_no_process_that_goes_on_shows_a_credential(
    healthy_mesh: World, canaries: Canaries, tmp_path: Path
) -> None:
    for server in healthy_mesh.servers.values():
        server.twist = half_of_it
    environment = {"KUBECONFIG": str(kubeconfig(healthy_mesh, tmp_path))}
    root = healthy_mesh.fleet.root
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for arguments in (("--watch", "--interval", "0.2"), ("--serve", f":{port}")):
        with reachable.start(root, environment, "check", *arguments) as process:
            assert process.stdout is not None
            printed = process.stdout.readline()
            address = re.search(r"http://\S+", printed)
            printed += process.stdout.readline()  # of a look that is complete
            for path in ("metrics", "report", "report.json") if address else ():
                url = f"{address[0]}{path}" if address else ""
                with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - loopback
                    printed += answer.read().decode()
            process.send_signal(signal.SIGINT)
            printed += "".join(process.communicate(timeout=30))
        assert "EXTCP-H" in printed
        assert canaries.leaks(printed.encode()) == []
