"""Opens the forge that an inventory names, with what the environment holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_bot.forge import tokens
from extcp_bot.forge.address import address
from extcp_bot.forge.gitea import Gitea
from extcp_bot.forge.http import Http, Limits
from extcp_gitops.errors import ExtcpError
from extcp_gitops.inventory.model import Forge as Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extcp_bot.access.model import Secret
    from extcp_bot.forge.http import Headers
    from extcp_bot.forge.model import Forge


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
        ExtcpError: EXTCP-F001 to EXTCP-F003, as ``address.address`` says; EXTCP-F010 to EXTCP-F014,
            as ``tokens.py`` says.
    """
    found = address(forge, repository_url, api_url)
    if tokens.is_app(environment) and forge is not Kind.GITHUB:
        raise ExtcpError.of("EXTCP-F014", "a GitHub App acts on GitHub alone", "set a token")
    token = tokens.token(environment)
    match forge:
        case Kind.GITEA:
            shown = _shown("Authorization", "token ", token)
            return Gitea(Http(found.api, shown, roots=roots, limits=limits), found.path, token)
    raise ExtcpError.of("EXTCP-F003", f"the bot does not act on {forge}", "use Gitea")


def _shown(name: str, kind: str, token: Secret) -> Headers:
    """A header that shows a token."""

    async def headers() -> Mapping[str, str]:
        return {name: f"{kind}{token.reveal()}"}

    return headers
