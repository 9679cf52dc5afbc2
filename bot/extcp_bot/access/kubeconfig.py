"""kubeconfigs, which may run programs and read files, and therefore are read with suspicion.

The rule is Istio's own for remote secrets (``sanitizeKubeConfig``) and Flux's for kubeconfigs that
they are handed: exec and auth-provider plugins are refused unless a person asks for them; a
kubeconfig that comes from a cluster names no files.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from extcp_bot.access.model import Access, Secret
from extcp_bot.kube.failure import CannotLookError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_BYTES: Final = 1 << 20
_PLUGINS: Final = ("exec", "auth-provider")
_ALLOW: Final = "--allow-exec-kubeconfig"


class RefusedError(CannotLookError):
    """The kubeconfig is not one that the bot uses."""


@dataclass(frozen=True, slots=True)
class Trust:
    """How far a kubeconfig is trusted.

    Attributes:
        plugins: It may run a program to get a credential.
        files: Relative file references start here; None refuses all file references.
    """

    plugins: bool = False
    files: Path | None = None


def of_context(context: str, *, allow_exec: bool) -> Access:
    """The access that one context of the person's kubeconfig files gives.

    Args:
        context: Its name.
        allow_exec: Let it run a program to get a credential.

    Raises:
        RefusedError: There is no such context, or it is not one that the bot uses.
    """
    origin = f"context {context}"
    files = os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    found: dict[str, tuple[Any, Path]] = {}
    for name in filter(None, files.split(os.pathsep)):
        for kind, entries in _entries(Path(name)).items():
            for entry_name, entry in entries.items():
                # The first file that names it wins, as for kubectl.
                found.setdefault(f"{kind}/{entry_name}", (entry, Path(name).parent))
    if f"contexts/{context}" not in found:
        raise RefusedError(
            f"the kubeconfig has no context '{context}'",
            "see 'kubectl config get-contexts', or set KUBECONFIG",
            origin,
        )
    chosen = _mapping(found[f"contexts/{context}"][0], origin)
    cluster, cluster_base = found.get(f"clusters/{chosen.get('cluster')}", ({}, Path()))
    user, user_base = found.get(f"users/{chosen.get('user')}", ({}, Path()))
    return _Reader(origin).access(
        _mapping(cluster, origin),
        _mapping(user, origin),
        Trust(allow_exec, cluster_base),
        Trust(allow_exec, user_base),
    )


def of_document(document: object, origin: str) -> Access:
    """The access of a kubeconfig that came from a cluster: inline credentials and nothing else.

    Args:
        document: As parsed; its current context counts.
        origin: Where it came from, for messages.

    Raises:
        RefusedError: It is not one that istiod, or the bot, would use.
    """
    top = _mapping(document, origin)
    context = _named(top, "contexts", "context", top.get("current-context"), origin)
    cluster = _named(top, "clusters", "cluster", context.get("cluster"), origin)
    user = _named(top, "users", "user", context.get("user"), origin)
    return _Reader(origin).access(cluster, user, Trust(), Trust())


class _Reader:
    def __init__(self, origin: str) -> None:
        self._origin = origin

    def access(
        self, cluster: Mapping[str, Any], user: Mapping[str, Any], of_cluster: Trust, of_user: Trust
    ) -> Access:
        server = self._server(cluster)
        insecure = cluster.get("insecure-skip-tls-verify") is True
        if insecure and of_cluster.files is None:
            raise self._refused("it verifies no certificate", "give it the cluster's CA")
        plugin = next((name for name in _PLUGINS if user.get(name)), None)
        if plugin and not of_user.plugins:
            raise self._refused(
                f"it runs a program to get its credential ({plugin})", f"allow that with {_ALLOW}"
            )
        if plugin == "exec":
            from extcp_bot.access.plugin import credential  # noqa: PLC0415 - seldom wanted

            user = {**user, **credential(user["exec"], server, self._origin)}
        token = self._text(user, "token", "tokenFile", of_user, encoded=False)
        key = self._text(user, "client-key-data", "client-key", of_user)
        return Access(
            server=server,
            ca=self._text(
                cluster, "certificate-authority-data", "certificate-authority", of_cluster
            ),
            token=Secret(token.strip()) if token else None,
            certificate=self._text(user, "client-certificate-data", "client-certificate", of_user),
            key=Secret(key) if key else None,
            tls_server_name=_string(cluster.get("tls-server-name")),
            insecure=insecure,
            proxy=_string(cluster.get("proxy-url")) if of_cluster.files else None,
            origin=self._origin,
        )

    def _server(self, cluster: Mapping[str, Any]) -> str:
        server = _string(cluster.get("server")) or ""
        if not is_server(server):
            raise self._refused("it names no https server", "write it as https://host:port")
        return server.rstrip("/")

    def _text(
        self,
        entry: Mapping[str, Any],
        inline: str,
        reference: str,
        trust: Trust,
        *,
        encoded: bool = True,
    ) -> str | None:
        """A value that stands in the entry itself, or in a file that it names."""
        if value := _string(entry.get(inline)):
            return self._decoded(value, inline) if encoded else value
        name = _string(entry.get(reference))
        if not name:
            return None
        if trust.files is None:
            raise self._refused(f"it names a file ({reference})", "put the content in its place")
        try:
            return _content(trust.files / name)
        except (OSError, ValueError):
            raise self._refused(f"the file of {reference} cannot be read", "mend it") from None

    def _decoded(self, value: str, name: str) -> str:
        try:
            return base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise self._refused(f"{name} is not base64 of a text", "mend it") from None

    def _refused(self, why: str, remedy: str) -> RefusedError:
        return RefusedError(f"{self._origin}: {why}", remedy, self._origin)


def is_server(url: str) -> bool:
    """Whether this is an https URL that a credential may be sent to: a host, a port, a path."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0  # a port that is none raises
    except ValueError:
        return False
    return (
        has_host and parts.scheme == "https" and not set("@?#\\") & set(url) and url.isprintable()
    )


def _entries(path: Path) -> dict[str, dict[str, Any]]:
    """Entries of one kubeconfig file by kind and name; a file that is not there has none."""
    import yaml  # noqa: PLC0415 - only where there is a kubeconfig

    origin = f"kubeconfig {path}"
    try:
        document = yaml.safe_load(_content(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        raise RefusedError(f"{origin} cannot be read", "mend it", origin) from None
    top = _mapping(document or {}, origin)
    kinds = {"contexts": "context", "clusters": "cluster", "users": "user"}
    return {
        kind: {
            str(item.get("name")): item.get(key)
            for item in top.get(kind) or []
            if isinstance(item, dict)
        }
        for kind, key in kinds.items()
    }


def _named(
    top: Mapping[str, Any], kind: str, key: str, name: object, origin: str
) -> Mapping[str, Any]:
    for item in top.get(kind) or []:
        if isinstance(item, dict) and item.get("name") == name:
            return _mapping(item.get(key), origin)
    raise RefusedError(f"{origin}: it has no {key} '{name}'", "mend it", origin)


def _mapping(value: object, origin: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise RefusedError(f"{origin}: it is no kubeconfig", "mend it", origin)


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _content(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise ValueError("too large")
    return raw.decode()
