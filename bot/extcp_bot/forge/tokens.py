"""What the bot shows to the forge: from the environment or a file, never from an argument."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from extcp_bot.access.model import Secret
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN: Final = "EXTCP_FORGE_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE: Final = "EXTCP_FORGE_TOKEN_FILE"  # noqa: S105 - as above
APP_ID: Final = "EXTCP_GITHUB_APP_ID"
APP_KEY_FILE: Final = "EXTCP_GITHUB_APP_KEY_FILE"
APP_INSTALLATION: Final = "EXTCP_GITHUB_INSTALLATION_ID"
APP: Final = (APP_ID, APP_KEY_FILE, APP_INSTALLATION)
"""The variables that name a GitHub App."""
_LARGEST: Final = 64 << 10
_PRIVATE: Final = (
    "let nobody but its owner and group read it: chmod o-rwx FILE; of a Secret in a Pod, set "
    "defaultMode: 0440 and fsGroup"
)


@dataclass(frozen=True, slots=True)
class App:
    """An installation of a GitHub App.

    Attributes:
        identity: Of the App: its number, or its client ID.
        installation: Number of the installation.
        key: PEM of its private key.
    """

    identity: str
    installation: str
    key: Secret


def is_app(environment: Mapping[str, str]) -> bool:
    """Whether a GitHub App is named."""
    return any(environment.get(name) for name in APP)


def token(environment: Mapping[str, str]) -> Secret:
    """The token of the bot's account.

    Args:
        environment: Has EXTCP_FORGE_TOKEN, or EXTCP_FORGE_TOKEN_FILE with the path of a file.

    Raises:
        ExtcpError: EXTCP-F010 neither or both are set, EXTCP-F011 it cannot be a token, EXTCP-F012
            the file cannot be read, EXTCP-F013 others can read it.
    """
    given, file = environment.get(TOKEN, ""), environment.get(TOKEN_FILE, "")
    if bool(given) == bool(file):
        what = "both are" if given else "neither is"
        raise ExtcpError.of(
            "EXTCP-F010",
            f"a token for the forge is needed, and of {TOKEN} and {TOKEN_FILE} {what} set",
            f"set {TOKEN} to a token of the bot's account, or {TOKEN_FILE} to the path of a file "
            "with it",
        )
    text = given.strip() if given else _content(TOKEN_FILE, file).strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ExtcpError.of(
            "EXTCP-F011",
            f"what {TOKEN if given else TOKEN_FILE} gives cannot be a token",
            "give the token alone: one line without spaces",
        )
    return Secret(text)


def app(environment: Mapping[str, str]) -> App:
    """The GitHub App that acts.

    Args:
        environment: Has EXTCP_GITHUB_APP_ID, EXTCP_GITHUB_APP_KEY_FILE and
            EXTCP_GITHUB_INSTALLATION_ID.

    Raises:
        ExtcpError: EXTCP-F014 one of them lacks or is none, or a token is set, too; as for
            :func:`token` for the file.
    """
    identity, file, installation = (environment.get(name, "") for name in APP)
    others = [name for name in (TOKEN, TOKEN_FILE) if environment.get(name)]
    if not identity.isalnum() or not installation.isdecimal() or not file or others:
        raise ExtcpError.of(
            "EXTCP-F014",
            f"a GitHub App needs {', '.join(APP)}, and no token beside them",
            f"unset {' and '.join(others)}" if others else "set all three",
        )
    return App(identity, installation, Secret(_content(APP_KEY_FILE, file)))


def _content(variable: str, file: str) -> str:
    path = Path(file)
    try:
        with path.open("rb") as opened:
            raw = opened.read(_LARGEST)
            mode = path.stat().st_mode
        text = raw.decode("ascii")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ExtcpError.of(
            "EXTCP-F012",
            f"the file that {variable} names cannot be read: {why}",
            f"set {variable} to the path of a file that the bot may read",
        ) from None
    if mode & stat.S_IRWXO:
        raise ExtcpError.of(
            "EXTCP-F013", f"others can read the file that {variable} names", _PRIVATE
        )
    return text
