from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.access import settings
from extcp_bot.access.settings import BotFile, Source
from extcp_bot.proposals.policy import Documents, Policy
from extcp_bot.target import Settings
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory.bot_schema import BOT, BOT_FILE
from extcp_gitops.inventory.load import load
from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_gitops.inventory.schema import Schema

HEADER = "apiVersion: extcp-gitops.io/v1alpha1\nkind: Bot\n"
INVENTORY = load(meshes.mesh()).inventory


def read(root: Path, text: str) -> BotFile:
    (root / BOT_FILE).write_text(HEADER + text)
    return settings.read(root, INVENTORY)


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


def test_what_is_wrong_is_said_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ExtcpError, match=r"bot\.yaml:3:9: EXTCP-B004 source is 'argo'"):
        read(tmp_path, "source: argo\n")


def _defaults(form: Schema) -> Any:  # noqa: ANN401 - any YAML value
    """All defaults that a schema names, as the file would say them."""
    if "default" in form:
        return form["default"]
    named = {key: _defaults(value) for key, value in form.get("properties", {}).items()}
    return {key: value for key, value in named.items() if value not in (None, {})}


def test_the_schema_names_the_defaults(tmp_path: Path) -> None:
    said = _defaults(BOT)
    del said["credentials"]  # which is what makes documents of remote secrets
    assert set(said) == {"source", "argocd", "checks", "proposals"}
    assert read(tmp_path, _flow(said)) == BotFile()


def test_the_schema_names_the_defaults_of_documents(tmp_path: Path) -> None:
    said = _defaults(BOT)["credentials"]
    said["externalSecret"]["store"] = "vault"
    found = read(tmp_path, _flow({"credentials": said}))
    assert found.policy.documents == Documents("external-secret", "vault")


def _flow(data: dict[str, Any]) -> str:
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in data.items())
