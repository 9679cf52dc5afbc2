"""Two replicas with a Lease, asked over HTTP."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp

from extcp_bot.forge.model import ForgeError
from extcp_bot.service.lease import Candidacy, Timing
from extcp_bot.service.passes import Done
from extcp_bot.service.server import identity, serve
from extcp_bot.service.status import Status
from tests.bot.apiserver import ApiServer
from tests.bot.reports import bad, mesh, report
from tests.bot.service.leases import HERE, Lease

if TYPE_CHECKING:
    import pytest

    from extcp_bot.service.gate import Gate

QUICK = Timing(duration=1, deadline=0.6, retry=0.02)


class Served:
    """One process, as far as it can be one in this one."""

    def __init__(self, candidacy: Candidacy | None = None, host: str = "127.0.0.1") -> None:
        self.status = Status(interval=0.01)
        self.said: list[str] = []
        self.done = Done()
        self.failure: Exception | None = None
        self.heard = asyncio.Event()
        work = serve(self._one, self.status, candidacy, (host, 0), self._say)
        self.task = asyncio.ensure_future(work)

    async def _one(self, gate: Gate) -> Done:
        with gate.write():
            pass
        if self.failure is not None:
            raise self.failure
        return self.done

    def _say(self, line: str) -> None:
        self.said.append(line)
        self.heard.set()

    async def hears(self, words: str) -> None:
        while not any(words in line for line in self.said):
            self.heard.clear()
            await self.heard.wait()

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        await self.hears("serving on")
        match = re.search(r"http://\S+[0-9]", self.said[0])
        assert match
        async with (
            aiohttp.ClientSession() as session,
            session.get(match[0] + path, headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    async def until(self, path: str, words: str) -> str:
        while True:
            _, text = await self.get(path)
            if words in text:
                return text

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


def test_of_two_replicas_one_acts_and_both_answer() -> None:
    async def scene(server: ApiServer, lease: Lease) -> None:
        def candidacy(name: str) -> Candidacy:
            return Candidacy(replace(HERE, identity=name), lambda: server.access, QUICK)

        first = Served(candidacy("first"))
        await first.hears("this replica acts")
        second = Served(candidacy("second"))
        assert "extcp_bot_leader 1\n" in await first.until("/metrics", "extcp_bot_leader 1")
        await second.until("/readyz", "standing by; first holds the lease\n")
        assert (await second.get("/healthz"))[0] == 200
        assert (await second.get("/readyz"))[0] == 200
        assert (await second.get("/report"))[0] == 503
        assert "extcp_bot_leader 0\n" in (await second.get("/metrics"))[1]
        assert second.status.passes.writes == 0
        await first.stop()
        await second.hears("this replica acts")
        await second.until("/healthz", "acting; ")
        assert lease.spec["holderIdentity"] == "second"
        lease.broken = True
        await second.until("/readyz", "standing by; ")
        await second.until("/readyz", "HTTP 500")
        assert (await second.get("/readyz"))[0] == 503
        await second.stop()

    with ApiServer() as server:
        asyncio.run(asyncio.wait_for(scene(server, Lease(server)), 60))


def test_alone_it_acts_at_once_and_shows_what_it_found() -> None:
    async def scene() -> None:
        inventory = mesh()
        served = Served()
        found = (report(inventory, bad(inventory, "remote-cluster-1")), inventory)
        served.done = Done(found, {"add-cluster": 1})
        await served.hears(": error: ")
        await served.until("/report.json", '"schemaVersion": 1')
        text = await served.until("/metrics", "extcp_cluster_state")
        assert 'extcp_bot_open_proposals{kind="add-cluster"} 1\n' in text
        assert (await served.get("/"))[1].startswith("acting; ")
        assert (await served.get("/report", Host="evil.example.com"))[0] == 421
        assert (await served.get("/etc/passwd"))[0] == 404
        served.failure = ForgeError("the forge is away", "wait")
        await served.until("/readyz", "the forge is away")
        assert (await served.get("/readyz"))[0] == 503
        assert (await served.get("/healthz"))[0] == 200
        await served.stop()

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_each_process_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "extcp-bot-1")
    assert identity() != identity()
    assert identity().startswith("extcp-bot-1_")
    monkeypatch.delenv("POD_NAME")
    assert "_" in identity()
