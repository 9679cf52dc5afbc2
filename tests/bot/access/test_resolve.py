from __future__ import annotations

import asyncio
import base64
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from extcp_bot.access.model import Access, Secret
from extcp_bot.access.resolve import Choice, fleet
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.kube.transport import Limits
from extcp_gitops import process
from extcp_gitops.errors import ExtcpError
from tests import meshes
from tests.bot.apiserver import TOKEN, ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.target import Fleet

EXTERNAL, CONFIG, SECOND = "external-cluster", "remote-cluster-1", "remote-cluster-2"
QUICK = Limits(connect=1.0, request=1.0, pause=0.05)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with an inventory, without a bot.yaml."""
    for path, content in meshes.mesh().items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path


@pytest.fixture
def argocd() -> Iterator[ApiServer]:
    """The API server of an Argo CD that knows the two remote clusters."""
    with ApiServer() as server:
        for name in (CONFIG, SECOND):
            register(server, name, {"bearerToken": f"token-of-{name}"})
        yield server


def register(server: ApiServer, name: str, config: dict[str, Any]) -> None:
    data = {"name": name, "server": f"https://{name}.example.com", "config": json.dumps(config)}
    labels = {"argocd.argoproj.io/secret-type": "cluster"}
    server.put(
        "/api/v1/namespaces/argocd/secrets",
        {
            "metadata": {"name": f"cluster-{name}", "labels": labels},
            "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
        },
    )


def kubeconfig(root: Path, monkeypatch: pytest.MonkeyPatch, **users: dict[str, Any]) -> None:
    """A kubeconfig with a context, a cluster and a user of each name (``_`` for ``-``)."""
    names = {name.replace("_", "-"): user for name, user in users.items()}
    servers = {name: user.pop("server", f"https://{name}") for name, user in names.items()}
    cluster = {name: {"server": server} for name, server in servers.items()}
    for name, user in names.items():
        if ca := user.pop("ca", None):
            cluster[name]["certificate-authority-data"] = base64.b64encode(ca.encode()).decode()
    document = {
        "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in names],
        "clusters": [{"name": name, "cluster": item} for name, item in cluster.items()],
        "users": [{"name": name, "user": user} for name, user in names.items()],
    }
    path = root / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    monkeypatch.setenv("KUBECONFIG", str(path))


def user(token: str) -> dict[str, Any]:
    return {"token": token}


def of(server: ApiServer) -> dict[str, Any]:
    """A user of the kubeconfig that reaches a server as its administrator."""
    return {"token": TOKEN, "server": server.url, "ca": server.access.ca}


def resolved(root: Path, **choice: Any) -> Fleet:  # noqa: ANN401 - fields of Choice
    return asyncio.run(fleet(root, Choice(limits=QUICK, **choice)))


def tokens(found: Fleet) -> dict[str, str]:
    """The token for each cluster, or why there is none."""
    said = {}
    for name, way in found.access.items():
        if isinstance(way, CannotLookError):
            said[name] = way.why
        else:
            assert way.token is not None
            said[name] = way.token.reveal()
    return said


def bot_file(root: Path, text: str) -> None:
    header = "apiVersion: extcp-gitops.io/v1alpha1\nkind: Bot\n"
    (root / "bot.yaml").write_text(header + text)


def test_a_context_of_the_clusters_own_name_is_used(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig(root, monkeypatch, external_cluster=user("e"), remote_cluster_1=user("c"))
    found = resolved(root)
    why = "nobody said how to reach remote-cluster-2: the kubeconfig has no context of that name"
    assert tokens(found) == {EXTERNAL: "e", CONFIG: "c", SECOND: why}
    assert found.contexts == {EXTERNAL: EXTERNAL, CONFIG: CONFIG}
    assert found.root == root


def test_the_repository_is_found_from_a_directory_in_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig(root, monkeypatch)
    assert resolved(root / "clusters" / CONFIG).root == root


def test_a_flag_wins_over_the_file_and_the_file_over_the_name(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot_file(root, f"contexts: {{{CONFIG}: file, {SECOND}: file}}\n")
    names = {"file": user("file"), "flag": user("flag")}
    kubeconfig(root, monkeypatch, **names, external_cluster=user("name"), remote_cluster_1=user(""))
    found = resolved(root, contexts={SECOND: "flag"})
    assert tokens(found) == {EXTERNAL: "name", CONFIG: "file", SECOND: "flag"}
    assert found.contexts[SECOND] == "flag"


def test_argocd_is_in_the_external_cluster_unless_somebody_says_more(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig(root, monkeypatch, external_cluster=user("e"), management=user("m"))
    found = resolved(root)
    assert found.argocd == found.access[EXTERNAL]
    assert found.argocd_context == ""
    found = resolved(root, argocd_context="management")
    assert isinstance(found.argocd, Access)
    assert found.argocd.token == Secret("m")
    assert found.argocd_context == "management"


def test_the_settings_of_the_file_go_to_the_checks(root: Path) -> None:
    bot_file(root, "checks: {minimumReplicas: 3}\n")
    assert resolved(root).settings.minimum_replicas == 3


def test_clusters_come_from_argocd(
    root: Path, monkeypatch: pytest.MonkeyPatch, argocd: ApiServer
) -> None:
    kubeconfig(root, monkeypatch, external_cluster=of(argocd))
    found = resolved(root, from_argocd=True)
    assert tokens(found) == {
        EXTERNAL: TOKEN,  # no Secret for it, but a context of its name
        CONFIG: f"token-of-{CONFIG}",
        SECOND: f"token-of-{SECOND}",
    }
    assert len(argocd.requests) == 1


def test_a_context_that_a_person_named_wins_over_argocd(
    root: Path, monkeypatch: pytest.MonkeyPatch, argocd: ApiServer
) -> None:
    bot_file(root, f"source: argocd\nargocd: {{context: hub}}\ncontexts: {{{CONFIG}: own}}\n")
    kubeconfig(root, monkeypatch, hub=of(argocd), own=user("own"), remote_cluster_2=user("x"))
    found = resolved(root)
    assert tokens(found)[CONFIG] == "own"
    assert tokens(found)[SECOND] == f"token-of-{SECOND}"
    assert "no cluster with the name external-cluster" in tokens(found)[EXTERNAL]


def test_a_secret_that_is_refused_costs_its_own_cluster(
    root: Path, monkeypatch: pytest.MonkeyPatch, argocd: ApiServer
) -> None:
    register(argocd, CONFIG, {"execProviderConfig": {"command": "aws"}})
    kubeconfig(root, monkeypatch, external_cluster=of(argocd))
    found = tokens(resolved(root, from_argocd=True))
    assert "it runs a program" in found[CONFIG]
    assert found[SECOND] == f"token-of-{SECOND}"


def test_an_argocd_that_cannot_be_asked_is_a_reason_and_no_end(
    root: Path, monkeypatch: pytest.MonkeyPatch, argocd: ApiServer
) -> None:
    argocd.denied.add("/api/v1/namespaces/argocd/secrets")
    kubeconfig(root, monkeypatch, hub=of(argocd), remote_cluster_2=user("own"))
    found = tokens(resolved(root, from_argocd=True, argocd_context="hub"))
    assert "may not list it" in found[CONFIG]
    assert found[SECOND] == "own"


def test_where_argocd_is_has_to_be_known(root: Path) -> None:
    found = tokens(resolved(root, from_argocd=True))
    assert all("nobody said how to reach Argo CD" in why for why in found.values())


def test_a_flag_for_argocd_takes_the_place_of_what_the_file_says(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot_file(root, "argocd: {inCluster: true}\n")
    kubeconfig(root, monkeypatch, hub=user("hub"))
    found = resolved(root, argocd_context="hub")
    assert isinstance(found.argocd, Access)
    assert found.argocd.token == Secret("hub")


def test_outside_of_a_pod_in_cluster_is_a_reason(root: Path) -> None:
    found = resolved(root, in_cluster=True)
    assert isinstance(found.argocd, CannotLookError)
    assert "service account" in found.argocd.why


def test_a_broken_kubeconfig_is_a_reason_for_each_cluster_that_needs_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "kubeconfig").write_text("contexts: [")
    monkeypatch.setenv("KUBECONFIG", str(root / "kubeconfig"))
    found = resolved(root, contexts={CONFIG: "a"})
    assert "cannot be read" in tokens(found)[CONFIG]
    assert found.contexts == {CONFIG: "a"}


def test_a_flag_for_a_cluster_that_is_not_there_is_a_mistake(root: Path) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-I015"):
        resolved(root, contexts={"remote-cluster-9": "a"})


def test_a_program_that_several_contexts_name_runs_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, calls = root / "plugin.py", root / "calls"
    program.write_text(
        "import json, pathlib, sys\n"
        "with pathlib.Path(sys.argv[1]).open('a') as file: file.write('x')\n"
        "print(json.dumps({'status': {'token': 'token-of-the-plugin'}}))\n"
    )
    plugin = {
        "command": sys.executable,
        "args": ["-I", str(program), str(calls)],
        "apiVersion": "client.authentication.k8s.io/v1",
    }
    kubeconfig(
        root, monkeypatch, remote_cluster_1={"exec": plugin}, remote_cluster_2={"exec": plugin}
    )
    assert "--allow-exec-kubeconfig" in str(resolved(root).access[CONFIG].remedy)  # type: ignore[union-attr]
    found = tokens(resolved(root, allow_exec=True))
    assert found[CONFIG] == found[SECOND] == "token-of-the-plugin"
    assert calls.read_text() == "x"
    assert not process.is_cancelled.get()()
