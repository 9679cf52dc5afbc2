"""All checks on a whole mesh whose API servers lie, in every way that JSON and HTTP have.

The run ends, each server costs its own cluster alone, nobody meets a traceback, every form of the
report stays well formed, and nothing is healthy that was not seen.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.checks.model import State
from extcp_bot.kube.transport import Limits
from extcp_bot.live import connections, istiod, registry
from tests.bot import hostility
from tests.bot.apiserver import drip, endless, never, status, text
from tests.bot.fleets import CONFIG, EXTERNAL, SECOND
from tests.bot.forwarding import serving, speaking
from tests.bot.hostility import ATTACKS, JUNK, require_sound

if TYPE_CHECKING:
    from aiohttp import web

    from extcp_bot.result import Report
    from tests.bot.apiserver import ApiServer, Handler
    from tests.bot.fleets import World

NONSENSE: dict[str, Handler] = {
    "HTML": text("<html><script>alert(1)</script>"),
    "HTML in the name of JSON": hostility.raw(b"<html>"),
    "an empty answer": hostility.raw(b""),
    "half a JSON": hostility.raw(b'{"kind": "List", "items": [{"metadata": {"name": "a'),
    "a number": hostility.raw(b"7"),
    "a list": hostility.raw(b"[]"),
    "an empty object": hostility.raw(b"{}"),
    "NaN": hostility.raw(b'{"metadata": {"name": "a"}, "items": [], "spec": NaN}'),
    "deeply nested": hostility.raw(b"[" * 200_000),
    "nested objects": hostility.raw(b'{"a":' * 100_000),
    "a huge number": hostility.raw(b'{"a":' + b"9" * 100_000 + b"}"),
    "bytes that are no text": hostility.raw(b'{"kind": "\xff\xfe\x80", "items": []}'),
    "UTF-16": hostility.raw('{"kind": "List", "items": null}'.encode("utf-16")),
    "another List": hostility.raw(b'{"items": 5, "metadata": {"continue": {}}}'),
    "pages without end": hostility.raw(b'{"items": [], "metadata": {"continue": "again"}}'),
    "a redirect": hostility.raw(b"", 302),
    "a redirect with a body": hostility.raw(b'{"items": []}', 307),
    "no such status": hostility.raw(b"{}", 599),
    "500 and HTML": text("<h1>@everyone</h1>", code=500),
    "500 and a Status": hostility.raw(json.dumps({"kind": "Status", "message": 5}).encode(), 500),
    "busy": hostility.raw(b"", 429),
    "no content": hostility.raw(b"", 204),
    "an endless body": endless(),
}
SLOW: dict[str, Handler] = {"a byte at a time": drip(), "silence": never()}
HUGE = 1 << 20
MANY = 5_001
PATIENT = Limits(connect=9.0, request=9.0, pause=0.05)
"""For servers that answer at once, on a machine that may be busy."""
BRIEF = Limits(connect=2.0, request=2.0, pause=0.05)
"""For those that never do."""


@pytest.fixture
def mesh(healthy_mesh: World) -> World:
    healthy_mesh.fleet.limits = PATIENT
    return healthy_mesh


def short(value: object) -> str:
    """A name for a case."""
    return ascii(value)[:30]


def check(mesh: World) -> Report:
    """All checks; the report has been looked through."""
    report = mesh.check_all(seconds=30.0)
    require_sound(report, mesh.fleet.inventory)
    return report


def healthy(report: Report, cluster: str) -> set[tuple[str, str]]:
    """What is said to be healthy of a cluster: check and place."""
    return {
        (each.code, each.looked_at)
        for each in report.results
        if each.cluster == cluster and each.state is State.HEALTHY
    }


def paid_by_others(report: Report) -> set[tuple[str, str, str]]:
    """What is not healthy of the clusters that did nothing; the second one has paid."""
    sick = [each for each in report.results if each.state is not State.HEALTHY]
    assert SECOND in {each.cluster for each in sick}
    return {(each.code, each.cluster, each.found) for each in sick if each.cluster != SECOND}


def silenced(server: ApiServer) -> None:
    """Let a server refuse everything: what is healthy then has been seen elsewhere."""
    server.everything = hostility.raw(b"", 401)


@pytest.mark.parametrize("name", [*NONSENSE, *SLOW])
def test_a_server_that_says_nonsense_costs_its_own_cluster(mesh: World, name: str) -> None:
    silenced(mesh.second)
    elsewhere = healthy(check(mesh), SECOND)
    mesh.fleet.limits = BRIEF if name in SLOW else PATIENT
    mesh.second.everything = {**NONSENSE, **SLOW}[name]
    report = check(mesh)
    assert paid_by_others(report) == set()
    assert healthy(report, SECOND) - elsewhere == set()


@pytest.mark.parametrize("name", ["HTML", "an empty object", "pages without end", "a redirect"])
def test_servers_that_all_say_nonsense_leave_nothing_healthy(mesh: World, name: str) -> None:
    for server in mesh.servers.values():
        silenced(server)
    elsewhere = {place for n in mesh.servers for place in healthy(check(mesh), n)}
    for server in mesh.servers.values():
        server.everything = NONSENSE[name]
    report = check(mesh)
    said = {place for n in mesh.servers for place in healthy(report, n)}
    assert said - elsewhere == set()


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("text", ATTACKS, ids=short)
def test_no_text_of_a_cluster_is_obeyed(mesh: World, text: str, *, deep: bool) -> None:
    silenced(mesh.second)
    elsewhere = healthy(check(mesh), SECOND)
    mesh.second.everything = None
    mesh.second.twist = hostility.strings(text, deep=deep)
    report = check(mesh)
    assert paid_by_others(report) == set()
    if not deep:  # else much of what is said may well be right
        assert healthy(report, SECOND) - elsewhere == set()
    for server in mesh.servers.values():
        server.twist = hostility.strings(text, deep=deep)
    check(mesh)


@pytest.mark.parametrize("text", ATTACKS, ids=short)
def test_no_name_of_a_field_is_obeyed(mesh: World, text: str) -> None:
    for server in mesh.servers.values():
        server.twist = hostility.keys(text)
    mesh.second.twist = hostility.strings("", deep=False)
    check(mesh)


@pytest.mark.parametrize("code", [400, 403, 404, 409, 422, 500, 503])
def test_no_message_of_a_refusal_is_obeyed(mesh: World, code: int) -> None:
    words = " ".join(each.encode("utf-8", "replace").decode() for each in ATTACKS)

    async def refuse(_: web.Request) -> web.StreamResponse:
        return status(code, f"{words} {'x' * HUGE}")

    for server in mesh.servers.values():
        server.everything = refuse
    report = check(mesh)
    assert max(len(each.found) for each in report.results) <= 600


def test_a_very_long_text_ends_somewhere(mesh: World) -> None:
    mesh.second.twist = hostility.long_texts(HUGE)
    report = check(mesh)
    assert {each.cluster for each in report.results} == {EXTERNAL, CONFIG, SECOND}
    longest = max(len(f"{each.looked_at}{each.found}") for each in report.results)
    assert longest <= 1200


@pytest.mark.parametrize("share", [0.002, 0.02, 0.2])
@pytest.mark.parametrize("seed", range(4))
def test_values_of_wrong_types_break_nothing(mesh: World, seed: int, share: float) -> None:
    for server in mesh.servers.values():
        server.twist = hostility.types(seed, share)
    mesh.second.twist = hostility.types(seed, 0.5)
    check(mesh)


def test_no_field_of_a_wrong_type_breaks_a_check(mesh: World) -> None:
    seen: set[str] = set()

    def note(_: web.Request, said: Any) -> Any:  # noqa: ANN401 - JSON
        seen.update(hostility.names(said))
        return said

    for server in mesh.servers.values():
        server.twist = note
    mesh.check_all()
    assert len(seen) > 200
    fields = sorted(seen)
    chunks = [fields[start :: len(fields) // 8] for start in range(len(fields) // 8)]
    for number, chunk in enumerate(chunks):
        junk = JUNK[number % len(JUNK)]
        for server in mesh.servers.values():
            server.twist = hostility.fields(chunk, junk)
        check(mesh)


def test_a_list_that_holds_too_much_is_not_read(mesh: World) -> None:
    def many(_: web.Request, said: Any) -> Any:  # noqa: ANN401 - JSON
        if said.get("items"):
            said["items"] = (said["items"] * MANY)[:MANY]
        return said

    mesh.second.twist = many
    report = check(mesh)
    assert paid_by_others(report) == set()


@pytest.mark.parametrize(
    "page",
    [
        "",
        "7",
        "[" * 100_000,
        "<html>",
        '{"proxy": 5}',
        *({text: [text], "proxy": text, "id": text, "Addresses": [text]} for text in ATTACKS),
        *([{"id": junk, "proxy": junk, "resources": junk, "x": junk}] for junk in JUNK),
        *({"a.b.svc": {"b": {"Shards": {f"Kubernetes/{SECOND}": junk}}}} for junk in JUNK),
    ],
    ids=short,
)
def test_nothing_that_istiod_says_is_obeyed(mesh: World, page: Any) -> None:  # noqa: ANN401
    paths = (registry.CLUSTERS, registry.ENDPOINTS, connections.PATH, istiod.METRICS)
    pages = dict.fromkeys(paths, page)
    for path in list(mesh.external.handlers):
        mesh.external.handlers[path] = serving(pages)
    report = check(mesh)
    wanted = {"EXTCP-H08", "EXTCP-H12"}
    sick = {each.code for each in report.results if each.state is not State.HEALTHY}
    assert sick <= wanted
    assert sick & wanted


@pytest.mark.parametrize("said", [b"\0junk", b"\1", b"\2", b"", b"\0HTTP/1.1 200 OK\r\n\r\n"])
def test_what_listens_in_place_of_istiod_is_not_believed(mesh: World, said: bytes) -> None:
    for path in list(mesh.external.handlers):
        mesh.external.handlers[path] = speaking(lambda _: [said] * 20)
    report = check(mesh)
    assert "EXTCP-H08" not in {code for code, _ in healthy(report, SECOND)}


def test_what_would_be_obeyed_is_found(mesh: World) -> None:
    silenced(mesh.second)
    report = check(mesh)
    inventory = mesh.fleet.inventory
    first = report.results[0]
    for words in ("a bug in the check (TypeError)", "\x1b[31m", "\u202e", "\ud800"):
        report.results[0] = replace(first, state=State.UNKNOWN, found=words)
        with pytest.raises((AssertionError, UnicodeEncodeError)):
            require_sound(report, inventory)
    for page in ("<p><script>", "<a href='http://x'>x</a>", "<!-- -->", "<p onclick=''></p>"):
        with pytest.raises(AssertionError):
            hostility.require_page(page)
