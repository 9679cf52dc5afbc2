from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.kube.failure import NoRouteError
from extcp_bot.live import presented
from tests.bot import planes
from tests.bot.certs import Issuer
from tests.bot.fleets import world
from tests.bot.tlsserver import TlsServer
from tests.e2e.testbed.pki import Pair

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from extcp_bot.target import Fleet
    from tests.bot.fleets import World

HOST = "a.example.com"
ROOT = Issuer("Root")


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        yield made


def ask(mesh: World, work: Callable[[Fleet], Awaitable[Any]]) -> Any:  # noqa: ANN401 - of any type
    """What a reader gives, with a fleet that remembers nothing."""
    fleet = replace(mesh.fleet)

    async def one() -> Any:  # noqa: ANN401 - as above
        return await work(fleet)

    return asyncio.run(one())


def lead(mesh: World, server: TlsServer, host: str = HOST) -> None:
    mesh.fleet.connect_to = {(host, 1): server.place}


def resolve(mesh: World, *addresses: str, error: Exception | None = None) -> list[str]:
    """Have DNS say this; gives the names that it is asked for."""
    asked: list[str] = []

    async def lookup(host: str) -> tuple[str, ...]:
        asked.append(host)
        await asyncio.sleep(0)
        if error is not None:
            raise error
        return addresses

    mesh.fleet.lookup = lookup
    return asked


def test_what_a_server_presents_to_whoever_asks_for_its_name(mesh: World) -> None:
    pair = ROOT.serve(HOST)
    with TlsServer(pair) as server:
        lead(mesh, server)
        found = ask(mesh, lambda fleet: presented.presented(fleet, HOST, 1))
        assert found.certificate.hosts == (HOST,)
        assert found.speaks_h2
        assert found.place == presented.Place(*server.place)
        assert server.names == {HOST}


@pytest.mark.parametrize(("protocols", "chosen"), [(["http/1.1"], "http/1.1"), ([], "")])
def test_a_server_without_http2(mesh: World, protocols: list[str], chosen: str) -> None:
    with TlsServer(ROOT.serve(HOST), protocols=protocols) as server:
        lead(mesh, server)
        found = ask(mesh, lambda fleet: presented.presented(fleet, HOST, 1))
    assert found.protocol == chosen
    assert not found.speaks_h2


def test_all_that_ask_share_one_handshake(mesh: World) -> None:
    with TlsServer(ROOT.serve(HOST)) as server:
        lead(mesh, server)

        async def many(fleet: Fleet) -> None:
            asking = [presented.presented(fleet, HOST, 1) for _ in range(3)]
            asking_again = [presented.verdict(fleet, HOST, 1, ROOT.pem) for _ in range(3)]
            await asyncio.gather(*asking, *asking_again)
            await presented.presented(fleet, HOST, 1)

        ask(mesh, many)
        assert server.handshakes == 2


def test_a_failure_is_remembered_too(mesh: World) -> None:
    asked = resolve(mesh, error=socket.gaierror(socket.EAI_NONAME, "?"))

    async def twice(fleet: Fleet) -> list[object]:
        return [await presented.on_ports(fleet, HOST, (1, 2)) for _ in range(2)]

    first, second = ask(mesh, twice)
    assert [str(each) for each in first.values()] == [str(each) for each in second.values()]
    assert {type(each) for each in first.values()} == {presented.NotResolvedError}
    assert asked == [HOST]


@pytest.mark.parametrize("error", [None, UnicodeError(), socket.gaierror(socket.EAI_NONAME, "?")])
def test_a_name_without_an_address_is_not_resolved(mesh: World, error: Exception | None) -> None:
    resolve(mesh, error=error)
    with pytest.raises(presented.NotResolvedError, match=HOST):
        ask(mesh, lambda fleet: presented.presented(fleet, HOST, 1))


@pytest.mark.parametrize("error", [socket.gaierror(socket.EAI_AGAIN, "?"), TimeoutError()])
def test_dns_that_is_silent_says_nothing_of_the_name(mesh: World, error: Exception) -> None:
    resolve(mesh, error=error)
    with pytest.raises(NoRouteError, match="DNS does not answer"):
        ask(mesh, lambda fleet: presented.addresses(fleet, HOST))


def test_a_name_can_be_looked_up_for_real(mesh: World) -> None:
    assert ask(mesh, lambda fleet: presented.addresses(fleet, "127.0.0.1")) == ("127.0.0.1",)


def test_the_next_address_is_tried_where_one_is_dead(mesh: World) -> None:
    with TlsServer(ROOT.serve(HOST)) as server:
        resolve(mesh, "127.0.0.2", "127.0.0.1")
        found = ask(mesh, lambda fleet: presented.presented(fleet, HOST, server.port))
        assert found.place.host == "127.0.0.1"
        resolve(mesh, "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1")
        with pytest.raises(presented.ConnectionRefusedByHostError, match=r"127\.0\.0\.4"):
            ask(mesh, lambda fleet: presented.presented(fleet, HOST, server.port))


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x28"]
)
def test_who_does_not_finish_a_handshake_speaks_no_tls(mesh: World, said: bytes) -> None:
    with planes.answering(mesh, said):
        (host, port), *_ = mesh.fleet.connect_to
        with pytest.raises(presented.NoTLSError, match=f"{host}:{port}"):
            ask(mesh, lambda fleet: presented.presented(fleet, host, port))


def test_a_certificate_that_nobody_can_read_is_none(mesh: World) -> None:
    with TlsServer(ROOT.serve(garbage=b"\x30\x03\x82\x01\xff")) as server:
        lead(mesh, server)
        with pytest.raises(presented.NoTLSError, match="cannot be read"):
            ask(mesh, lambda fleet: presented.presented(fleet, HOST, 1))


def test_who_says_nothing_may_be_out_of_reach(mesh: World) -> None:
    mesh.fleet.limits = replace(mesh.fleet.limits, connect=0.05)
    with planes.answering(mesh, b""):
        (host, port), *_ = mesh.fleet.connect_to
        with pytest.raises(NoRouteError, match="in time"):
            ask(mesh, lambda fleet: presented.presented(fleet, host, port))


def verdict(mesh: World, pair: Pair, roots: str | None) -> presented.Verdict:
    with TlsServer(pair) as server:
        lead(mesh, server)
        found: presented.Verdict = ask(mesh, lambda fleet: presented.verdict(fleet, HOST, 1, roots))
        return found


def test_a_chain_is_judged_with_the_roots_that_are_given(mesh: World) -> None:
    pair, foreign = ROOT.serve(HOST), Issuer("Foreign")
    assert verdict(mesh, pair, ROOT.pem).is_trusted
    assert verdict(mesh, pair, f"# both, ünder each other\n{foreign.pem}{ROOT.pem}").is_trusted
    found = verdict(mesh, pair, foreign.pem)
    assert not found.is_trusted
    assert not found.is_about_time
    assert found.words == "unable to get local issuer certificate"


def test_a_name_is_not_the_chains_business(mesh: World) -> None:
    assert verdict(mesh, ROOT.serve("another.example.com"), ROOT.pem).is_trusted


def test_an_intermediate_ends_a_chain_as_it_does_for_go(mesh: World) -> None:
    middle = Issuer("Intermediate", ROOT)
    assert verdict(mesh, middle.serve(HOST), middle.pem).is_trusted
    assert not verdict(mesh, middle.serve(HOST), ROOT.pem).is_trusted
    pair = middle.serve(HOST)
    assert verdict(mesh, Pair(pair.certificate + middle.pem, pair.key), ROOT.pem).is_trusted


def test_dates_are_told_apart_from_trust(mesh: World) -> None:
    past = verdict(mesh, ROOT.serve(HOST, age=90, days=60), ROOT.pem)
    assert (past.code, past.is_about_time) == (presented.EXPIRED, True)
    future = verdict(mesh, ROOT.serve(HOST, age=-1), ROOT.pem)
    assert (future.code, future.is_about_time) == (presented.NOT_YET_VALID, True)


def test_roots_that_are_none_are_the_callers_mistake(mesh: World) -> None:
    with pytest.raises(ValueError, match=r"."):
        verdict(mesh, ROOT.serve(HOST), "no certificate")


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (200, "", "HTTP 200"),
        (503, "no", "HTTP 503 no"),
        (500, "x" * 5000, f"HTTP 500 {'x' * 1024}"),
    ],
)
def test_what_ready_says(mesh: World, status: int, text: str, words: str) -> None:
    with TlsServer(ROOT.serve(HOST), status=status, text=text) as server:
        lead(mesh, server)
        found = ask(mesh, lambda fleet: presented.ready(fleet, HOST, 1))
        assert (found.status, found.words) == (status, words)
        assert server.hosts == [f"{HOST}:1"]
        assert server.names == {HOST}


def test_ready_may_say_nothing(mesh: World) -> None:
    with TlsServer(ROOT.serve(HOST), status=0) as server:
        lead(mesh, server)
        found = ask(mesh, lambda fleet: presented.ready(fleet, HOST, 1))
    assert (found.status, found.words) == (0, "no answer (ServerDisconnectedError)")
