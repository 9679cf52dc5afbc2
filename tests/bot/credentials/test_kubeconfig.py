"""Our kubeconfigs, byte for byte beside those of the real istioctl."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from extcp_bot.access.model import Secret, hide
from extcp_bot.credentials.kubeconfig import Kubeconfig, Server
from tests.bot.apiserver import ROOT, TOKEN, ApiServer
from tests.bot.fleets import PLANE
from tests.bot.identities import ACCOUNTS, SECRETS, jwt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCOUNT = "istio-reader-service-account"
NAME = f"{ACCOUNT}-istio-remote-secret-token"
SERVER = Server("https://10.0.0.1:6443")
# What one reader of YAML or another takes for a number, a truth value or a date.
NAMES = (
    "remote-cluster-2",
    "a",
    "y",
    "n",
    "yes",
    "no",
    "on",
    "off",
    "true",
    "false",
    "null",
    "0",
    "00",
    "08",
    "017",
    "123",
    "1e3",
    "12e4",
    "1e-3",
    "0e0",
    "1e99999",
    "0x1f",
    "0x1e",
    "0xz",
    "0o17",
    "0o8",
    "0b1",
    "0b2",
    "0b",
    "1e",
    "e1",
    "1a",
    "a1",
    "nan",
    "inf",
    "1-1",
    "1-e",
    "12-12-12",
    "2001-01-01",
    "2001-1-1",
    "2024-13-45",
    "1-2-3",
    "9223372036854775808",
    "123456789012345678901234567890",
)


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as made:
        made.objects["/version"] = {"major": "1", "minor": "36", "gitVersion": "v1.36.3"}
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}}
        made.put(ACCOUNTS, account)
        put_token(made, jwt({"sub": "somebody"}))
        yield made


def put_token(server: ApiServer, token: str) -> None:
    annotations = {"kubernetes.io/service-account.name": ACCOUNT}
    data = {
        "token": base64.b64encode(token.encode()).decode(),
        "ca.crt": base64.b64encode(ROOT.encode()).decode(),
    }
    server.put(
        SECRETS,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": NAME, "annotations": annotations},
            "type": "kubernetes.io/service-account-token",
            "data": data,
        },
    )


def istioctl(
    program: Path, server: ApiServer, directory: Path, name: str, *more: str
) -> dict[str, Any]:
    """The Secret that ``istioctl create-remote-secret`` prints."""
    ca = base64.b64encode(ROOT.encode()).decode()
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [{"name": "context", "context": {"cluster": "it", "user": "me"}}],
        "clusters": [
            {"name": "it", "cluster": {"server": server.url, "certificate-authority-data": ca}}
        ],
        "users": [{"name": "me", "user": {"token": TOKEN}}],
    }
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(kubeconfig))
    printed = subprocess.run(
        [
            program,
            f"--kubeconfig={path}",
            "--context=context",
            f"--namespace={PLANE}",
            "create-remote-secret",
            f"--name={name}",
            f"--service-account={ACCOUNT}",
            "--create-service-account=false",
            f"--secret-name={NAME}",
            f"--server={SERVER.url}",
            *more,
        ],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
        env={"HOME": str(directory)},
    ).stdout
    # All as text: of some names, readers of YAML make something else, or nothing at all.
    (secret,) = (each for each in yaml.load_all(printed, Loader=yaml.BaseLoader) if each)
    assert isinstance(secret, dict)
    return secret


def only(secret: dict[str, Any]) -> str:
    ((_, value),) = secret["stringData"].items()
    assert isinstance(value, str)
    return value


@pytest.mark.parametrize("name", NAMES)
def test_equals_that_of_istioctl(
    server: ApiServer, istioctl_path: Path, tmp_path: Path, name: str
) -> None:
    wanted = only(istioctl(istioctl_path, server, tmp_path, name))
    token = Secret(jwt({"sub": "somebody"}))
    assert Kubeconfig(name, SERVER, ROOT.encode(), token).reveal() == wanted


def test_equals_that_of_another_release(
    server: ApiServer, istioctl_other: Path, tmp_path: Path
) -> None:
    wanted = only(istioctl(istioctl_other, server, tmp_path, "remote-cluster-2"))
    token = Secret(jwt({"sub": "somebody"}))
    assert Kubeconfig("remote-cluster-2", SERVER, ROOT.encode(), token).reveal() == wanted


@pytest.mark.parametrize("token", ["1234", "true", "eyJ.a-b_c.d", "a-b"])
def test_tokens_are_written_as_istioctl_writes_them(
    server: ApiServer, istioctl_path: Path, tmp_path: Path, token: str
) -> None:
    put_token(server, token)
    wanted = only(istioctl(istioctl_path, server, tmp_path, "a"))
    assert Kubeconfig("a", SERVER, ROOT.encode(), Secret(token)).reveal() == wanted


def test_the_name_that_tls_is_to_verify(
    server: ApiServer, istioctl_path: Path, tmp_path: Path
) -> None:
    more = "--tls-server-name=api.example.com"
    wanted = only(istioctl(istioctl_path, server, tmp_path, "a", more))
    where = Server(SERVER.url, "api.example.com")
    token = Secret(jwt({"sub": "somebody"}))
    assert Kubeconfig("a", where, ROOT.encode(), token).reveal() == wanted


@pytest.mark.parametrize("token", ["a: b", "# no", "'", '"', "{", "\\", "*a", "a #b"])
def test_whatever_a_token_is_made_of_it_is_read_as_it_was(token: str) -> None:
    written = Kubeconfig("a", SERVER, ROOT.encode(), Secret(token)).reveal()
    assert yaml.safe_load(written)["users"][0]["user"]["token"] == token


def test_only_the_token_is_a_secret() -> None:
    token = Secret("token-that-nobody-may-see")
    made = Kubeconfig("a-cluster-with-a-name", SERVER, ROOT.encode(), token)
    assert token.reveal() not in repr(made)
    assert (
        hide(f"a-cluster-with-a-name at {SERVER.url}") == f"a-cluster-with-a-name at {SERVER.url}"
    )
    assert token.reveal() not in hide(made.reveal())
