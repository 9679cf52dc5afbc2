from __future__ import annotations

import pytest

from extcp_bot.forge.address import Address, address
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory.model import Forge


@pytest.mark.parametrize(
    ("forge", "url", "expected"),
    [
        (Forge.GITHUB, "https://github.com/mesh/fleet.git", "https://api.github.com"),
        (Forge.GITHUB, "https://github.com/mesh/fleet", "https://api.github.com"),
        (Forge.GITHUB, "git@github.com:mesh/fleet.git", "https://api.github.com"),
        (Forge.GITHUB, "ssh://git@ssh.github.com:443/mesh/fleet.git", "https://api.github.com"),
        (Forge.GITHUB, "https://acme.ghe.com/mesh/fleet", "https://api.acme.ghe.com"),
        (Forge.GITHUB, "https://git.example.com/mesh/fleet", "https://git.example.com/api/v3"),
        (Forge.GITEA, "https://git.example.com/mesh/fleet", "https://git.example.com/api/v1"),
        (
            Forge.GITEA,
            "https://git.example.com:3000/mesh/fleet",
            "https://git.example.com:3000/api/v1",
        ),
        (Forge.GITEA, "https://example.com/git/mesh/fleet", "https://example.com/git/api/v1"),
        (Forge.GITEA, "http://127.0.0.1:3000/mesh/fleet", "http://127.0.0.1:3000/api/v1"),
        (
            Forge.GITEA,
            "ssh://git@git.example.com:2222/mesh/fleet.git",
            "https://git.example.com/api/v1",
        ),
        (Forge.GITLAB, "https://gitlab.com/mesh/fleet.git", "https://gitlab.com/api/v4"),
        (Forge.GITLAB, "git@altssh.gitlab.com:mesh/fleet.git", "https://gitlab.com/api/v4"),
    ],
)
def test_a_repositorys_url_leads_to_the_api(forge: Forge, url: str, expected: str) -> None:
    assert address(forge, url) == Address(expected, "mesh/fleet")


def test_groups_of_gitlab_can_be_deep() -> None:
    found = address(Forge.GITLAB, "https://gitlab.com/mesh/teams/eu/fleet.git")
    assert found == Address("https://gitlab.com/api/v4", "mesh/teams/eu/fleet")


def test_the_api_can_be_elsewhere() -> None:
    found = address(
        Forge.GITEA, "git@git.example.com:mesh/fleet.git", "https://api.example.com/v1/"
    )
    assert found == Address("https://api.example.com/v1", "mesh/fleet")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/mesh",
        "https://github.com/mesh/",
        "https://github.com//fleet",
        "https://github.com/mesh/..",
        "https://github.com/mesh/fleet%2F..",
        "https://github.com/mesh/.git",
        "file:///srv/mesh/fleet",
        "/srv/mesh/fleet",
    ],
)
def test_what_names_no_repository_is_refused(url: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-F001"):
        address(Forge.GITHUB, url)


@pytest.mark.parametrize("url", ["https://token@github.com/mesh/fleet", "http://github.com/a/b"])
def test_what_git_is_not_given_the_forge_is_not_either(url: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-G00"):
        address(Forge.GITHUB, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://git.example.com/api",
        "ftp://127.0.0.1/x",
        "https://user:token@git.example.com/api",
        "https:///api",
        "https://git.example.com/api?x=1",
        "https://git.example.com/api#x",
        "git.example.com",
        "https://[::1/api",
    ],
)
def test_a_token_goes_to_no_other_kind_of_api(url: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-F002") as caught:
        address(Forge.GITEA, "https://git.example.com/mesh/fleet", url)
    assert "token@" not in str(caught.value)


def test_a_forge_has_to_be_named() -> None:
    with pytest.raises(ExtcpError, match="EXTCP-F003") as caught:
        address(Forge.NONE, "https://git.example.com/mesh/fleet")
    assert caught.value.findings[0].remedy.startswith("set repository.forge in mesh.yaml to ")
    with pytest.raises(ExtcpError, match="EXTCP-F003"):
        address(Forge.NONE, "https://git.example.com/mesh/fleet", "https://api.example.com")
