"""kubeconfigs, which may run programs and read files, and therefore are read with suspicion.

The rule is Istio's own for remote secrets (``sanitizeKubeConfig``) and Flux's for kubeconfigs that
they are handed: exec plugins are refused unless a person asks for them; a kubeconfig that comes
from a cluster names no files.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from extcp_bot.access.metadata import is_metadata
from extcp_bot.access.model import Access, Secret
from extcp_bot.kube.failure import CannotLookError
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.access.plugin import Plugins

_MAX_BYTES: Final = 1 << 20
_MAX_KUBECONFIG_BYTES: Final = 32 << 20  # a thousand clusters with their CAs and tokens
_ALLOW: Final = "--allow-exec-kubeconfig"


class RefusedError(CannotLookError):
    """The kubeconfig is not one that the bot uses."""


@dataclass(frozen=True, slots=True)
class Trust:
    """How far a kubeconfig is trusted.

    Attributes:
        plugins: Runs a program to get a credential; None refuses to.
        files: Relative file references start here; None refuses all file references, and a
            connection that verifies nothing.
    """

    plugins: Plugins | None = None
    files: Path | None = None


class Contexts:
    """The kubeconfig files of a person, read once however many contexts are asked for.

    Args:
        entries: What a context, a cluster or a user says and the directory of its file, by
            ``contexts/NAME``, ``clusters/NAME`` or ``users/NAME``.
        plugins: As for :class:`Trust`.
    """

    def __init__(
        self, entries: Mapping[str, tuple[object, Path]], plugins: Plugins | None = None
    ) -> None:
        self._entries = entries
        self._plugins = plugins

    @classmethod
    def read(cls, plugins: Plugins | None = None) -> Self:
        """Read the files of ``KUBECONFIG``, else ``~/.kube/config``; none of them has to exist.

        Args:
            plugins: As for :class:`Trust`.

        Raises:
            RefusedError: One of them is no kubeconfig.
        """
        files = os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")  # noqa: PTH111 - Path's raises where there is no home
        found: dict[str, tuple[object, Path]] = {}
        for path in map(Path, filter(None, files.split(os.pathsep))):
            for name, entry in _entries(path).items():
                # The first file that names it wins, as for kubectl.
                found.setdefault(name, (entry, path.parent))
        return cls(found, plugins)

    def __contains__(self, context: str) -> bool:
        return f"contexts/{context}" in self._entries

    def access(self, context: str) -> Access:
        """The access that a context gives; runs its plugin where it has one.

        Raises:
            RefusedError: There is no such context, or it is not one that the bot uses.
            CannotLookError: Its plugin gives no credential.
        """
        origin = f"context {context}"
        if context not in self:
            raise RefusedError(
                f"the kubeconfig has no context '{context}'",
                "see 'kubectl config get-contexts', or set KUBECONFIG",
                origin,
            )
        chosen = _mapping(self._entries[f"contexts/{context}"][0], origin)
        cluster, of_cluster = self._named("clusters", chosen.get("cluster"), origin)
        user, of_user = self._named("users", chosen.get("user"), origin)
        return of_entries(cluster, user, origin, of_cluster, of_user)

    def _named(self, kind: str, name: object, origin: str) -> tuple[Mapping[str, Any], Trust]:
        key = f"{kind}/{_string(name) or ''}"
        if key not in self._entries:
            what = f"{origin}: the kubeconfig has no {kind[:-1]} '{_string(name) or ''}'"
            raise RefusedError(what, "mend it", origin)
        entry, directory = self._entries[key]
        return _mapping(entry, origin), Trust(self._plugins, directory)


def of_context(context: str, *, allow_exec: bool) -> Access:
    """The access of one context alone; for several, read :class:`Contexts` once.

    Args:
        context: Its name.
        allow_exec: Let it run a program to get a credential.

    Raises:
        RefusedError: As for :class:`Contexts`.
        CannotLookError: As for :meth:`Contexts.access`.
    """
    from extcp_bot.access.plugin import Plugins  # noqa: PLC0415 - seldom wanted

    return Contexts.read(Plugins() if allow_exec else None).access(context)


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
    return of_entries(cluster, user, origin, Trust(), Trust())


def of_entries(
    cluster: Mapping[str, Any],
    user: Mapping[str, Any],
    origin: str,
    of_cluster: Trust,
    of_user: Trust,
) -> Access:
    """The access of a kubeconfig's cluster and user.

    Args:
        cluster: The fields of a kubeconfig's cluster.
        user: Those of a user.
        origin: Where they came from, for messages.
        of_cluster: How far the cluster's are trusted.
        of_user: How far the user's are.

    Raises:
        RefusedError: They are not such as the bot uses.
        CannotLookError: A plugin gives no credential.
    """
    return _Reader(origin).access(cluster, user, of_cluster, of_user)


class _Reader:
    def __init__(self, origin: str) -> None:
        self._origin = origin

    def access(
        self, cluster: Mapping[str, Any], user: Mapping[str, Any], of_cluster: Trust, of_user: Trust
    ) -> Access:
        server = self._server(cluster, of_cluster)
        insecure = cluster.get("insecure-skip-tls-verify") is True
        if insecure and of_cluster.files is None:
            raise self._refused("it verifies no certificate", "give it the cluster's CA")
        user = self._with_credential(user, server, of_user)
        token = self._token(user, of_user)
        key = self._text(user, "client-key-data", "client-key", of_user)
        return Access(
            server=server,
            ca=self._text(
                cluster, "certificate-authority-data", "certificate-authority", of_cluster
            ),
            token=token,
            certificate=self._text(user, "client-certificate-data", "client-certificate", of_user),
            key=Secret(key) if key else None,
            tls_server_name=_string(cluster.get("tls-server-name")),
            insecure=insecure,
            proxy=_string(cluster.get("proxy-url")) if of_cluster.files is not None else None,
            origin=self._origin,
        )

    def _with_credential(
        self, user: Mapping[str, Any], server: str, trust: Trust
    ) -> Mapping[str, Any]:
        """The user with what its plugin prints, where it has one."""
        if user.get("auth-provider"):
            raise self._refused(
                "it gets its credential from an auth-provider, which Kubernetes 1.26 took away",
                "make it again with a token or an exec plugin",
            )
        if any(user.get(name) for name in ("as", "as-uid", "as-groups", "as-user-extra")):
            raise self._refused("it acts as another user (as)", "use the other user's credential")
        if user.get("username") or user.get("password"):
            raise self._refused(
                "it logs in with a password, which Kubernetes 1.19 took away", "give it a token"
            )
        plugin = user.get("exec")
        if not plugin:
            return user
        if trust.plugins is None:
            raise self._refused(
                "it runs a program to get its credential (exec)", f"allow that with {_ALLOW}"
            )
        found = trust.plugins.credential(plugin, server, self._origin, trust.files)
        return {**user, **found}

    def _server(self, cluster: Mapping[str, Any], trust: Trust) -> str:
        server = _string(cluster.get("server")) or ""
        if not is_server(server):
            raise self._refused("it names no https server", "write it as https://host:port")
        if trust.files is None and is_metadata(urlsplit(server).hostname or ""):
            raise self._refused("its server is link-local", "name the API server's own address")
        return server.rstrip("/")

    def _token(self, user: Mapping[str, Any], trust: Trust) -> Secret | None:
        token = (self._text(user, "token", "tokenFile", trust, encoded=False) or "").strip()
        if not (token.isascii() and token.isprintable()):
            raise self._refused("its token holds what no header can", "make it again")
        return Secret(token) if token else None

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
        name = _string(entry.get(reference))
        if name and trust.files is None:
            raise self._refused(f"it names a file ({reference})", "put the content in its place")
        if value := _string(entry.get(inline)):
            return self._decoded(value, inline) if encoded else value
        if name is None or trust.files is None:
            return None
        try:
            return _content(trust.files / name, _MAX_BYTES).decode()
        except (OSError, ValueError):
            raise self._refused(f"the file of {reference} cannot be read", "mend it") from None

    def _decoded(self, value: str, name: str) -> str:
        try:
            # Line breaks are YAML's, where it is written over several lines.
            return base64.b64decode("".join(value.split()), validate=True).decode()
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
        has_host and parts.scheme == "https" and not set("@?#\\ ") & set(url) and url.isprintable()
    )


def _entries(path: Path) -> dict[str, object]:
    """Entries of one kubeconfig file by kind and name; a file that is not there has none."""
    from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml when needed

    origin = f"kubeconfig {path}"
    try:
        documents = load_objects(_content(path, _MAX_KUBECONFIG_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, ExtcpError):
        raise RefusedError(f"{origin} cannot be read", "mend it", origin) from None
    top = documents[0] if documents else {}
    found: dict[str, object] = {}
    for kind, key in (("contexts", "context"), ("clusters", "cluster"), ("users", "user")):
        for item in _items(top, kind):
            if name := _string(item.get("name")):
                found.setdefault(f"{kind}/{name}", item.get(key))
    return found


def _items(top: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    listed = top.get(kind)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _named(
    top: Mapping[str, Any], kind: str, key: str, name: object, origin: str
) -> Mapping[str, Any]:
    wanted = _string(name)  # anything else may be larger than memory, once it is compared or shown
    for item in _items(top, kind):
        if wanted is not None and _string(item.get("name")) == wanted:
            return _mapping(item.get(key), origin)
    raise RefusedError(f"{origin}: it has no {key} '{wanted or ''}'", "mend it", origin)


def _mapping(value: object, origin: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise RefusedError(f"{origin}: it is no kubeconfig", "mend it", origin)


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _content(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise ValueError("too large")
    return raw
