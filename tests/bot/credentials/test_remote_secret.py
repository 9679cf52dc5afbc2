from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.credentials import remote_secret
from extcp_bot.credentials.model import HeldError, Outcome, RemoteSecret
from extcp_bot.kube.failure import CannotLookError
from tests import meshes
from tests.bot.apiserver import status
from tests.bot.credentials.ready import READER_TOKEN, Ready, ready
from tests.bot.credentials.test_kubeconfig import istioctl
from tests.bot.fleets import CONFIG, PLANE, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiohttp import web

SLASHED = "eu/config"


@pytest.fixture
def mesh() -> Iterator[Ready]:
    with ready() as made:
        yield made


def make(mesh: Ready, cluster: str = SECOND, server: str | None = None) -> RemoteSecret:
    return asyncio.run(remote_secret.make(mesh.target(cluster), server=server))


def held(mesh: Ready, cluster: str = SECOND, server: str | None = None) -> HeldError:
    with pytest.raises(HeldError) as error:
        make(mesh, cluster, server)
    return error.value


def test_equals_the_secret_of_istioctl(mesh: Ready, istioctl_path: Path, tmp_path: Path) -> None:
    made = make(mesh, server="https://10.0.0.1:6443")
    theirs = istioctl(istioctl_path, mesh.second, tmp_path, SECOND)
    ours = made.as_object()
    assert ours["metadata"] == theirs["metadata"]
    assert {name: base64.b64decode(each).decode() for name, each in ours["data"].items()} == (
        theirs["stringData"]
    )
    assert {**ours, "data": 0} == {**{k: theirs[k] for k in ("apiVersion", "kind")}, "data": 0} | {
        "metadata": theirs["metadata"]
    }


def test_that_of_the_config_cluster_bears_no_label(mesh: Ready) -> None:
    made = make(mesh, CONFIG)
    assert (made.name, made.key) == ("istio-kubeconfig", "config")
    assert made.labels == {}
    assert made.annotations == {"networking.istio.io/cluster": CONFIG}


def test_a_slash_is_for_the_config_cluster_alone() -> None:
    changes = {
        "mesh.yaml": meshes.replaced(meshes.MESH, "remote-cluster-1", SLASHED),
        "clusters/eu--slash--config/cluster.yaml": meshes.REMOTE.format(name="eu"),
    }
    with ready(changes) as mesh:
        target = mesh.target(SLASHED)
        assert remote_secret.name_of(target) == "istio-kubeconfig"
        other = {**changes, "clusters/eu--slash--two/cluster.yaml": meshes.REMOTE.format(name="t")}
    with ready(other) as mesh:
        error = held(mesh, "eu/two")
        assert error.outcome is Outcome.REFUSED
        assert "EXTCP-I043" in error.why


def test_the_address_that_a_person_says(mesh: Ready) -> None:
    assert (
        "server: https://10.1.1.1\n" in make(mesh, server="https://10.1.1.1/").kubeconfig.reveal()
    )


def test_by_default_the_address_at_which_the_bot_reaches_the_cluster(mesh: Ready) -> None:
    address = f"https://{SECOND}.clusters.test:{mesh.second.port}"
    assert f"server: {address}\n" in make(mesh).kubeconfig.reveal()


def test_the_address_of_the_destination_of_argo_cd() -> None:
    item = meshes.replaced(meshes.REMOTE, "name: {name}", "server: https://api.example.com")
    with ready({f"clusters/{SECOND}/cluster.yaml": item}) as mesh:
        assert "server: https://api.example.com\n" in make(mesh).kubeconfig.reveal()


def test_the_name_that_tls_verifies_goes_along(mesh: Ready) -> None:
    access = replace(mesh.target().api.access, tls_server_name="a.clusters.test")
    mesh.reach(SECOND, access)
    assert "tls-server-name: a.clusters.test\n" in make(mesh).kubeconfig.reveal()


@pytest.mark.parametrize(
    "server",
    ["https://127.0.0.1:6443", "https://localhost", "https://[::1]:6443", "https://0.0.0.0"],
)
def test_an_address_of_its_own_machine_is_refused(mesh: Ready, server: str) -> None:
    error = held(mesh, server=server)
    assert error.outcome is Outcome.REFUSED
    assert "--server" in error.remedy


@pytest.mark.parametrize(
    "server", ["", "http://10.0.0.1", "10.0.0.1", "https://me@10.0.0.1", "x y"]
)
def test_what_is_no_address_is_refused(mesh: Ready, server: str) -> None:
    assert held(mesh, server=server).outcome is Outcome.REFUSED


def test_a_token_that_is_not_there_yet_is_waited_for(mesh: Ready) -> None:
    del mesh.second.objects[READER_TOKEN]["data"]
    error = held(mesh)
    assert error.outcome is Outcome.WAITING
    assert "has not filled" in error.why
    del mesh.second.objects[READER_TOKEN]
    assert "does not have" in held(mesh).why


def test_waits_for_the_token(mesh: Ready) -> None:
    item = mesh.second.objects[READER_TOKEN]
    data = item.pop("data")

    async def late(_: web.Request) -> web.StreamResponse:
        item["data"] = data
        del mesh.second.handlers[READER_TOKEN]
        return status(404, "not found")

    mesh.second.handlers[READER_TOKEN] = late
    made = asyncio.run(remote_secret.make(mesh.target(), seconds=5))
    assert mesh.token() in made.kubeconfig.reveal()


def test_a_secret_of_somebody_else_is_refused(mesh: Ready) -> None:
    mesh.second.objects[READER_TOKEN]["type"] = "Opaque"
    assert held(mesh).outcome is Outcome.REFUSED


def test_a_token_without_a_ca_is_refused(mesh: Ready) -> None:
    del mesh.second.objects[READER_TOKEN]["data"]["ca.crt"]
    error = held(mesh)
    assert error.outcome is Outcome.REFUSED
    assert "no CA" in error.why


def test_a_cluster_that_does_not_show_its_token_is_unknown(mesh: Ready) -> None:
    mesh.second.denied.add(READER_TOKEN)
    with pytest.raises(CannotLookError):
        make(mesh)


def test_shows_its_token_to_nobody(mesh: Ready) -> None:
    made = make(mesh)
    assert mesh.token() not in f"{made!r} {made} {made.place}"
    assert PLANE in made.place
