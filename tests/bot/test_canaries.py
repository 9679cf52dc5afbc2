"""No credential in any output: each holds a canary, and every byte of each output is searched."""

from __future__ import annotations

import asyncio
import gzip
import io
import logging
import tarfile
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from extcp_bot import bundle, run
from extcp_bot.access.resolve import Choice
from extcp_bot.checks import all_checks
from extcp_bot.checks.model import State
from extcp_bot.passes import Pass, Plan
from extcp_bot.report import FORMATS, render
from extcp_bot.serve import Latest, application
from extcp_bot.watch import Watch
from tests.bot.apiserver import status
from tests.bot.canaries import Canaries, plant, plant_of_people
from tests.bot.simulation.controllers import encoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bot.apiserver import Handler
    from tests.bot.fleets import World


@pytest.fixture
def canaries(healthy_mesh: World) -> Canaries:
    return plant(healthy_mesh)


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


def half_of_it(request: web.Request, found: Any) -> Any:  # noqa: ANN401 - JSON
    """Names and versions as they are, all else with an echo: what gets further into the checks."""
    match found:
        case dict():
            return {
                name: inner
                if name in ("name", "namespace", "kind", "apiVersion", "type", "phase", "data")
                else half_of_it(request, inner)
                for name, inner in found.items()
            }
        case list():
            return [half_of_it(request, inner) for inner in found]
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
    yield "watch", "\n".join(Watch().changes(one.report)).encode()
    yield from asyncio.run(_served(one))
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


async def _served(one: Pass) -> list[tuple[str, bytes]]:
    """What --serve answers, headers and all, to whoever asks for what is there and what is not."""
    latest = Latest(interval=60)
    latest.take(one.report, one.inventory)
    said = []
    async with TestClient(TestServer(application(latest, local=False))) as client:
        for path in ("/", "/metrics", "/healthz", "/report", "/report.json", "/nothing"):
            answer = await client.get(path, allow_redirects=False)
            headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
            said.append((f"serve {path}", headers.encode() + await answer.read()))
    return said


ECHOES = ("nothing", "every text", "most texts", "401", "403", "500", "HTML", "HTML 500")


def _let_echo(mesh: World, echo: str) -> None:
    for server in mesh.servers.values():
        match echo:
            case "every text":
                server.twist = _echo
            case "most texts":
                server.twist = half_of_it
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


def test_no_output_holds_what_people_write_into_their_objects(healthy_mesh: World) -> None:
    canaries = plant_of_people(healthy_mesh)
    one = looked(healthy_mesh)
    made = dict(outputs(one))
    found = {name: canaries.leaks(output) for name, output in made.items()}
    assert {name: leaks for name, leaks in found.items() if leaks} == {}
    assert {each.state for each in one.report.results} == {State.HEALTHY}
    unpacked = made["bundle, unpacked"]
    for evidence in ("helloworld-v1", "ISTIO_META_CLUSTER_ID", "PILOT_ENABLE_ANALYSIS", "meshId"):
        assert f'"{evidence}'.encode() in unpacked


def test_what_would_be_a_leak_is_found(canaries: Canaries) -> None:
    for where, canary in canaries.planted.items():
        lines = canary.splitlines()
        line = lines[2] if lines[1:] else canary
        for shown in (line, line[5:60], encoded(f"a: {line}"), encoded(f"ab: {line}")):
            assert where in canaries.leaks(f"x {shown} y".encode()), (where, shown)
