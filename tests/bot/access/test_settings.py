from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from extcp_bot.access import settings
from extcp_bot.access.settings import BotFile, Source
from extcp_bot.proposals.policy import Documents, Policy
from extcp_bot.target import Settings
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory.load import load
from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "apiVersion: extcp-gitops.io/v1alpha1\nkind: Bot\n"
INVENTORY = load(meshes.mesh()).inventory


def read(root: Path, text: str) -> BotFile:
    (root / settings.FILE).write_text(HEADER + text)
    return settings.read(root, INVENTORY)


def refused(root: Path, text: str) -> tuple[str, str, str]:
    with pytest.raises(ExtcpError) as caught:
        read(root, text)
    (finding,) = caught.value.findings
    return finding.location, finding.code, f"{finding.message}; {finding.remedy}"


def test_without_the_file_the_defaults_hold(tmp_path: Path) -> None:
    assert settings.read(tmp_path, INVENTORY) == BotFile()


def test_a_file_that_says_nothing_says_the_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, "") == BotFile()


def test_all_that_can_be_said(tmp_path: Path) -> None:
    text = """\
source: argocd
contexts:
  remote-cluster-1: admin@one
argocd:
  context: management
checks:
  probeNamespace: payments
  expiryPercent: 30
  certificateDays: 7
  minimumReplicas: 2
forge:
  apiUrl: https://git.example.com/api/v1
  rootsFile: roots.pem
credentials:
  externalSecret: {store: vault, kind: SecretStore, key: "mesh/{cluster}", property: kubeconfig}
proposals:
  passes: 3
  maxOpen: 2
  writesPerHour: 20
  evidenceHours: 12
  proofMinutes: 60
  excusedChecks: [EXTCP-H16]
  commitName: Mesh Bot
  commitEmail: mesh-bot@example.com
"""
    assert read(tmp_path, text) == BotFile(
        contexts={"remote-cluster-1": "admin@one"},
        source=Source.ARGOCD,
        argocd_context="management",
        settings=Settings("payments", 0.3, 7, 2),
        policy=Policy(
            passes=3,
            max_open=2,
            writes_per_hour=20,
            evidence_hours=12,
            proof_minutes=60,
            excused=frozenset({"EXTCP-H16"}),
            name="Mesh Bot",
            email="mesh-bot@example.com",
            api_url="https://git.example.com/api/v1",
            roots_file="roots.pem",
            documents=Documents(
                "external-secret", "vault", "SecretStore", "mesh/{cluster}", "kubeconfig"
            ),
        ),
    )


def test_remote_secrets_may_be_sealed(tmp_path: Path) -> None:
    found = read(tmp_path, "credentials: {sealedSecret: {certificateFile: sealed.pem}}\n")
    assert found.policy.documents == Documents("sealed-secret", certificate_file="sealed.pem")


def test_argocd_may_be_where_the_bot_runs(tmp_path: Path) -> None:
    assert read(tmp_path, "argocd: {inCluster: true}\n").in_cluster


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "context: {}\n",
            ("bot.yaml:3:1", "EXTCP-B001", "unknown key 'context'; did you mean 'contexts'?"),
        ),
        (
            "checks: {minimumReplicas: true}\n",
            (
                "bot.yaml:3:27",
                "EXTCP-B003",
                "checks.minimumReplicas must be a whole number, not `true`; give a whole number",
            ),
        ),
        (
            "checks: {expiryPercent: 100}\n",
            ("bot.yaml:3:25", "EXTCP-B004", "checks.expiryPercent is 100; give 1 to 99"),
        ),
        (
            "proposals: {excusedChecks: [H16]}\n",
            (
                "bot.yaml:3:29",
                "EXTCP-B004",
                "proposals.excusedChecks[0] is 'H16'; use a code such as EXTCP-H16",
            ),
        ),
        (
            "proposals: {commitEmail: '<me@example.com>'}\n",
            (
                "bot.yaml:3:26",
                "EXTCP-B004",
                "proposals.commitEmail is '<me@example.com>'; use an e-mail address",
            ),
        ),
        (
            "source: argo\n",
            ("bot.yaml:3:9", "EXTCP-B004", "source is 'argo'; did you mean 'argocd'?"),
        ),
        (
            "contexts: {remote-cluster-3: a}\n",
            (
                "bot.yaml:3:12",
                "EXTCP-B006",
                "there is no cluster 'remote-cluster-3'; did you mean 'remote-cluster-2'?",
            ),
        ),
        (
            "contexts: {payments: a}\n",
            (
                "bot.yaml:3:12",
                "EXTCP-B006",
                "there is no cluster 'payments'; see 'extcp-gitops cluster list'",
            ),
        ),
        (
            "argocd: {context: a, inCluster: true}\n",
            (
                "bot.yaml:3:22",
                "EXTCP-B007",
                "argocd has both a context and inCluster; leave one of the two out",
            ),
        ),
        (
            "credentials: {externalSecret: {}}\n",
            (
                "bot.yaml:3:31",
                "EXTCP-B002",
                "credentials.externalSecret.store is missing; add it: Name of the store.",
            ),
        ),
        (
            "credentials: {sealedSecret: {certificateFile: a}, externalSecret: {store: b}}\n",
            (
                "bot.yaml:3:15",
                "EXTCP-B007",
                "credentials has both externalSecret and sealedSecret; leave one of the two out",
            ),
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, text: str, expected: tuple[str, str, str]
) -> None:
    assert refused(tmp_path, text) == expected


def test_the_file_of_another_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_text("apiVersion: extcp-gitops.io/v2\nkind: Bot\n")
    with pytest.raises(ExtcpError, match="EXTCP-B005"):
        settings.read(tmp_path, INVENTORY)


def test_what_is_no_yaml_has_its_place(tmp_path: Path) -> None:
    with pytest.raises(ExtcpError, match=r"bot\.yaml:4:1: EXTCP-Y"):
        read(tmp_path, "contexts: [\n")


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(HEADER)
    (tmp_path / settings.FILE).symlink_to("secret")
    with pytest.raises(ExtcpError, match="EXTCP-B008"):
        settings.read(tmp_path, INVENTORY)


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).mkdir()
    with pytest.raises(ExtcpError, match="EXTCP-B008"):
        settings.read(tmp_path, INVENTORY)


@pytest.mark.parametrize(
    "checks",
    [{}, {"certificateDays": 7}, {"certificateDays": "7"}, {"certificateDays": False}, {"a": 1}],
)
def test_the_schema_is_one_and_gives_the_same_verdict(
    tmp_path: Path, checks: dict[str, Any]
) -> None:
    jsonschema.Draft202012Validator.check_schema(settings.SCHEMA)
    document = {"apiVersion": "extcp-gitops.io/v1alpha1", "kind": "Bot", "checks": checks}
    is_valid = jsonschema.Draft202012Validator(settings.SCHEMA).is_valid(document)
    try:
        read(tmp_path, f"checks: {json.dumps(checks)}\n")
    except ExtcpError:
        assert not is_valid
    else:
        assert is_valid
