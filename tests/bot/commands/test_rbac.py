from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner, Result

from extcp_bot.commands.rbac import rbac
from extcp_gitops.commands.context import Context
from extcp_gitops.errors import ExtcpError
from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, content in meshes.mesh().items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path


def run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(rbac, words, obj=Context(root), catch_exceptions=False)


def test_roles_are_printed_for_a_side(root: Path) -> None:
    done = run(root, "--side", "external", "--check", "EXTCP-H05")
    (role,) = yaml.safe_load_all(done.stdout)
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "external-istiod")
    assert role["rules"][0]["resources"] == ["secrets"]
    assert "# EXTCP-H05\n" in done.stdout


@pytest.mark.parametrize(
    ("cluster", "side"),
    [
        ("external-cluster", "external"),
        ("remote-cluster-1", "config"),
        ("remote-cluster-2", "remote"),
    ],
)
def test_a_cluster_is_what_it_is_in_the_mesh(root: Path, cluster: str, side: str) -> None:
    assert run(root, "--cluster", cluster).stdout == run(root, "--side", side).stdout


def test_roles_for_a_cluster_are_in_the_namespace_of_its_own_control_plane(root: Path) -> None:
    path = root / "mesh.yaml"
    path.write_text(
        f"{path.read_text()}  - name: payments\n    address: payments.example.com\n"
        "    configCluster: payments-1\n    tls: {secretName: payments-tls}\n"
    )
    own = meshes.replaced(meshes.REMOTE.format(name="payments-1"), "external-istiod", "payments")
    (root / "clusters/payments-1").mkdir()
    (root / "clusters/payments-1/cluster.yaml").write_text(own)

    def namespaces(*words: str) -> set[str]:
        items = yaml.safe_load_all(run(root, *words, "--probe-namespace", "probe").stdout)
        return {item["metadata"]["namespace"] for item in items if item["kind"] == "Role"}

    assert namespaces("--cluster", "payments-1") == {"payments", "probe"}
    assert namespaces("--cluster", "remote-cluster-2") == {"external-istiod", "probe"}
    assert namespaces("--side", "config") == {"external-istiod", "payments", "probe"}


def test_a_service_account_can_have_them(root: Path) -> None:
    done = run(root, "--side", "external", "--check", "EXTCP-H05", "--service-account", "tools/bot")
    kinds = [item["kind"] for item in yaml.safe_load_all(done.stdout)]
    assert kinds == ["ServiceAccount", "Role", "RoleBinding"]


def test_its_namespace_is_told_and_not_printed_for_somebody_to_delete(root: Path) -> None:
    done = run(root, "--side", "external", "--check", "H05", "--service-account", "tools/bot")
    for words in (done.stdout, done.stderr):
        assert "kubectl create namespace tools\n" in words


def test_dry_runs_without_a_namespace_are_left_out_and_told(root: Path) -> None:
    done = run(root, "--side", "remote")
    assert "what these checks need to create Pods for a dry run: EXTCP-H10;" in done.stderr
    assert "--probe-namespace" in done.stderr


@pytest.mark.parametrize("word", ["EXTCP-H05", "h05", "secret-shape"])
def test_a_check_goes_by_its_code_and_its_name(root: Path, word: str) -> None:
    wanted = run(root, "--side", "external", "--check", "EXTCP-H05").stdout
    assert run(root, "--side", "external", "--check", word).stdout == wanted


def test_a_check_that_is_not_there_is_answered_with_those_that_are(root: Path) -> None:
    done = run(root, "--side", "external", "--check", "H99")
    assert "There is no check 'H99'; there are EXTCP-H01 endpoint, " in done.stderr
    assert "EXTCP-P08 webhooks." in done.stderr


def test_the_secrets_of_argocd_are_asked_for_where_they_are_the_source(root: Path) -> None:
    assert "secrets" not in run(root, "--side", "argocd").stdout
    assert "secrets" in run(root, "--side", "argocd", "--from-argocd").stdout
    header = "apiVersion: extcp-gitops.io/v1alpha1\nkind: Bot\n"
    (root / "bot.yaml").write_text(f"{header}source: argocd\n")
    assert "secrets" in run(root, "--side", "argocd").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("--side", "remote", "--check", "EXTCP-H99"),
        ("--side", "remote", "--service-account", "bot"),
        ("--side", "remote", "--service-account", "tools/Bot"),
        ("--side", "remote", "--probe-namespace", "a b"),
        ("--side", "moon"),
        ("--side", "remote", "--cluster", "remote-cluster-2"),
        (),
    ],
)
def test_what_is_no_such_thing_is_a_mistake_of_usage(root: Path, words: tuple[str, ...]) -> None:
    done = run(root, *words)
    assert done.exit_code == 2
    assert done.stdout == ""


def test_a_cluster_that_is_not_there_is_named(root: Path) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-I015"):
        run(root, "--cluster", "another")


def test_a_control_plane_that_is_not_there_is_named(root: Path) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-I017"):
        run(root, "--side", "external", "--control-plane", "another")
    words = ("--side", "external", "--check", "EXTCP-H05", "--control-plane", "external-istiod")
    assert run(root, *words).exit_code == 0


def test_what_is_written_is_granted_on_request(root: Path) -> None:
    assert "delete" not in run(root, "--side", "external").stdout
    granted = run(root, "--side", "external", "--credentials").stdout
    assert "delete" in granted
    assert "credential deliver" in granted
    remote = run(root, "--cluster", "remote-cluster-2", "--credentials").stdout
    assert "istio-reader-service-account-istio-remote-secret-token" in remote
    assert "credential rotate" not in remote
    remote = run(root, "--cluster", "remote-cluster-2", "--rotation").stdout
    assert "credential rotate" in remote
    assert "delete" not in run(root, "--side", "argocd", "--credentials").stdout


def test_a_candidate_needs_roles_of_its_own_before_it_joins(root: Path) -> None:
    done = run(root, "--side", "candidate", "--check", "EXTCP-P07")
    everywhere, in_default = yaml.safe_load_all(done.stdout)
    assert in_default["metadata"]["namespace"] == "default"
    rules = {tuple(rule.get("resourceNames", ())): rule["verbs"] for rule in everywhere["rules"]}
    assert rules == {(): ["create"], ("extcp-bot-probe",): ["get", "delete"]}


def test_what_a_candidate_meets_in_members_is_among_their_roles(root: Path) -> None:
    done = run(root, "--side", "remote", "--check", "EXTCP-P06")
    (role,) = yaml.safe_load_all(done.stdout)
    assert [rule["resources"] for rule in role["rules"]] == [["nodes"], ["pods"]]
