"""What is wrong with bot.yaml is said with its place, to the bot and to ``validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory import bot_file
from extcp_gitops.inventory.bot_schema import BOT_FILE
from extcp_gitops.inventory.load import load
from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "apiVersion: extcp-gitops.io/v1alpha1\nkind: Bot\n"
INVENTORY = load(meshes.mesh()).inventory


def refused(root: Path, text: str, header: str = HEADER) -> tuple[str, str, str]:
    (root / BOT_FILE).write_text(header + text)
    (finding,) = bot_file.check(root, INVENTORY)
    with pytest.raises(ExtcpError) as caught:
        bot_file.read(root, INVENTORY)
    assert caught.value.findings == (finding,)
    return finding.location, finding.code, f"{finding.message}; {finding.remedy}"


def test_nothing_is_wrong_without_the_file(tmp_path: Path) -> None:
    assert bot_file.read(tmp_path, INVENTORY) is None
    assert bot_file.check(tmp_path, INVENTORY) == ()


def test_what_is_right_is_read(tmp_path: Path) -> None:
    (tmp_path / BOT_FILE).write_text(f"{HEADER}source: argocd\n")
    document = bot_file.read(tmp_path, INVENTORY)
    assert document is not None
    assert document.data["source"] == "argocd"
    assert bot_file.check(tmp_path, INVENTORY) == ()


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


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / BOT_FILE).write_text(f"{HEADER}sourc: argocd\nchecks: {{certificateDays: 0}}\n")
    found = bot_file.check(tmp_path, INVENTORY)
    assert [finding.code for finding in found] == ["EXTCP-B001", "EXTCP-B004"]


def test_the_file_of_another_release_is_refused(tmp_path: Path) -> None:
    place, code, _ = refused(tmp_path, "", "apiVersion: extcp-gitops.io/v2\nkind: Bot\n")
    assert (place, code) == ("bot.yaml:1:13", "EXTCP-B005")


def test_what_is_no_yaml_has_its_place(tmp_path: Path) -> None:
    place, code, _ = refused(tmp_path, "contexts: [\n")
    assert (place, code[:7]) == ("bot.yaml:4:1", "EXTCP-Y")


def test_a_link_out_of_the_repository_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(HEADER)
    (tmp_path / BOT_FILE).symlink_to("secret")
    assert [each.code for each in bot_file.check(tmp_path, INVENTORY)] == ["EXTCP-B008"]


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (tmp_path / BOT_FILE).mkdir()
    assert [each.code for each in bot_file.check(tmp_path, INVENTORY)] == ["EXTCP-B008"]
