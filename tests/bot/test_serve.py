"""The server that looks again and again, asked over HTTP."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from extcp_bot.access.resolve import Choice
from extcp_bot.checks import all_checks
from extcp_bot.passes import Plan
from extcp_bot.serve import Latest, application, serve
from extcp_gitops.errors import ExtcpError
from tests.bot import reachable
from tests.bot.fleets import SECOND, World, world
from tests.bot.reports import HOSTILE, bad, mesh, report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCAL = {"Host": "localhost:8080"}


@pytest.fixture
def small() -> Iterator[World]:
    with world() as made:
        reachable.deliver(made)
        yield made


@pytest.fixture
def plan(small: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    for name, value in reachable.write(small, tmp_path).items():
        monkeypatch.setenv(name, value)
    return Plan(tmp_path, Choice(), (all_checks()["EXTCP-H05"],))


def latest(found: str = "none") -> Latest:
    """What a server knows after a look that found one thing."""
    inventory = mesh()
    known = Latest(interval=60)
    known.take(report(inventory, bad(inventory, "remote-cluster-1", found=found)), inventory)
    return known


def ask(known: Latest, path: str, *, local: bool = True, **headers: str) -> aiohttp.ClientResponse:
    async def asked() -> aiohttp.ClientResponse:
        server = TestServer(application(known, local=local))
        async with TestClient(server) as client:
            answer = await client.get(path, headers={**LOCAL, **headers}, allow_redirects=False)
            await answer.read()
            return answer

    return asyncio.run(asked())


def text(answer: aiohttp.ClientResponse) -> str:
    return asyncio.run(answer.text())


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8", "extcp_check_state{"),
        ("/report", "text/html; charset=utf-8", "<h1>"),
        ("/report.json", "application/json; charset=utf-8", '"schemaVersion": 1'),
        ("/healthz", "text/plain; charset=utf-8", "last look complete 0 s ago"),
    ],
)
def test_the_newest_look_in_each_form(path: str, kind: str, words: str) -> None:
    answer = ask(latest(), path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
    assert words in text(answer)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "extcp-bot"


def test_the_page_keeps_its_policy() -> None:
    answer = ask(latest(found=HOSTILE), "/report")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")
    assert "<script" not in text(answer)


def test_the_top_leads_to_the_page() -> None:
    answer = ask(latest(), "/")
    assert (answer.status, answer.headers["Location"]) == (302, "/report")


@pytest.mark.parametrize("path", ["/metrics", "/report", "/report.json", "/healthz"])
def test_before_the_first_look_there_is_nothing(path: str) -> None:
    assert ask(Latest(interval=60), path).status == 503


def test_it_is_unwell_when_no_look_ends() -> None:
    known = latest()
    known.since -= 1_000
    assert ask(known, "/healthz").status == 503
    assert ask(known, "/metrics").status == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:80", "[::1]:80", "localhost"])
def test_on_the_loopback_interface_it_knows_its_own_names(host: str) -> None:
    assert ask(latest(), "/healthz", Host=host).status == 200


def test_a_foreign_name_for_the_loopback_interface_is_refused() -> None:
    assert ask(latest(), "/report", Host="evil.example.com:8080").status == 421
    assert ask(latest(), "/report", local=False, Host="report.example.com").status == 200


@pytest.mark.parametrize("path", ["/none", "/report/../../etc/passwd", "/report/"])
def test_there_is_nothing_else(path: str) -> None:
    assert ask(latest(), path).status == 404


async def _served(plan: Plan, small: World) -> list[str]:
    """Serve until a fault that appears meanwhile is in the report; what was said."""
    said: list[str] = []
    news = asyncio.Event()

    def say(line: str) -> None:
        said.append(line)
        news.set()

    async def heard(words: str) -> str:
        while not (found := [line for line in said if words in line]):
            news.clear()
            await asyncio.wait_for(news.wait(), 30)
        return found[0]

    server = asyncio.ensure_future(serve(plan, 0.1, "127.0.0.1", 0, say))
    match = re.search(r"http://\S+/", await heard("serving on"))
    assert match
    await heard("clusters are healthy")
    small.external.objects.pop(f"{reachable.SECRETS}/istio-remote-secret-{SECOND}")
    await heard("critical")
    async with aiohttp.ClientSession() as session, session.get(match[0] + "report.json") as answer:
        assert json.loads(await answer.text())["exitCode"] == 1
    server.cancel()
    await asyncio.wait([server])
    with pytest.raises(aiohttp.ClientConnectionError):
        async with aiohttp.ClientSession() as session:
            await session.get(match[0])
    return said


def test_it_looks_again_and_again_until_it_is_to_end(plan: Plan, small: World) -> None:
    said = asyncio.run(_served(plan, small))
    assert sum("critical" in line for line in said) == 1


def test_a_port_that_is_taken_is_named(plan: Plan) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ExtcpError, match=f"EXTCP-B010 .*127.0.0.1:{port}"):
            asyncio.run(serve(plan, 60, "127.0.0.1", port, print))


def test_as_a_process_it_ends_in_order(plan: Plan, small: World) -> None:
    environment = reachable.write(small, plan.root)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with reachable.start(plan.root, environment, "check", "--serve", f":{port}") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"serving on http://127.0.0.1:{port}/\n"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
