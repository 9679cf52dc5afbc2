"""The way to one API server, and the credential, which shows itself to nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

HIDDEN: Final = "***"
_SHORTEST: Final = 12
_LONG_WORD: Final = re.compile(rf"\S{{{_SHORTEST}}}")


class Secret:
    """A text that no format, log or traceback shows; :meth:`reveal` is for the wire alone."""

    __slots__ = ("_text",)
    known: ClassVar[set[str]] = set()
    """All secrets of this process, so that a server cannot make us print what we sent to it."""

    def __init__(self, text: str) -> None:
        self._text = text
        if len(text) >= _SHORTEST:
            self.known.add(text)

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not to be copied out of this process")


def hide(text: str) -> str:
    """The text with ``***`` for each secret that this process has held."""
    if _LONG_WORD.search(text):
        for secret in Secret.known:
            text = text.replace(secret, HIDDEN)
    return text


@dataclass(frozen=True, slots=True)
class Access:
    """The way to one API server.

    Attributes:
        server: ``https://host:port`` with an optional path, without a trailing slash.
        ca: PEM of the roots; None for those of the system.
        token: Bearer token.
        certificate: PEM of a client certificate, with its key.
        key: PEM.
        tls_server_name: The name to ask for and to verify, where not that of the server.
        insecure: Verify nothing; only where the kubeconfig of a person says so.
        proxy: URL of an HTTP proxy.
        origin: Where this came from, for messages: ``context a``, ``Secret argocd/b``.
    """

    server: str
    ca: str | None = None
    token: Secret | None = None
    certificate: str | None = None
    key: Secret | None = None
    tls_server_name: str | None = None
    insecure: bool = False
    proxy: str | None = None
    origin: str = ""

    @property
    def host(self) -> str:
        """The server without scheme and path, for people."""
        return self.server.partition("://")[2].partition("/")[0]
