"""The way to one API server, and the credential, which shows itself to nobody."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN: Final = "***"
_SHORTEST: Final = 12
_TELLING: Final = 16
_LONG_WORD: Final = re.compile(rf"\S{{{_SHORTEST},}}")


class Secret:
    """A text that no format, log or traceback shows; :meth:`reveal` is for the wire alone."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text
        for word in _LONG_WORD.findall(text):
            for form in (word, *_encoded(word)):
                _KNOWN.setdefault(form[:_SHORTEST], set()).add(form)

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


_KNOWN: Final[dict[str, set[str]]] = {}
"""All secrets of this process by how they begin, word by word, as they are and in base64.

So that no server can make us print what we sent to it, or read elsewhere.
"""


def hide(text: str) -> str:
    """The text with ``***`` for each secret that this process has held, also where its end is cut.

    A thousand tokens cost one look at each place of the text, and no search for each.
    """
    return _LONG_WORD.sub(_hidden, text)


def _hidden(match: re.Match[str]) -> str:
    word, shown, at, rest = match[0], "", 0, 0
    begins = [word[at : at + _SHORTEST] for at in range(len(word) - _SHORTEST + 1)]
    if _KNOWN.keys().isdisjoint(begins):  # nearly always, and quick to see
        return word
    while at <= len(word) - _SHORTEST:
        forms = _KNOWN.get(word[at : at + _SHORTEST], ())
        known = max((_length(form, word, at) for form in forms), default=0)
        if known:
            shown += word[rest:at] + HIDDEN
            rest = at = at + known
        else:
            at += 1
    return shown + word[rest:]


def _length(form: str, word: str, at: int) -> int:
    """How much of a secret begins there; 0 for so little that anything might begin so."""
    found = len(os.path.commonprefix((form, word[at : at + len(form)])))  # noqa: RUF071 - no paths
    return found if found >= min(len(form), _TELLING) else 0


def _encoded(word: str) -> Iterator[str]:
    """What every base64 of a text with the word in it holds, wherever in it the word begins."""
    raw = word.encode("utf-8", "surrogatepass")
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw).decode()
        # The characters at both ends depend on what stands there, too.
        inner = whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        if len(inner) >= _SHORTEST:
            yield inner


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
    proxy: str | None = field(default=None, repr=False)
    origin: str = ""

    @property
    def host(self) -> str:
        """The server without scheme and path, for people."""
        return self.server.partition("://")[2].partition("/")[0]
