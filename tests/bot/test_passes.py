from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.access.resolve import Choice
from extcp_bot.checks import all_checks
from extcp_bot.commands.options import address
from extcp_bot.passes import Pass, Plan, repeat
from tests.bot import reachable
from tests.bot.fleets import SECOND, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_gitops.errors import ExtcpError


@pytest.fixture
def mesh() -> Iterator[World]:
    with world() as made:
        reachable.deliver(made)
        yield made


@pytest.fixture
def plan(mesh: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    for name, value in reachable.write(mesh, tmp_path).items():
        monkeypatch.setenv(name, value)
    return Plan(tmp_path, Choice(), (all_checks()["EXTCP-H05"],))


def test_a_plan_says_which_clusters_and_where_addresses_lead(plan: Plan) -> None:
    way = {("istiod.example.com", 15017): ("127.0.0.1", 8443)}
    one = asyncio.run(Pass.begin(replace(plan, clusters=(SECOND,), connect_to=way)))
    assert one.report.clusters == (SECOND,)
    assert [job.check.code for job in one.work] == ["EXTCP-H05"]
    assert one.fleet.connect_to == way


def test_each_pass_looks_anew(plan: Plan, mesh: World) -> None:
    codes: list[int] = []

    def unexpected(error: ExtcpError) -> None:
        raise error

    async def look() -> None:
        def seen(one: Pass) -> None:
            codes.append(int(one.report.exit_code))
            mesh.external.objects.clear()
            if len(codes) == 2:
                raise asyncio.CancelledError

        await repeat(plan, 0.01, seen, unexpected)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(look())
    assert codes == [0, 1]


def test_cycles_are_collected_between_passes_and_not_in_them(plan: Plan) -> None:
    seen: list[bool] = []

    async def look() -> None:
        one = await Pass.begin(plan)
        seen.append(gc.isenabled())
        await one.carry_out(lambda _: seen.append(gc.isenabled()))
        seen.append(gc.isenabled())

    asyncio.run(look())
    assert (seen[0], set(seen[1:-1]), seen[-1]) == (True, {False}, True)


def test_a_repository_that_is_not_in_order_is_told_and_tried_again(
    plan: Plan, tmp_path: Path
) -> None:
    text = (tmp_path / "mesh.yaml").read_text()
    (tmp_path / "mesh.yaml").write_text("kind: [")
    told: list[str] = []

    def failed(error: ExtcpError) -> None:
        told.append(error.findings[0].file)
        (tmp_path / "mesh.yaml").write_text(text)

    def seen(_: Pass) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(repeat(plan, 0.01, seen, failed))
    assert told == ["mesh.yaml"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.example.com:80", ("a.example.com", 80)),
        (":80", ("127.0.0.1", 80)),
        ("[::1]:80", ("::1", 80)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),  # noqa: S104 - to be parsed
        ("::1:80", None),
        ("a", None),
        ("a:0", None),
        ("a:65536", None),
        ("a b:80", None),
        ("a:80 ", None),
    ],
)
def test_addresses(text: str, found: tuple[str, int] | None) -> None:
    assert address(text, "127.0.0.1") == found
