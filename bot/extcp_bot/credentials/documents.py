"""The remote secret as documents for Git: a reference to it, or its encrypted form, never clear.

They lie in ``clusters/<name>/credential/``. With a kustomization.yaml there, the generator gives
the cluster an Application that applies them to the external cluster. What SOPS encrypts, Argo CD
cannot read by itself, so that it gets none: a plugin of Argo CD, or a person, decrypts and applies
it.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.credentials import sealed, sops
from extcp_bot.credentials.remote_secret import CLUSTER, key_of, name_of
from extcp_bot.live import credentials
from extcp_gitops.errors import ExtcpError
from extcp_gitops.yamlio.dump import dump
from extcp_gitops.yamlio.load import load_objects

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extcp_bot.credentials.model import RemoteSecret
    from extcp_bot.target import Target

    Object = dict[str, Any]

KUSTOMIZATION: Final = "kustomization.yaml"
FINGERPRINT: Final = "extcp-gitops.io/sealed-from"
"""Annotation that says which token a SealedSecret holds, and nothing of the token itself."""
_REFRESH: Final = "1h"


class Form(enum.StrEnum):
    """What the document is."""

    EXTERNAL_SECRET = "external-secret"  # noqa: S105 - the name of a kind
    """A reference, which External Secrets Operator follows (https://external-secrets.io)."""
    SEALED_SECRET = "sealed-secret"  # noqa: S105 - the name of a kind
    """Encrypted for the controller of Sealed Secrets."""
    SOPS = "sops"
    """Encrypted for whom ``.sops.yaml`` names."""


@dataclass(frozen=True, slots=True)
class Store:
    """Where External Secrets Operator finds the kubeconfig.

    Attributes:
        name: Of the SecretStore.
        kind: ``ClusterSecretStore`` or ``SecretStore``.
        key: Under which the store has it; ``{cluster}`` stands for the cluster's name.
        property: Of a key that holds several; empty for none.
    """

    name: str
    kind: str = "ClusterSecretStore"
    key: str = "istio-remote-secret-{cluster}"
    property: str = ""


def directory(target: Target) -> str:
    """Where the documents of a cluster are, relative to the repository."""
    return f"{target.cluster.directory}/credential"


def external_secret(target: Target, store: Store) -> Mapping[str, bytes]:
    """Files with a reference; nothing is asked of any cluster.

    Args:
        target: A remote cluster.
        store: Where the kubeconfig is; somebody has to have put it there.

    Raises:
        HeldError: The cluster's name cannot be the key of a Secret.
    """
    name, namespace = name_of(target), target.plane.namespace
    reference = {"key": store.key.replace("{cluster}", target.cluster.name)}
    if store.property:
        reference["property"] = store.property
    labels, annotations = _metadata(target)
    item: Object = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "refreshInterval": _REFRESH,
            "secretStoreRef": {"kind": store.kind, "name": store.name},
            "target": {
                "name": name,
                "creationPolicy": "Owner",
                "template": {
                    "type": "Opaque",
                    "metadata": {"labels": labels, "annotations": annotations},
                },
            },
            "data": [{"secretKey": key_of(target), "remoteRef": reference}],
        },
    }
    return _applied(target, Form.EXTERNAL_SECRET, item)


def sealed_secret(
    target: Target, secret: RemoteSecret, certificate: bytes, before: bytes | None = None
) -> Mapping[str, bytes]:
    """Files with a SealedSecret.

    Args:
        target: A remote cluster.
        secret: What it is to hold.
        certificate: PEM of the controller's.
        before: The document that is there; it stays where it holds this token for this
            certificate, for the same value is encrypted to another text each time.

    Raises:
        ExtcpError: EXTCP-B060.
    """
    fingerprint = _fingerprint(secret, certificate)
    if before is not None and _is_of(before, fingerprint):
        return _files(target, Form.SEALED_SECRET, before)
    plain = secret.kubeconfig.reveal().encode()
    value = sealed.seal(certificate, secret.namespace, secret.name, plain)
    place = {"name": secret.name, "namespace": secret.namespace}
    item: Object = {
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": {**place, "annotations": {FINGERPRINT: fingerprint}},
        "spec": {
            "encryptedData": {secret.key: value},
            "template": {
                "type": "Opaque",
                "metadata": {
                    **place,
                    "labels": dict(secret.labels),
                    "annotations": dict(secret.annotations),
                },
            },
        },
    }
    return _applied(target, Form.SEALED_SECRET, item)


def sops_file(
    target: Target, secret: RemoteSecret, root: Path, recipients: str = ""
) -> Mapping[str, bytes]:
    """A file that SOPS has encrypted.

    Args:
        target: A remote cluster.
        secret: What it is to hold.
        root: The repository.
        recipients: Of age, in place of what ``.sops.yaml`` says.

    Raises:
        ExtcpError: As :func:`extcp_bot.credentials.sops.encrypt`.
    """
    path = path_of(target, Form.SOPS)
    return {path: sops.encrypt(root, path, secret.as_object(), recipients)}


def path_of(target: Target, form: Form) -> str:
    """Where the document is, relative to the repository."""
    name = "remote-secret.sops.yaml" if form is Form.SOPS else f"{form.value}.yaml"
    return f"{directory(target)}/{name}"


def _applied(target: Target, form: Form, item: Object) -> Mapping[str, bytes]:
    return _files(target, form, dump(item).encode())


def _files(target: Target, form: Form, document: bytes) -> Mapping[str, bytes]:
    """The document, and what makes Argo CD apply it."""
    path = path_of(target, form)
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [path.rpartition("/")[2]],
    }
    return {
        f"{directory(target)}/{KUSTOMIZATION}": dump(kustomization).encode(),
        path: document,
    }


def _metadata(target: Target) -> tuple[Mapping[str, str], Mapping[str, str]]:
    labels = {} if target.is_config else {credentials.LABEL: credentials.LABEL_VALUE}
    return labels, {CLUSTER: target.cluster.name}


def _fingerprint(secret: RemoteSecret, certificate: bytes) -> str:
    """Of all that the document depends on, but for the token, which its Secret's UID stands for."""
    config = secret.kubeconfig
    parts = (
        secret.token_uid.encode(),
        config.server.url.encode(),
        config.server.tls_name.encode(),
        config.ca,
        certificate,
    )
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _is_of(document: bytes, fingerprint: str) -> bool:
    try:
        (item,) = load_objects(document)
        found = item["metadata"]["annotations"][FINGERPRINT]
    except (ExtcpError, ValueError, LookupError, TypeError):
        return False
    return bool(found == fingerprint)
