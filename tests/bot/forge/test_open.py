from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_bot.forge.gitea import Gitea
from extcp_bot.forge.github import GitHub
from extcp_bot.forge.gitlab import GitLab
from extcp_bot.forge.open import open_forge
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory.model import Forge as Kind
from tests.bot.forge.github_server import APP_KEY
from tests.e2e.testbed.pki import pem

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://git.example.com/mesh/fleet.git"
TOKEN = {"EXTCP_FORGE_TOKEN": "canary-0123456789-canary"}


@pytest.mark.parametrize(
    ("kind", "made"), [(Kind.GITEA, Gitea), (Kind.GITHUB, GitHub), (Kind.GITLAB, GitLab)]
)
def test_the_inventory_says_what_forge_it_is(kind: Kind, made: type) -> None:
    assert isinstance(open_forge(kind, URL, TOKEN), made)


@pytest.mark.parametrize("kind", [Kind.GITEA, Kind.GITHUB, Kind.GITLAB])
def test_without_a_token_nothing_opens(kind: Kind) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-F010"):
        open_forge(kind, URL, {})


def test_without_a_forge_nothing_opens() -> None:
    with pytest.raises(ExtcpError, match="EXTCP-F003"):
        open_forge(Kind.NONE, URL, TOKEN)


@pytest.mark.parametrize("kind", [Kind.GITEA, Kind.GITLAB])
def test_an_app_is_for_github(kind: Kind, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    key.write_text(pem(APP_KEY))
    app = {
        "EXTCP_GITHUB_APP_ID": "4711",
        "EXTCP_GITHUB_APP_KEY_FILE": str(key),
        "EXTCP_GITHUB_INSTALLATION_ID": "815",
    }
    with pytest.raises(ExtcpError, match="EXTCP-F014") as caught:
        open_forge(kind, URL, app)
    assert "unset EXTCP_GITHUB_APP_ID" in caught.value.findings[0].remedy
    assert isinstance(open_forge(Kind.GITHUB, URL, app), GitHub)
