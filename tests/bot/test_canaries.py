"""No credential in any output: each holds a canary, and every byte of each output is searched."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import logging
import tarfile
import traceback
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from extcp_bot import bundle, run
from extcp_bot.access.model import Access, Secret
from extcp_bot.access.resolve import Choice
from extcp_bot.checks import all_checks
from extcp_bot.passes import Pass, Plan
from extcp_bot.report import FORMATS, render
from tests.bot.apiserver import ROOT, status
from tests.bot.simulation import roots
from tests.bot.simulation.controllers import encoded
from tests.e2e.testbed.pki import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bot.apiserver import ApiServer, Handler
    from tests.bot.fleets import World

PLANE = "external-istiod"
PIECE = 24
"""So much of a canary in one piece is a leak."""


@dataclass
class Canaries:
    """What must be nowhere.

    Attributes:
        planted: Each canary by where it was planted.
    """

    planted: dict[str, str] = field(default_factory=dict)

    def plant(self, where: str, text: str) -> str:
        """Note a credential; gives it back."""
        self.planted[where] = text
        return text

    def leaks(self, output: bytes) -> list[str]:
        """Where the canaries were planted of which the output holds a piece, or its base64."""
        return [
            where
            for where, canary in self.planted.items()
            if any(piece in output for piece in _pieces(canary))
        ]


def _pieces(canary: str) -> Iterator[bytes]:
    lines = canary.splitlines()
    if len(lines) > 1:  # the head of a key says only that it is one, in the words of a certificate
        lines = lines[2:-1]
    for line in lines:
        raw = line.encode()
        forms = [raw, *(base64.b64encode(b"x" * before + raw)[4:-4] for before in range(3))]
        for form in forms:
            for start in range(0, max(1, len(form) - PIECE), PIECE // 2):
                yield form[start : start + PIECE]


@pytest.fixture
def canaries(healthy_mesh: World) -> Canaries:
    """Canaries in each credential of a whole mesh."""
    made = Canaries()
    for name, server in healthy_mesh.servers.items():
        token = made.plant(f"the bot's token for {name}", f"canary-of-the-bot-for-{name}-{'7' * 9}")
        server.accepted.add(token)
        pair = Authority("people").serve(["administrator"])
        made.plant(f"the bot's key for {name}", pair.key)
        access = replace(
            server.access,
            token=Secret(token),
            certificate=pair.certificate,
            key=Secret(pair.key),
        )
        healthy_mesh.reach(name, access)
        for path, item in server.objects.items():
            if item.get("kind") == "Secret":
                _plant_secret(made, f"{name} {path}", item)
        _log(server, made)
    healthy_mesh.fleet.argocd = healthy_mesh.fleet.access["external-cluster"]
    made.plant("CA", roots.ca_key())
    return made


def _plant_secret(made: Canaries, where: str, item: dict[str, Any]) -> None:
    """The values of a Secret that are none of public interest."""
    for key, value in item["data"].items():
        text = base64.b64decode(value).decode()
        if key in ("tls.crt", "ca.crt", "ca-cert.pem", "namespace", "name", "server"):
            continue
        if text.startswith("{"):  # a kubeconfig, or what Argo CD has in its place
            document = json.loads(text)
            for token in _tokens(document):
                made.plant(f"{where} {key} token", token)
            if "bearerToken" in document:
                token = made.plant(f"{where} argocd", f"canary-of-argocd-{hash(where):x}-{'5' * 9}")
                item["data"][key] = encoded(json.dumps({**document, "bearerToken": token}))
        else:
            made.plant(f"{where} {key}", text)


def _tokens(found: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    match found:
        case {"token": str(token)}:
            yield token
        case dict():
            for inner in found.values():
                yield from _tokens(inner)
        case list():
            for inner in found:
                yield from _tokens(inner)


def _log(server: ApiServer, made: Canaries) -> None:
    """Pods whose logs say every credential."""
    lines = [f"level=info token={text} Bearer {text}" for text in made.planted.values()]

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(text="\n".join(lines), content_type="text/plain")

    for path in list(server.objects):
        if "/pods/" in path:
            server.handlers[f"{path}/log"] = handler


def _echo(request: web.Request, found: Any) -> Any:  # noqa: ANN401 - JSON
    """Every text of an answer, with what the request showed behind it."""
    shown = request.headers.get("Authorization", "")
    match found:
        case str():
            return f"{found} {shown} {encoded(shown)} {shown.removeprefix('Bearer ')}"
        case dict():
            return {name: _echo(request, inner) for name, inner in found.items()}
        case list():
            return [_echo(request, inner) for inner in found]
    return found


def _half_of_it(request: web.Request, found: Any) -> Any:  # noqa: ANN401 - JSON
    """Names and versions as they are, all else with an echo: what gets further into the checks."""
    match found:
        case dict():
            return {
                name: inner
                if name in ("name", "namespace", "kind", "apiVersion", "type", "phase", "data")
                else _half_of_it(request, inner)
                for name, inner in found.items()
            }
        case list():
            return [_half_of_it(request, inner) for inner in found]
    return _echo(request, found)


def _saying(code: int, *, html: bool = False) -> Handler:
    """A server that shows whoever asks what it has been shown."""

    async def handler(request: web.Request) -> web.StreamResponse:
        shown = request.headers.get("Authorization", "")
        words = f'User "x" cannot list resource "y": {shown} {encoded(shown)}'
        if html:
            return web.Response(text=f"<h1>{words}</h1>", content_type="text/html", status=code)
        return status(code, words)

    return handler


def looked(mesh: World) -> Pass:
    """All checks on all clusters, with all that they have read."""
    checks = tuple(all_checks().values())
    mesh.fleet.keeps_reads = True
    work = tuple(run.jobs(mesh.fleet, checks))
    plan, report = Plan(mesh.fleet.root, Choice(), checks), run.new_report(mesh.fleet, work)
    one = Pass(plan, mesh.fleet, work, report)
    asyncio.run(one.carry_out())
    return one


def outputs(one: Pass) -> Iterator[tuple[str, bytes]]:
    """All that people or programs get to see of a pass."""
    for form in FORMATS:
        yield form, render(form, one.report, one.inventory).encode()
    packed = bundle.pack(asyncio.run(bundle.collect(one)), one.report)
    yield "bundle, packed", packed
    yield "bundle, unpacked", gzip.decompress(packed)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            yield member.name, file.read()
    clients = [one.fleet.api(name) for name in one.fleet.access]
    for thing in (one, one.fleet, one.report, one.work, one.fleet.access, clients):
        yield f"repr of {type(thing).__name__}", repr(thing).encode()
    for client in clients:
        for path, found in client.seen().items():
            if isinstance(found, BaseException):
                yield f"traceback of {path}", "".join(traceback.format_exception(found)).encode()


ECHOES = ("nothing", "every text", "most texts", "401", "403", "500", "HTML", "HTML 500")


def _let_echo(mesh: World, echo: str) -> None:
    for server in mesh.servers.values():
        match echo:
            case "every text":
                server.twist = _echo
            case "most texts":
                server.twist = _half_of_it
            case "401" | "403" | "500":
                server.everything = _saying(int(echo))
            case "HTML" | "HTML 500":
                server.everything = _saying(500 if echo == "HTML 500" else 200, html=True)


@pytest.mark.parametrize("echo", ECHOES)
def test_no_output_holds_a_credential(
    echo: str, healthy_mesh: World, canaries: Canaries, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _let_echo(healthy_mesh, echo)
    one = looked(healthy_mesh)
    found = {name: canaries.leaks(output) for name, output in outputs(one)}
    found["log"] = canaries.leaks(caplog.text.encode())
    assert {name: leaks for name, leaks in found.items() if leaks} == {}
    assert len(one.report.results) >= len(all_checks())  # else this would be a test of nothing


def test_what_would_be_a_leak_is_found(canaries: Canaries) -> None:
    for where, canary in canaries.planted.items():
        lines = canary.splitlines()
        line = lines[2] if lines[1:] else canary
        for shown in (line, line[5:60], encoded(f"a: {line}"), encoded(f"ab: {line}")):
            assert where in canaries.leaks(f"x {shown} y".encode()), (where, shown)


def test_no_command_prints_a_credential(
    healthy_mesh: World,
    canaries: Canaries,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from extcp_bot.cli import run as command  # noqa: PLC0415 - tests of the lazy imports come first

    monkeypatch.setenv("KUBECONFIG", str(_kubeconfig(healthy_mesh, tmp_path)))
    for server in healthy_mesh.servers.values():
        server.twist = _half_of_it
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


def _kubeconfig(mesh: World, directory: Path) -> Path:
    """A person's kubeconfig, with a context of its own name for each cluster."""
    file = directory / "kubeconfig"
    known = {
        name: access for name, access in mesh.fleet.access.items() if isinstance(access, Access)
    }
    names = [{"name": name, "context": {"cluster": name, "user": name}} for name in known]
    clusters = [
        {
            "name": name,
            "cluster": {"server": access.server, "certificate-authority-data": encoded(ROOT)},
        }
        for name, access in known.items()
    ]
    users = [
        {
            "name": name,
            "user": {
                "token": access.token.reveal() if access.token else "",
                "client-certificate-data": encoded(access.certificate or ""),
                "client-key-data": encoded(access.key.reveal() if access.key else ""),
            },
        }
        for name, access in known.items()
    ]
    file.write_text(json.dumps({"contexts": names, "clusters": clusters, "users": users}))
    return file
