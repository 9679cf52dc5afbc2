"""The Secrets of the external cluster by which istiod reaches its remote clusters."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.kube.failure import CannotLookError
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from extcp_bot.kube.answers import Object
    from extcp_bot.target import Target

LABEL: Final = "istio/multiCluster"
LABEL_VALUE: Final = "true"
CONFIG_SECRET: Final = "istio-kubeconfig"  # noqa: S105 - the name of a Secret
CONFIG_KEY: Final = "config"


@dataclass(frozen=True, slots=True)
class Credential:
    """One kubeconfig that istiod is given, and the Secret that holds it.

    Attributes:
        secret: Name of the Secret.
        namespace: Where it is.
        key: Of its data; for a remote cluster this is the cluster ID (facts F4).
        labels: Of the Secret.
        annotations: Of the Secret.
        created: RFC 3339.
        encoded: The kubeconfig as the Secret holds it, in base64.
    """

    secret: str
    namespace: str
    key: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    created: str
    encoded: str = field(repr=False)

    @property
    def place(self) -> str:
        """For people."""
        return f"Secret {self.namespace}/{self.secret}, key {self.key}"

    @property
    def is_labelled(self) -> bool:
        """Whether istiod takes the Secret for one of remote clusters."""
        return self.labels.get(LABEL) == LABEL_VALUE

    def document(self) -> Any:  # noqa: ANN401 - whatever a person put there
        """The kubeconfig as parsed; None where it is no YAML."""
        from extcp_gitops.yamlio.load import load_objects  # noqa: PLC0415 - yaml when needed

        try:
            documents = load_objects(base64.b64decode(self.encoded, validate=True))
        except (binascii.Error, ValueError, ExtcpError):
            return None
        return documents[0] if documents else None


async def remote(target: Target) -> list[Credential]:
    """The credentials in all labelled Secrets of the control plane's namespace.

    Raises:
        CannotLookError: The external cluster does not show them.
    """
    path = f"/api/v1/namespaces/{target.plane.namespace}/secrets"
    found = await target.external.list(path, labels=f"{LABEL}={LABEL_VALUE}")
    return [each for secret in found for each in of_object(secret)]


async def of_cluster(target: Target) -> list[Credential]:
    """The credentials by which istiod reaches this target's cluster, or was meant to.

    For the config cluster that of ``istio-kubeconfig``; for another one those whose key is its
    name, and where there is none, what the Secret of the usual name holds.

    Raises:
        CannotLookError: As for :func:`remote`.
    """
    name = target.cluster.name
    if target.is_config:
        return await named(target, CONFIG_SECRET)
    # Or each of a thousand clusters would go through the Secrets of all.
    by_key = await target.fleet.once(
        ("credentials", target.plane.namespace), lambda: _by_key(target)
    )
    return by_key.get(name) or await named(target, f"istio-remote-secret-{name}")


async def _by_key(target: Target) -> Mapping[str, list[Credential]]:
    found: dict[str, list[Credential]] = {}
    for credential in await remote(target):
        found.setdefault(credential.key, []).append(credential)
    return found


async def named(target: Target, secret: str) -> list[Credential]:
    """The credentials in one Secret of the control plane's namespace; none where it is not there.

    Raises:
        CannotLookError: As for :func:`remote`.
    """
    path = f"/api/v1/namespaces/{target.plane.namespace}/secrets/{secret}"
    found = await target.external.find(path)
    return of_object(found) if found else []


def of_object(secret: Object) -> list[Credential]:
    """The credentials in a Secret as the API server gave it, one for each key.

    Raises:
        CannotLookError: It holds no map of data.
    """
    metadata = secret["metadata"]
    data = secret.get("data") or {}
    if not isinstance(data, Mapping):
        raise CannotLookError("a Secret without a map of data", "look at the API server", "secrets")
    return [
        Credential(
            str(metadata.get("name")),
            str(metadata.get("namespace")),
            str(key),
            dict(metadata.get("labels") or {}),
            dict(metadata.get("annotations") or {}),
            str(metadata.get("creationTimestamp", "")),
            str(value),
        )
        for key, value in data.items()
    ]
