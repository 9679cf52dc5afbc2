from __future__ import annotations

import asyncio
import base64
import os
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from extcp_bot.credentials import documents, remote_secret
from extcp_bot.credentials.documents import Form, Store
from extcp_bot.credentials.model import HeldError, RemoteSecret
from extcp_gitops.errors import ExtcpError
from extcp_gitops.verify import secrets
from tests import meshes
from tests.bot.credentials.ready import Ready, ready
from tests.bot.credentials.test_sealed import Controller
from tests.bot.fleets import CONFIG, PLANE, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PLACE = f"clusters/{SECOND}/credential"


@pytest.fixture(scope="module")
def controller() -> Controller:
    return Controller()


@pytest.fixture
def mesh() -> Iterator[Ready]:
    with ready() as made:
        yield made


def make(mesh: Ready) -> RemoteSecret:
    return asyncio.run(remote_secret.make(mesh.target()))


def parsed(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    found = yaml.safe_load(files[f"{PLACE}/{name}"])
    assert isinstance(found, dict)
    return found


def require_no_secret(files: Mapping[str, bytes], mesh: Ready) -> None:
    for path, content in files.items():
        assert list(secrets.scan(content, path)) == []
        token = mesh.token().encode()
        assert token not in content
        assert base64.b64encode(token) not in content


def test_a_reference(mesh: Ready) -> None:
    files = documents.external_secret(mesh.target(), Store("vault"))
    assert set(files) == {f"{PLACE}/kustomization.yaml", f"{PLACE}/external-secret.yaml"}
    assert parsed(files, "kustomization.yaml")["resources"] == ["external-secret.yaml"]
    item = parsed(files, "external-secret.yaml")
    assert item["metadata"] == {"name": f"istio-remote-secret-{SECOND}", "namespace": PLANE}
    assert item["spec"]["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    assert item["spec"]["data"] == [
        {"secretKey": SECOND, "remoteRef": {"key": f"istio-remote-secret-{SECOND}"}}
    ]
    made = item["spec"]["target"]["template"]["metadata"]
    assert made["labels"] == {"istio/multiCluster": "true"}
    assert made["annotations"] == {"networking.istio.io/cluster": SECOND}
    require_no_secret(files, mesh)


def test_a_reference_to_a_part_of_a_key(mesh: Ready) -> None:
    store = Store("vault", "SecretStore", "mesh/{cluster}", "kubeconfig")
    item = parsed(documents.external_secret(mesh.target(), store), "external-secret.yaml")
    (data,) = item["spec"]["data"]
    assert data["remoteRef"] == {"key": f"mesh/{SECOND}", "property": "kubeconfig"}


def test_that_of_the_config_cluster_bears_no_label(mesh: Ready) -> None:
    files = documents.external_secret(mesh.target(CONFIG), Store("vault"))
    item = yaml.safe_load(files[f"clusters/{CONFIG}/credential/external-secret.yaml"])
    assert item["metadata"]["name"] == "istio-kubeconfig"
    assert item["spec"]["target"]["template"]["metadata"]["labels"] == {}


def test_a_name_that_no_secret_can_have() -> None:
    changes = {"clusters/eu--slash--two/cluster.yaml": meshes.REMOTE.format(name="two")}
    with ready(changes) as mesh, pytest.raises(HeldError):
        documents.external_secret(mesh.target("eu/two"), Store("vault"))


def test_an_encrypted_form(mesh: Ready, controller: Controller) -> None:
    secret = make(mesh)
    files = documents.sealed_secret(mesh.target(), secret, controller.certificate)
    item = parsed(files, "sealed-secret.yaml")
    assert item["kind"] == "SealedSecret"
    template = item["spec"]["template"]
    ours = secret.as_object()["metadata"]
    assert template["metadata"] == ours
    ((key, value),) = item["spec"]["encryptedData"].items()
    assert key == SECOND
    plain = controller.unseal(value, PLANE, secret.name).decode()
    assert plain == secret.kubeconfig.reveal()
    require_no_secret(files, mesh)


def test_the_same_token_is_the_same_document(mesh: Ready, controller: Controller) -> None:
    path = f"{PLACE}/sealed-secret.yaml"
    first = documents.sealed_secret(mesh.target(), make(mesh), controller.certificate)
    again = documents.sealed_secret(mesh.target(), make(mesh), controller.certificate, first[path])
    assert again == first
    mesh.renew()
    other = documents.sealed_secret(mesh.target(), make(mesh), controller.certificate, first[path])
    assert other[path] != first[path]
    renewed = documents.sealed_secret(
        mesh.target(), make(mesh), Controller().certificate, other[path]
    )
    assert renewed[path] != other[path]


@pytest.mark.parametrize("before", [b"", b"a: [", b"kind: SealedSecret\n", b"- a\n"])
def test_whatever_is_there_is_replaced(mesh: Ready, controller: Controller, before: bytes) -> None:
    files = documents.sealed_secret(mesh.target(), make(mesh), controller.certificate, before)
    assert parsed(files, "sealed-secret.yaml")["kind"] == "SealedSecret"


SOPS = """\
#!{python}
import sys, yaml, pathlib
pathlib.Path({log!r}).write_text(repr(sys.argv))
item = yaml.safe_load(sys.stdin)
{change}
print(yaml.safe_dump(item))
"""
ENCRYPTS = """\
item["data"] = {k: "ENC[AES256_GCM,data:abc=,iv:abc=,tag:abc=,type:str]" for k in item["data"]}
item["sops"] = {"version": "3.9.4"}
"""


def program(directory: Path, monkeypatch: pytest.MonkeyPatch, change: str, python: str) -> Path:
    """A program called sops, that reads and prints as that does, and what it was called with."""
    log = directory / "log"
    path = directory / "bin" / "sops"
    path.parent.mkdir()
    path.write_text(SOPS.format(python=python, log=str(log), change=change))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
    return log


def test_what_sops_encrypts(
    mesh: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    log = program(tmp_path, monkeypatch, ENCRYPTS, python)
    files = documents.sops_file(mesh.target(), make(mesh), tmp_path, "age1abc")
    assert set(files) == {f"{PLACE}/remote-secret.sops.yaml"}
    assert parsed(files, "remote-secret.sops.yaml")["metadata"]["namespace"] == PLANE
    require_no_secret(files, mesh)
    called = log.read_text()
    assert mesh.token() not in called
    assert f"--filename-override={PLACE}/remote-secret.sops.yaml" in called
    assert "--age=age1abc" in called


@pytest.mark.parametrize(
    "change",
    [
        "",
        'item["sops"] = {}',
        'item["data"] = {k: "ENC[" for k in item["data"]}',
        ENCRYPTS + 'item["metadata"]["name"] = "x"',
        'item = {"sops": {}}',
        'item = "nothing"',
        ENCRYPTS + 'item["copy"] = value',
    ],
)
def test_clear_text_never_leaves(
    mesh: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, change: str
) -> None:
    keep = 'value = list(item["data"].values())[0]\n'
    program(tmp_path, monkeypatch, keep + change, python)
    with pytest.raises(ExtcpError, match="EXTCP-B061") as error:
        documents.sops_file(mesh.target(), make(mesh), tmp_path)
    assert mesh.token() not in str(error.value)


def test_where_there_is_no_sops(
    mesh: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExtcpError, match="EXTCP-T001"):
        documents.sops_file(mesh.target(), make(mesh), tmp_path)


def test_each_form_has_a_place(mesh: Ready) -> None:
    paths = {documents.path_of(mesh.target(), form) for form in Form}
    assert len(paths) == len(Form)
    assert all(path.startswith(f"{PLACE}/") for path in paths)


@pytest.fixture
def python() -> str:
    import sys  # noqa: PLC0415 - for this alone

    return sys.executable
