"""The repository of a bot that was given none: where it is, by the arguments of its Pod.

It is cloned for each pass anew, for its inventory and ``bot.yaml``; what is proposed is made in a
clone of the pass's own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot import threads
from extcp_bot.forge.address import address
from extcp_bot.forge.open import open_forge
from extcp_gitops.gitremote import Remote
from extcp_gitops.giturl import parse_url

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_gitops.inventory.model import Forge

_OVER_HTTP: Final = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a repository is.

    Raises:
        ExtcpError: The URL is none that Git may be given (EXTCP-G001 to EXTCP-G003), or that of
            the API none that a token may go to (EXTCP-F002).

    Attributes:
        url: As Git takes it, without a credential.
        branch: To be cloned.
        forge: Its forge.
        api_url: Of the forge's API, where it is not at its usual place. ``bot.yaml``, which says so
            too, is only known once the repository is here.
        roots: PEM file with the roots of the forge's certificate; where there is no such file,
            those of the machine.
    """

    url: str
    branch: str
    forge: Forge
    api_url: str | None = None
    roots: Path | None = None

    def __post_init__(self) -> None:
        parse_url(self.url)
        if self.api_url is not None:
            address(self.forge, self.url, self.api_url)

    async def clone(self, directory: Path) -> None:
        """Clone its newest commit, with the credential that the environment holds.

        Args:
            directory: Does not exist, or is empty; absolute.

        Raises:
            ExtcpError: As ``open_forge`` and ``Remote.clone``.
            ForgeError: The forge gives no credential for Git.
        """
        roots = self.roots if self.roots and self.roots.is_file() else None
        credential = None
        if self.url.startswith(_OVER_HTTP):  # over SSH, Git has keys of its own
            forge = open_forge(self.forge, self.url, os.environ, api_url=self.api_url, roots=roots)
            try:
                credential = await forge.git_credential()
            finally:
                await forge.close()
        remote = Remote(self.url, credential, roots)
        await threads.run(remote.clone, directory, self.branch, 1)
