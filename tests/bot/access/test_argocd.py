from __future__ import annotations

import asyncio
import base64
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.access import argocd
from extcp_bot.access.argocd import Registry
from extcp_bot.access.kubeconfig import RefusedError
from extcp_bot.access.model import Access, Secret
from extcp_bot.access.plugin import Plugins
from extcp_bot.kube.client import Client
from extcp_gitops.inventory.model import Destination
from tests.bot.apiserver import ApiServer

if TYPE_CHECKING:
    from pathlib import Path

HOME = Access("https://argocd.example.com", origin="context management")
SECRETS = "/api/v1/namespaces/argocd/secrets"
CA = "-----BEGIN CERTIFICATE-----"


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(
    name: str = "one",
    server: str = "https://10.0.0.1:6443",
    config: object = None,
) -> dict[str, Any]:
    """A cluster Secret such as ``argocd cluster add`` makes."""
    if config is None:
        config = {"bearerToken": "token-of-argocd", "tlsClientConfig": {"caData": encode(CA)}}
    content = {
        "name": encode(name),
        "server": encode(server),
        "config": encode(json.dumps(config)),
    }
    return {"metadata": {"name": f"cluster-{name}", "namespace": "argocd"}, "data": content}


def refused(*secrets: dict[str, Any], destination: Destination | None = None) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        Registry(secrets, HOME).access(destination or Destination(name="one"))
    return caught.value


@pytest.mark.parametrize(
    "destination",
    [
        Destination(name="one"),
        Destination(server="https://10.0.0.1:6443"),
        Destination(server="https://10.0.0.1:6443/"),
    ],
)
def test_a_cluster_is_found_by_name_or_by_server(destination: Destination) -> None:
    registry = Registry([secret("another", "https://10.0.0.2:6443"), secret()], HOME)
    assert registry.access(destination) == Access(
        "https://10.0.0.1:6443",
        ca=CA,
        token=Secret("token-of-argocd"),
        origin="Secret argocd/cluster-one",
    )


def test_a_client_certificate_a_server_name_and_a_proxy_are_used() -> None:
    tls = {
        "caData": encode(CA),
        "certData": encode("the certificate"),
        "keyData": encode("the key of it"),
        "serverName": "api.example.com",
    }
    config = {"tlsClientConfig": tls, "proxyUrl": "http://proxy.example.com:3128"}
    found = Registry([secret(config=config)], HOME).access(Destination(name="one"))
    assert (found.certificate, found.key) == ("the certificate", Secret("the key of it"))
    assert found.tls_server_name == "api.example.com"
    assert found.proxy == "http://proxy.example.com:3128"


@pytest.mark.parametrize(
    "destination",
    [Destination(name="in-cluster"), Destination(server="https://kubernetes.default.svc")],
)
def test_the_cluster_that_argocd_runs_in_needs_no_secret(destination: Destination) -> None:
    assert Registry([], HOME).access(destination) is HOME


def test_the_cluster_that_argocd_runs_in_may_have_a_name_of_its_own() -> None:
    registry = Registry([secret(server="https://kubernetes.default.svc", config={})], HOME)
    assert registry.access(Destination(name="one")) is HOME


def test_a_cluster_that_argocd_does_not_know_is_named() -> None:
    error = refused(secret("another"))
    assert error.why == "Argo CD has no cluster with the name one"
    assert "argocd cluster list" in error.remedy


def test_one_of_two_clusters_of_a_name_is_not_guessed() -> None:
    error = refused(secret(), secret(server="https://10.0.0.2:6443"))
    assert "several clusters" in error.why


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"execProviderConfig": {"command": "aws"}}, "it runs a program"),
        ({"awsAuthConfig": {"clusterName": "eks"}}, "awsAuthConfig"),
        ({"username": "admin", "password": "secret"}, "it logs in with a password"),
        ({"bearerToken": "t", "tlsClientConfig": {"insecure": True}}, "it verifies no certificate"),
        ({"tlsClientConfig": {"caData": "no base64"}}, "not base64"),
        ("text", "no JSON object"),
        ([], "no JSON object"),
    ],
)
def test_what_the_bot_does_not_use_is_refused_with_the_reason(config: object, why: str) -> None:
    error = refused(secret(config=config))
    assert why in error.why
    assert "Secret argocd/cluster-one" in error.why


@pytest.mark.parametrize(
    "data",
    [
        {"server": encode("http://10.0.0.1")},
        {"server": encode("https://user:password@10.0.0.1")},
        {"server": None},
        {"config": encode("[" * 100_000)},
        {"config": "no base64"},
        {"config": None},
    ],
)
def test_nonsense_is_refused(data: dict[str, str | None]) -> None:
    broken = secret()
    broken["data"].update(data)
    assert "cluster-one" in refused(broken).why


@pytest.mark.parametrize("item", [{"metadata": {}}, {"metadata": {"name": "a"}, "data": []}])
def test_a_secret_without_data_is_no_cluster(item: dict[str, Any]) -> None:
    assert "no cluster" in refused(item).why


def test_nothing_of_a_credential_is_shown() -> None:
    config = {"bearerToken": "canary-in-the-token", "tlsClientConfig": {"insecure": True}}
    error = refused(secret(config=config))
    assert "canary" not in f"{error} {error.remedy} {error.looked_at}"


def test_a_program_is_run_where_a_person_allows_it(tmp_path: Path) -> None:
    program = tmp_path / "plugin.py"
    program.write_text(
        "import json, os\n"
        "print(json.dumps({'status': {'token': 'token-for-' + os.environ['WHO']}}))\n"
    )
    provider = {
        "command": sys.executable,
        "args": ["-I", str(program)],
        "env": {"WHO": "the-bot"},
        "apiVersion": "client.authentication.k8s.io/v1",
    }
    registry = Registry([secret(config={"execProviderConfig": provider})], HOME, Plugins())
    found = registry.access(Destination(name="one"))
    assert found.token == Secret("token-for-the-bot")


def test_only_cluster_secrets_are_read() -> None:
    async def read(server: ApiServer) -> Registry:
        async with Client(server.access) as api:
            return await argocd.read(api, "argocd", server.access)

    with ApiServer() as server:
        item = secret()
        item["metadata"]["labels"] = {"argocd.argoproj.io/secret-type": "cluster"}
        server.put(SECRETS, item)
        server.put(SECRETS, {"metadata": {"name": "argocd-secret"}, "data": {}})
        registry = asyncio.run(read(server))
    assert registry.access(Destination(name="one")).server == "https://10.0.0.1:6443"
    (request,) = server.requests
    assert "labelSelector=argocd.argoproj.io/secret-type" in request
