"""The cluster Secrets of Argo CD: how it reaches the clusters that it deploys to.

Their form is Argo CD's (``ClusterConfig`` in pkg/apis/application/v1alpha1/types.go of 3.2); what
they hold is trusted as far as a kubeconfig that came from a cluster.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.access.kubeconfig import RefusedError, Trust, of_entries
from extcp_gitops.render.argocd import IN_CLUSTER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extcp_bot.access.model import Access
    from extcp_bot.access.plugin import Plugins
    from extcp_bot.kube.answers import Object
    from extcp_bot.kube.client import Client
    from extcp_gitops.inventory.model import Destination

LABEL: Final = "argocd.argoproj.io/secret-type=cluster"
IN_CLUSTER_NAME: Final = "in-cluster"
"""What Argo CD calls the cluster that it runs in where no Secret gives it another name."""

_PROXIES: Final = ("http://", "https://")
_NAME_CONTEXT: Final = "name a kubeconfig context for it: --context, or contexts in bot.yaml"


@dataclass(frozen=True, slots=True)
class Entry:
    """One cluster Secret.

    Attributes:
        origin: Which one, for messages.
        name: By which Argo CD knows the cluster.
        server: URL by which Argo CD knows it, without a trailing slash.
        config: JSON with the credential.
        labels: Of the Secret.
        annotations: Of the Secret.
    """

    origin: str
    name: str
    server: str
    config: str = field(repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict, repr=False)  # kubectl's copy


class Registry:
    """The clusters that an Argo CD knows.

    Args:
        secrets: Its cluster Secrets.
        home: The way to its own API server, which it knows by :data:`IN_CLUSTER`.
        plugins: Runs the programs that the Secrets name; None refuses to.

    Attributes:
        entries: Its cluster Secrets, whatever they hold.
    """

    def __init__(
        self, secrets: Sequence[Object], home: Access, plugins: Plugins | None = None
    ) -> None:
        self.entries = tuple(map(_entry, secrets))
        self._home = home
        self._plugins = plugins

    def access(self, destination: Destination) -> Access:
        """The access to the cluster that an Application's destination names.

        Raises:
            RefusedError: Argo CD has no such cluster, or its credential is not one that the bot
                uses.
            CannotLookError: Its plugin gives no credential.
        """
        if destination.server is not None:
            key, wanted = "server", destination.server.rstrip("/")
        else:
            key, wanted = "name", str(destination.name)
        found = [entry for entry in self.entries if getattr(entry, key) == wanted]
        if not found and wanted in {IN_CLUSTER, IN_CLUSTER_NAME}:
            return self._home
        if len(found) != 1:
            number = "several clusters" if found else "no cluster"
            raise RefusedError(
                f"Argo CD has {number} with the {key} {wanted}",
                f"see 'argocd cluster list'; or {_NAME_CONTEXT}",
                f"cluster Secrets of {self._home.host}",
            )
        return self.of(found[0])

    def of(self, entry: Entry) -> Access:
        """The access that one of the Secrets gives; raises as :meth:`access`."""
        if entry.server == IN_CLUSTER:  # a name that only Pods of that cluster can resolve
            return self._home
        config = _config(entry)
        _require_usable(config, entry.origin)
        tls = config.get("tlsClientConfig")
        cluster, user = _translated(entry, config, tls if isinstance(tls, Mapping) else {})
        found = of_entries(cluster, user, entry.origin, Trust(), Trust(self._plugins))
        proxy = config.get("proxyUrl")
        if isinstance(proxy, str) and proxy.startswith(_PROXIES):
            return replace(found, proxy=proxy)
        return found


async def read(
    api: Client, namespace: str, home: Access, plugins: Plugins | None = None
) -> Registry:
    """Read all cluster Secrets of an Argo CD.

    Args:
        api: Asks its API server.
        namespace: Where it lives.
        home: The way to its API server.
        plugins: As for :class:`Registry`.

    Raises:
        CannotLookError: The API server does not show them.
    """
    secrets = await api.list(f"/api/v1/namespaces/{namespace}/secrets", labels=LABEL)
    return Registry(secrets, home, plugins)


def _entry(secret: Object) -> Entry:
    metadata = secret["metadata"]
    data = secret.get("data")
    name, server, config = (_decoded(data, key) for key in ("name", "server", "config"))
    origin = f"Secret {metadata.get('namespace')}/{metadata.get('name')}"
    labels, annotations = (metadata.get(key) or {} for key in ("labels", "annotations"))
    return Entry(origin, name, server.rstrip("/"), config, labels, annotations)


def _decoded(data: object, key: str) -> str:
    value = data.get(key) if isinstance(data, dict) else None
    try:
        return base64.b64decode(value or "", validate=True).decode()
    except (binascii.Error, ValueError, TypeError):
        return ""


def _config(entry: Entry) -> Mapping[str, Any]:
    try:
        found = json.loads(entry.config)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    raise RefusedError(
        f"{entry.origin}: its config is no JSON object", "register the cluster again", entry.origin
    )


def _require_usable(config: Mapping[str, Any], origin: str) -> None:
    if config.get("awsAuthConfig"):
        raise RefusedError(
            f"{origin}: Argo CD gets this credential from AWS as its own Pod (awsAuthConfig)",
            _NAME_CONTEXT,
            origin,
        )


def _translated(
    entry: Entry, config: Mapping[str, Any], tls: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the Secret says as a kubeconfig's cluster and user would."""
    cluster = {
        "server": entry.server,
        "certificate-authority-data": tls.get("caData"),
        "tls-server-name": tls.get("serverName"),
        "insecure-skip-tls-verify": tls.get("insecure"),
    }
    user = {
        "token": config.get("bearerToken"),
        "client-certificate-data": tls.get("certData"),
        "client-key-data": tls.get("keyData"),
        "username": config.get("username"),
        "password": config.get("password"),
        "exec": _plugin(config.get("execProviderConfig")),
    }
    return cluster, user


def _plugin(provider: object) -> object:
    """The ``exec`` of a kubeconfig; there the variables are a list of names and values."""
    if not isinstance(provider, dict):
        return provider
    variables = provider.get("env")
    if not isinstance(variables, dict):
        return {**provider, "env": []}
    return {**provider, "env": [{"name": name, "value": variables[name]} for name in variables]}
