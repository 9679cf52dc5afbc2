from __future__ import annotations

import asyncio
import contextlib
import gc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import aiohttp
import pytest

from extcp_bot import dns
from extcp_bot.access.model import Access, Secret
from extcp_bot.kube.failure import CannotLookError, NonsenseError, NoRouteError
from extcp_bot.kube.transport import Limits, Transport
from tests.bot.apiserver import AUTHORITY, TOKEN, ApiServer, dead_server
from tests.bot.rawserver import black_hole, hang_up, ok, raw, saying, silence
from tests.e2e.testbed.pki import Authority

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.bot.rawserver import Speak

LIMITS = Limits(connect=0.5, request=0.75, bytes=1 << 16)
PATH = "/api/v1/namespaces/a"
GREETING = ok(b"{}")


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is left behind: no session, no connection, no task."""
    yield
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


@contextlib.asynccontextmanager
async def transport(
    access: Access, limits: Limits = LIMITS, lookup: object = dns.lookup
) -> AsyncIterator[Transport]:
    made = Transport(access, limits, lookup)  # type: ignore[arg-type] # tests bring their own
    try:
        yield made
    finally:
        await made.close()


async def ask(speak: Speak, **how: object) -> bytes:
    async with raw(speak, **how) as access, transport(access) as asked:  # type: ignore[arg-type]
        return (await asked.request("GET", PATH)).body


def failure(speak: Speak, **how: object) -> CannotLookError:
    with pytest.raises(CannotLookError) as caught:
        asyncio.run(ask(speak, **how))
    assert TOKEN not in caught.value.why
    assert caught.value.looked_at == PATH
    return caught.value


def test_an_answer_is_the_status_the_body_and_the_headers() -> None:
    async def main() -> None:
        answer = saying(ok(b"{}", "Audit-Id: 7"))
        async with raw(answer) as access, transport(access) as asked:
            said = await asked.request("GET", PATH)
            assert (said.status, said.body, said.headers["audit-id"]) == (200, b"{}", "7")

    asyncio.run(main())


def test_a_request_shows_the_credential_and_asks_for_nothing_packed() -> None:
    heard: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(GREETING)

    asyncio.run(ask(speak))
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == f"GET {PATH} HTTP/1.1"
    assert f"Authorization: Bearer {TOKEN}" in lines
    assert "Accept-Encoding: identity" in lines
    assert "Accept: application/json" in lines


def test_connections_are_kept_between_requests() -> None:
    connections = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await saying(GREETING)(reader, writer)

    async def main() -> None:
        async with raw(speak) as access, transport(access) as asked:
            for _ in range(5):
                await asked.request("GET", PATH)

    asyncio.run(main())
    assert connections == 1


def test_no_more_requests_at_once_than_the_limit_says() -> None:
    now, most = 0, 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        while True:
            await reader.readuntil(b"\r\n\r\n")
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1
            writer.write(GREETING)

    async def main() -> None:
        limits = replace(LIMITS, connections=3, request=2.0, connect=2.0)
        async with raw(speak) as access, transport(access, limits) as asked:
            await asyncio.gather(*(asked.request("GET", PATH) for _ in range(30)))

    asyncio.run(main())
    assert 1 <= most <= 3


async def _a_byte_at_a_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _slow_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        writer.write(b"X-Header-%d: 1\r\n" % number)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("speak", [silence, _a_byte_at_a_time, _slow_headers])
def test_a_slow_answer_is_no_answer(speak: Speak) -> None:
    error = failure(speak)
    assert isinstance(error, NoRouteError)
    assert "no answer in time" in error.why
    assert "context raw" in error.remedy


def test_an_answer_without_end_is_nonsense() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
            await writer.drain()

    error = failure(speak)
    assert isinstance(error, NonsenseError)
    assert "more than" in error.why


@pytest.mark.parametrize(
    "speak",
    [
        hang_up,
        saying(
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{}", b"\r\n\r\n"
        ),
        saying(b"SSH-2.0-OpenSSH_9.9\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
    ],
)
def test_what_is_no_http_is_no_answer(speak: Speak) -> None:
    assert isinstance(failure(speak), NoRouteError)


def test_half_an_answer_is_no_answer() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")

    assert "the connection broke" in failure(speak).why


def test_a_server_without_tls_is_named() -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)

    error = failure(speak, tls=False)
    assert "it does not speak TLS as it should (WRONG_VERSION_NUMBER)" in error.why


def test_a_server_that_finishes_no_handshake_is_no_route() -> None:
    error = failure(silence, tls=False)
    assert "no connection in time" in error.why


def test_an_untrusted_certificate_is_named() -> None:
    error = failure(saying(GREETING), ca=Authority("another").root)
    assert "its certificate is not trusted" in error.why


def test_a_certificate_for_another_name_is_named() -> None:
    pair = AUTHORITY.serve(["another.example.com"])
    error = failure(saying(GREETING), pair=pair)
    assert "its certificate is not trusted (IP address mismatch" in error.why


def test_an_expired_certificate_is_named() -> None:
    past = datetime.now(UTC) - timedelta(days=9)
    error = failure(saying(GREETING), pair=AUTHORITY.serve(["127.0.0.1"], past, 2))
    assert "certificate has expired" in error.why


def test_the_name_to_verify_may_be_another_than_the_servers() -> None:
    async def main(name: str) -> int:
        pair = AUTHORITY.serve(["api.example.com"])
        async with (
            raw(saying(GREETING), pair=pair) as access,
            transport(replace(access, tls_server_name=name)) as asked,
        ):
            return (await asked.request("GET", PATH)).status

    assert asyncio.run(main("api.example.com")) == 200
    with pytest.raises(NoRouteError, match="not trusted"):
        asyncio.run(main("other.example.com"))


def test_nothing_is_verified_where_a_person_says_so() -> None:
    async def main() -> int:
        async with (
            raw(saying(GREETING), ca=Authority("another").root) as access,
            transport(replace(access, insecure=True)) as asked,
        ):
            return (await asked.request("GET", PATH)).status

    assert asyncio.run(main()) == 200


def test_a_name_leads_where_the_lookup_says() -> None:
    async def lookup(host: str) -> tuple[str, ...]:
        return ("127.0.0.1",) if host == "one.clusters.test" else ()

    async def main(host: str) -> int:
        async with raw(saying(GREETING)) as access:
            named = replace(access, server=access.server.replace("127.0.0.1", host))
            async with transport(named, lookup=lookup) as asked:
                return (await asked.request("GET", PATH)).status

    assert asyncio.run(main("one.clusters.test")) == 200
    with pytest.raises(NoRouteError):
        asyncio.run(main("two.clusters.test"))


def test_a_name_that_is_not_in_dns_is_named() -> None:
    async def lookup(host: str) -> tuple[str, ...]:
        raise OSError(f"no {host}")

    async def main() -> None:
        async with transport(Access("https://nowhere.example.com"), lookup=lookup) as asked:
            await asked.request("GET", PATH)

    with pytest.raises(NoRouteError, match="its name is not in DNS"):
        asyncio.run(main())


def test_a_refused_connection_is_named() -> None:
    async def main(access: Access) -> None:
        async with transport(access) as asked:
            await asked.request("GET", PATH)

    with dead_server() as access, pytest.raises(NoRouteError, match="Connection refused"):
        asyncio.run(main(access))


def test_a_dead_server_is_asked_once() -> None:
    asked_for = 0

    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked_for
        asked_for += 1
        writer.write(b"no TLS here")

    async def main() -> list[str]:
        async with (
            raw(speak, tls=False) as access,
            transport(access, replace(LIMITS, connections=1)) as asked,
        ):
            found = await asyncio.gather(
                *(asked.request("GET", f"/{number}") for number in range(20)),
                return_exceptions=True,
            )
        assert all(isinstance(error, NoRouteError) for error in found)
        return [str(getattr(error, "looked_at", "")) for error in found]

    assert asyncio.run(main()) == [f"/{number}" for number in range(20)]
    assert asked_for == 1


def test_a_server_that_drops_connections_is_waited_for_once() -> None:
    async def main(access: Access) -> None:
        async with transport(access) as asked:
            for _ in range(500):  # each with its limit, they would take a minute
                with pytest.raises(NoRouteError, match="no connection in time"):
                    await asked.request("GET", PATH)

    with black_hole() as access:
        asyncio.run(main(access))


def test_a_server_that_never_says_anything_is_given_up() -> None:
    requests = 0

    async def speak(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal requests
        while await reader.readuntil(b"\r\n\r\n"):
            requests += 1

    async def main() -> None:
        async with raw(speak) as access, transport(access) as asked:
            for _ in range(20):
                with pytest.raises(NoRouteError, match="no answer in time"):
                    await asked.request("GET", PATH)

    asyncio.run(main())
    assert requests == 1


def test_one_slow_answer_says_nothing_of_the_next() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await reader.readuntil(b"\r\n\r\n")
            if b"/slow" not in request:
                writer.write(GREETING)

    async def main() -> None:
        async with raw(speak) as access, transport(access) as asked:
            assert (await asked.request("GET", "/quick")).status == 200
            with pytest.raises(NoRouteError, match="no answer in time"):
                await asked.request("GET", "/slow")
            assert (await asked.request("GET", "/quick")).status == 200

    asyncio.run(main())


def test_waiting_for_a_turn_counts_as_no_fault_of_the_server() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(0.02)
            writer.write(GREETING)

    async def main() -> None:
        limits = Limits(connect=0.2, request=0.2, connections=1)
        async with raw(speak) as access, transport(access, limits) as asked:
            await asked.request("GET", PATH)
            # One after the other they take twice the limit of each.
            await asyncio.gather(*(asked.request("GET", PATH) for _ in range(12)))

    asyncio.run(main())


def test_a_request_may_have_a_time_of_its_own() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.write(GREETING)

    async def main(seconds: float | None) -> int:
        async with raw(speak) as access, transport(access, replace(LIMITS, request=0.02)) as asked:
            return (await asked.request("POST", PATH, body="{}", seconds=seconds)).status

    assert asyncio.run(main(2.0)) == 200
    with pytest.raises(NoRouteError):
        asyncio.run(main(None))


def test_a_redirect_is_an_answer_and_nobody_follows_it() -> None:
    async def main() -> None:
        with ApiServer() as other:
            away = f"HTTP/1.1 307 No\r\nLocation: {other.url}{PATH}\r\nContent-Length: 0\r\n\r\n"
            async with raw(saying(away.encode())) as access, transport(access) as asked:
                assert (await asked.request("GET", PATH)).status == 307
                with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                    await asked.websocket(PATH, "v4.channel.k8s.io")
            assert caught.value.status == 307
            assert other.requests == []

    asyncio.run(main())


def test_cookies_are_not_kept() -> None:
    heard: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(ok(b"{}", "Set-Cookie: who=me"))

    async def main() -> None:
        async with raw(speak) as access, transport(access) as asked:
            await asked.request("GET", PATH)
            await asked.request("GET", PATH)

    asyncio.run(main())
    assert not any(b"cookie" in request.lower() for request in heard)


def test_an_http_proxy_is_asked_where_the_access_names_one() -> None:
    heard: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async def main() -> None:
        async with raw(speak, tls=False) as there:
            proxy = there.server.replace("https", "http")
            access = Access("https://api.example.com:6443", token=Secret(TOKEN), proxy=proxy)
            async with transport(access) as asked:
                await asked.request("GET", PATH)

    with pytest.raises(NoRouteError, match="the proxy refuses"):
        asyncio.run(main())
    assert heard[0].startswith(b"CONNECT api.example.com:6443 ")
    assert TOKEN.encode() not in heard[0]


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "http://127.0.0.1:1", "nonsense"])
def test_a_proxy_that_is_none_is_no_route(proxy: str) -> None:
    async def main() -> None:
        async with transport(Access("https://api.example.com:6443", proxy=proxy)) as asked:
            await asked.request("GET", PATH)

    with pytest.raises(NoRouteError):
        asyncio.run(main())


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert asyncio.run(ask(saying(GREETING))) == b"{}"


@pytest.mark.parametrize(
    "ahead", [timedelta(hours=1), timedelta(hours=-1)], ids=["ahead", "behind"]
)
def test_the_skew_of_a_servers_clock_is_noted(ahead: timedelta) -> None:
    date = format_datetime(datetime.now(UTC) + ahead)

    async def main() -> float | None:
        async with raw(saying(ok(b"{}", f"Date: {date}"))) as access, transport(access) as asked:
            assert asked.clock_skew is None
            await asked.request("GET", PATH)
            return asked.clock_skew

    skew = asyncio.run(main())
    assert skew is not None
    assert abs(skew - ahead.total_seconds()) < 100


@pytest.mark.parametrize("date", ["", "soon", "Mon, 01 Jan 99999 00:00:00 GMT", "1", "-0000"])
def test_a_date_that_is_none_is_not_noted(date: str) -> None:
    async def main() -> float | None:
        async with raw(saying(ok(b"{}", f"Date: {date}"))) as access, transport(access) as asked:
            await asked.request("GET", PATH)
            return asked.clock_skew

    assert asyncio.run(main()) is None


def test_connections_given_back_are_made_anew() -> None:
    async def main() -> None:
        async with raw(saying(GREETING)) as access, transport(access) as asked:
            await asked.request("GET", PATH)
            await asked.close()
            assert (await asked.request("GET", PATH)).status == 200

    asyncio.run(main())


def test_releasing_disturbs_no_request_that_is_under_way() -> None:
    go_on = asyncio.Event()
    closed = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await go_on.wait()
        writer.write(GREETING)
        assert await reader.read() == b""
        closed.set()

    async def main() -> None:
        async with raw(speak) as access, transport(access, replace(LIMITS, request=2)) as asked:
            request = asyncio.ensure_future(asked.request("GET", PATH))
            await asyncio.sleep(0.02)
            await asked.release()
            go_on.set()
            assert (await request).status == 200
            await asyncio.wait_for(closed.wait(), 2)  # nobody uses the connection any more

    asyncio.run(main())


def test_a_cancelled_request_leaves_nothing_behind() -> None:
    gone = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(OSError):
            await reader.read()
        gone.set()

    async def main() -> None:
        async with raw(speak) as access, transport(access, replace(LIMITS, request=2)) as asked:
            request = asyncio.ensure_future(asked.request("GET", PATH))
            await asyncio.sleep(0.02)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            await asyncio.wait_for(gone.wait(), 2)

    asyncio.run(main())
    gc.collect()  # what was not closed says so now


def test_a_websocket_speaks_the_protocol_that_was_asked_for() -> None:
    from aiohttp import web  # noqa: PLC0415 - beside its only use

    async def handler(request: web.Request) -> web.StreamResponse:
        channels = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await channels.prepare(request)
        await channels.send_bytes(b"hello")
        await channels.close()
        return channels

    async def main(access: Access) -> None:
        async with transport(access, Limits()) as asked:
            socket = await asked.websocket("/forward", "v4.channel.k8s.io")
            assert socket.protocol == "v4.channel.k8s.io"
            await asked.release()  # it is in use
            assert await socket.receive_bytes() == b"hello"
            await socket.close()

    with ApiServer() as server:
        server.handlers["/forward"] = handler
        asyncio.run(main(server.access))


def test_credentials_that_no_header_can_hold_are_no_route() -> None:
    async def main() -> None:
        async with raw(saying(GREETING)) as access:
            broken = replace(access, token=Secret("one\r\nX-Other: two, a long one"))
            async with transport(broken) as asked:
                await asked.request("GET", PATH)

    with pytest.raises(NoRouteError) as caught:
        asyncio.run(main())
    assert "two" not in caught.value.why
