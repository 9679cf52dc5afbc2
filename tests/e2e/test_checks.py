"""On a mesh that works, the bot says so: of every cluster, by every check, in every form."""

from __future__ import annotations

import base64
import json
import tarfile
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
import yaml

from extcp_bot.checks import all_checks
from extcp_bot.checks.model import Scope
from extcp_bot.report import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.faults.model import Stage
    from tests.e2e.testbed.api import Object
    from tests.e2e.testbed.bot import Result

SECRETS = "v1/secrets"
# What lies in Secrets and is public: certificates, and names.
PUBLIC = {"ca.crt", "tls.crt", "root-cert.pem", "cert-chain.pem", "ca-cert.pem", "namespace"}
PUBLIC |= {"name", "server", "url", "type", "username"}
SHORTEST = 8


@pytest.fixture(scope="module")
def results(stage: Stage) -> list[Result]:
    """All that the bot says, once nothing is wrong or unknown, with the rights that it printed."""
    return stage.wait_said(frozenset())


def test_every_check_is_healthy_for_each_cluster_that_it_is_for(
    stage: Stage, results: list[Result]
) -> None:
    seen = {(result["code"], result["cluster"], result["controlPlane"]) for result in results}
    assert {result["state"] for result in results} == {"healthy"}
    assert sorted(seen) == sorted(set(_wanted(stage)))


def _wanted(stage: Stage) -> Iterator[tuple[str, str, str]]:
    """Code, cluster and control plane of each result that there should be."""
    planes = {
        stage.mesh.plane.namespace: stage.mesh.remotes,
        stage.payments.namespace: [stage.payments.config],
    }
    configs = [stage.config, stage.payments.config]
    for check in all_checks().values():
        for number, (plane, remotes) in enumerate(planes.items()):
            if check.scope is Scope.CONFIG:
                clusters = [cluster for cluster in remotes if cluster in configs]
            else:
                clusters = [] if check.scope is Scope.CONTROL_PLANE else list(remotes)
            is_once = check.scope is Scope.CLUSTER and number
            if check.scope not in {Scope.CONFIG, Scope.REMOTE} and not is_once:
                clusters.append(stage.external)
            yield from ((check.code, cluster.name, plane) for cluster in clusters)


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize("form", FORMATS)
def test_every_form_of_the_report_says_that_all_is_well(stage: Stage, form: str) -> None:
    text = stage.bot.run("check", f"--output={form}", "--check=EXTCP-H05", ok=(0,))
    READ[form](text)


def _text(text: str) -> None:
    assert "remote-cluster-2" in text
    assert "\x1b" not in text


def _json(text: str) -> None:
    document = json.loads(text)
    assert (document["exitCode"], document["complete"]) == (0, True)
    assert {cluster["state"] for cluster in document["clusters"].values()} == {"healthy"}


def _junit(text: str) -> None:
    suites = ET.fromstring(text)  # noqa: S314 - of our own program
    assert (suites.get("failures"), suites.get("errors")) == ("0", "0")
    assert int(suites.get("tests", "0")) == 3
    assert {suite.get("name") for suite in suites} >= {"remote-cluster-1", "payments-1"}


def _markdown(text: str) -> None:
    assert "remote-cluster-2" in text
    assert "EXTCP-H05" not in text.partition("remote-cluster-2")[0]


def _html(text: str) -> None:
    assert text.startswith("<!doctype html>")
    assert "remote-cluster-2" in text


def _prometheus(text: str) -> None:
    states = [line for line in text.splitlines() if line.startswith("extcp_cluster_state{")]
    assert len(states) == 3
    assert {line.rsplit(" ", 1)[1] for line in states} == {"1"}


READ = {
    "text": _text,
    "json": _json,
    "junit": _junit,
    "markdown": _markdown,
    "html": _html,
    "prometheus": _prometheus,
}


def test_the_support_bundle_holds_the_evidence_and_no_secret(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "evidence.tar.gz"
    stage.bot.run("support-bundle", f"--output={path}", ok=(0,))
    with tarfile.open(path) as archive:
        files = {each.name: archive.extractfile(each) for each in archive if each.isfile()}
        members = {name: file.read() for name, file in files.items() if file}
    secrets = set(_secrets(stage))
    leaks = [
        (name, secret[:4])
        for name, content in members.items()
        for secret in secrets
        if secret.encode() in content or base64.b64encode(secret.encode()) in content
    ]
    assert len(secrets) > 10
    assert leaks == []
    names = {name.rpartition("/")[2] for name in members}
    clusters = (stage.external, *stage.mesh.remotes, stage.payments.config)
    assert names >= {f"{cluster.name}.json" for cluster in clusters}
    assert names >= {f"report.{form}" for form in ("html", "json", "md", "prom", "txt", "xml")}


def _secrets(stage: Stage) -> Iterator[str]:
    """What nobody may find: the clusters' Secrets, and the credentials of people and of the bot."""
    yield stage.mesh.gitea.password
    for path in (stage.bot.kubeconfig, stage.mesh.testbed.kubeconfig):
        yield from _of_kubeconfig(path.read_text())
    for cluster in (stage.external, *stage.mesh.remotes, stage.payments.config):
        for secret in cluster.api.list(SECRETS):
            yield from _of_secret(secret)


def _of_secret(secret: Object) -> Iterator[str]:
    for key, value in (secret.get("data") or {}).items():
        text = base64.b64decode(value).decode(errors="replace")
        if text.startswith("apiVersion"):
            yield from _of_kubeconfig(text)
        elif key == "config":  # how Argo CD reaches a cluster
            yield json.loads(text)["bearerToken"]
        elif key not in PUBLIC and len(text) >= SHORTEST:
            yield text


def _of_kubeconfig(text: str) -> Iterator[str]:
    for user in yaml.safe_load(text)["users"]:
        yield user["user"]["token"]
