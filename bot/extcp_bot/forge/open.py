"""Opens the forge that an inventory names, with what the environment holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.forge import tokens
from extcp_bot.forge.address import address
from extcp_bot.forge.gitea import Gitea
from extcp_bot.forge.github import GitHub, Person, headers
from extcp_bot.forge.github_app import AppInstallation
from extcp_bot.forge.gitlab import GitLab
from extcp_bot.forge.http import Http
from extcp_bot.forge.wire import Limits
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory.model import Forge as Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extcp_bot.access.model import Secret
    from extcp_bot.forge.address import Address
    from extcp_bot.forge.github import Identity
    from extcp_bot.forge.model import Forge
    from extcp_bot.forge.wire import Headers

_GITHUB_PAUSE: Final = 1.0
"""Seconds between writes that GitHub asks for (docs.github.com, "Best practices for using the REST
API")."""


def open_forge(
    forge: Kind,
    repository_url: str,
    environment: Mapping[str, str],
    *,
    api_url: str | None = None,
    roots: Path | None = None,
    limits: Limits | None = None,
) -> Forge:
    """The repository on its forge; nothing is asked yet.

    Open it anew for each pass: a token from a file is read here.

    Args:
        forge: Its kind, from the inventory.
        repository_url: From the inventory.
        environment: With a token, or what names a GitHub App (``tokens.py``).
        api_url: Of the API, where it is not at its usual place.
        roots: PEM file with the roots that its certificate is verified against; those of the
            machine by default.
        limits: What it may cost.

    Returns:
        To be closed at the end.

    Raises:
        ExtcpError: EXTCP-F001 to EXTCP-F003, as ``address.address`` says; EXTCP-F010 to EXTCP-F015,
            as ``tokens.py`` says.
    """
    found = address(forge, repository_url, api_url)
    if forge is Kind.GITHUB:
        return _github(found, environment, roots, limits)
    if tokens.is_app(environment):
        raise ExtcpError.of(
            "EXTCP-F014",
            "a GitHub App acts on GitHub alone",
            f"unset {', '.join(tokens.APP)}, and set {tokens.TOKEN} or {tokens.TOKEN_FILE}",
        )
    token = tokens.token(environment)
    if forge is Kind.GITLAB:
        http = Http(found.api, _shown("PRIVATE-TOKEN", "", token), roots=roots, limits=limits)
        return GitLab(http, found.path, token)
    http = Http(found.api, _shown("Authorization", "token ", token), roots=roots, limits=limits)
    return Gitea(http, found.path, token)


def _github(
    found: Address, environment: Mapping[str, str], roots: Path | None, limits: Limits | None
) -> GitHub:
    limits = limits or Limits(between_writes=_GITHUB_PAUSE)
    identity: Identity
    if tokens.is_app(environment):
        identity = AppInstallation(tokens.app(environment), found.api, roots, limits)
    else:
        identity = Person(tokens.token(environment))

    async def shown() -> Mapping[str, str]:
        return await headers(await identity.token())

    return GitHub(Http(found.api, shown, roots=roots, limits=limits), found.path, identity)


def _shown(name: str, kind: str, token: Secret) -> Headers:
    """A header that shows a token."""

    async def headers() -> Mapping[str, str]:
        return {name: f"{kind}{token.reveal()}"}

    return headers
