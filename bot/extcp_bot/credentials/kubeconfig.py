"""The kubeconfig in a remote secret, byte for byte as ``istioctl create-remote-secret`` writes it.

istiod compares the bytes with those it has (facts F2): other bytes of the same meaning would make
it read the whole cluster anew.
"""

from __future__ import annotations

import base64
import math
import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from extcp_gitops.yamlio.dump import scalar

if TYPE_CHECKING:
    from collections.abc import Callable

    from extcp_bot.access.model import Secret

_PLAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_INTEGER: Final = re.compile(r"[0-9]+|0x[0-9a-f]+|0o[0-7]+|0b[01]+")
_FLOAT: Final = re.compile(r"[0-9]+(e-?[0-9]+)?")
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Server:
    """How istiod reaches an API server.

    Attributes:
        url: ``https://host:port``, with an optional path.
        tls_name: The name to verify, where not that of the URL; empty for none.
    """

    url: str
    tls_name: str = ""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """The kubeconfig by which a token opens a cluster.

    Attributes:
        name: Of the cluster, of its user and of the context; without ``/``.
        server: Its API server.
        ca: The PEM that vouches for it.
        token: The bearer token; the rest is no secret.
    """

    name: str
    server: Server
    ca: bytes = field(repr=False)
    token: Secret

    def reveal(self) -> str:
        """YAML that ends with a newline, token and all: for the wire alone."""
        word = _scalar(self.name)
        authority = base64.b64encode(self.ca).decode()
        tls_name = self.server.tls_name
        lines = (
            "apiVersion: v1",
            "clusters:",
            "- cluster:",
            f"    certificate-authority-data: {authority}",
            f"    server: {scalar(self.server.url)}",
            *([f"    tls-server-name: {scalar(tls_name)}"] if tls_name else []),
            f"  name: {word}",
            "contexts:",
            "- context:",
            f"    cluster: {word}",
            f"    user: {word}",
            f"  name: {word}",
            f"current-context: {word}",
            "kind: Config",
            "users:",
            f"- name: {word}",
            "  user:",
            f"    token: {_token(self.token)}",
            "",
        )
        return "\n".join(lines)


def _token(token: Secret) -> str:
    plain = token.reveal()
    return _scalar(plain) if _PLAIN.fullmatch(plain) else scalar(plain)


def _scalar(name: str) -> str:
    """A cluster's name as Go's YAML writes it: quoted where YAML reads it as no text."""
    if _PLAIN.fullmatch(name) is None:
        return scalar(name)
    is_other = name in _WORDS or any(reads(name) for reads in _OTHERS)
    return f'"{name}"' if is_other else name


def _is_integer(name: str) -> bool:
    return _INTEGER.fullmatch(name) is not None


def _is_float(name: str) -> bool:
    return _FLOAT.fullmatch(name) is not None and math.isfinite(float(name))


def _is_date(name: str) -> bool:
    found = _DATE.fullmatch(name)
    if found is None:
        return False
    try:
        date(*map(int, found.groups()))
    except ValueError:
        return False
    return True


_OTHERS: Final[tuple[Callable[[str], bool], ...]] = (_is_integer, _is_float, _is_date)
