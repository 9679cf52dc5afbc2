"""The support bundle: what is in it, and what never is."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from extcp_bot import bundle, run
from extcp_bot.access.resolve import Choice
from extcp_bot.checks import all_checks
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.passes import Pass, Plan
from tests.bot import reachable
from tests.bot.apiserver import TOKEN, dead_server, text
from tests.bot.fleets import EXTERNAL, PLANE, SECOND, World, world
from tests.bot.reachable import ISTIODS_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.bundle import Bundle

PODS = f"/api/v1/namespaces/{PLANE}/pods"
HOSTILE = "../../etc/istiod"


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[World]:
    with world() as made:
        reachable.deliver(made)
        reachable.write(made, tmp_path)
        made.fleet.root = tmp_path
        yield made


def pod(mesh: World, name: str, log: str) -> None:
    """A Pod of istiod, and what it has written."""
    labels = {"app": "istiod"}
    mesh.external.put(PODS, {"metadata": {"name": name, "labels": labels}, "status": {}})
    mesh.external.handlers[f"{PODS}/{name}/log"] = text(log, "text/plain")


async def looked(mesh: World, codes: tuple[str, ...] = ("EXTCP-H05",)) -> Pass:
    known = all_checks()
    checks = tuple(known[code] for code in codes)
    mesh.fleet.keeps_reads = True
    work = tuple(run.jobs(mesh.fleet, checks))
    plan = Plan(mesh.fleet.root, Choice(), checks)
    one = Pass(plan, mesh.fleet, work, run.new_report(mesh.fleet, work))
    await one.carry_out()
    return one


def collected(mesh: World, limit: int = bundle.LIMIT) -> Bundle:
    async def work() -> Bundle:
        return await bundle.collect(await looked(mesh), limit)

    return asyncio.run(work())


def test_reports_reads_logs_and_the_inventory_are_in_it(mesh: World) -> None:
    pod(mesh, "istiod-1", "2026-06-01 all is well\n")
    made = collected(mesh)
    assert sorted(made.members) == [
        "README.txt",
        "clusters/external-cluster.json",
        "inventory/clusters/external-cluster/cluster.yaml",
        "inventory/clusters/remote-cluster-1/cluster.yaml",
        "inventory/clusters/remote-cluster-2/cluster.yaml",
        "inventory/mesh.yaml",
        f"istiod/{PLANE}/istiod-1.log",
        "report.html",
        "report.json",
        "report.md",
        "report.prom",
        "report.txt",
        "report.xml",
    ]
    assert made.missing == []
    assert made.members[f"istiod/{PLANE}/istiod-1.log"] == b"2026-06-01 all is well\n"
    read = json.loads(made.members["clusters/external-cluster.json"])
    assert read[f"{reachable.SECRETS}/istio-kubeconfig"]["data"] == {"config": "***"}


def test_no_credential_is_anywhere_in_it(mesh: World) -> None:
    pod(mesh, "istiod-1", f"Authorization: Bearer {TOKEN}\npassword={ISTIODS_TOKEN}\n")
    made = collected(mesh)
    assert f"istiod/{PLANE}/istiod-1.log" in made.members
    for name, content in made.members.items():
        for canary in (TOKEN, ISTIODS_TOKEN, "bmFtZTog", "dG9rZW46"):  # also in base64
            assert canary.encode() not in content, name


def test_what_could_not_be_had_is_said(mesh: World) -> None:
    mesh.external.denied |= {PODS, f"{reachable.SECRETS}/istio-kubeconfig"}
    with dead_server() as dead:
        mesh.reach(SECOND, dead)
        mesh.reach("remote-cluster-1", CannotLookError("nobody said how", "say it"))
        made = collected(mesh)
    said = made.members["README.txt"].decode()
    assert "What could not be had:" in said
    for words in (
        f"logs of {PLANE}: {PODS} of ",
        "cluster remote-cluster-1: nobody said how",
        f"cluster {EXTERNAL}, {reachable.SECRETS}/istio-kubeconfig: ",
    ):
        assert words in said
    assert len(made.missing) == 4


def test_no_name_of_a_cluster_leaves_the_archive(mesh: World) -> None:
    mesh.external.put(PODS, {"metadata": {"name": "x", "labels": {"app": "istiod"}}, "status": {}})[
        "metadata"
    ]["name"] = HOSTILE
    made = collected(mesh)
    assert all(".." not in name for name in made.members)
    assert any(HOSTILE in line for line in made.missing)


def test_what_comes_last_is_left_out_when_there_is_no_room(mesh: World) -> None:
    whole = collected(mesh)
    before = sum(len(whole.members[name]) for name in whole.members if name != "README.txt")
    made = collected(mesh, limit=before - 200)
    assert "clusters/external-cluster.json" not in made.members
    assert "report.txt" in made.members
    assert any("there was no room for" in line for line in made.missing)


def test_the_same_evidence_is_the_same_archive(mesh: World) -> None:
    made = collected(mesh)
    report = run.new_report(mesh.fleet, ())
    raw = bundle.pack(made, report)
    assert bundle.pack(made, report) == raw
    assert bundle.file_name(report) == "extcp-support-mesh1-20260601T120000Z.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == sorted(
            f"extcp-support-mesh1/{name}" for name in made.members
        )
        assert {(m.mode, m.uid, m.uname, m.mtime) for m in members} == {(0o600, 0, "", 1780315200)}
