"""The Secrets of a remote cluster that it fills with tokens for istiod's ServiceAccount.

One is in the repository and Argo CD keeps it there: made empty, filled by the cluster. A second
one exists after every other rotation (:mod:`extcp_bot.credentials.rotate`), of which Argo CD knows
nothing. A token lives as long as its Secret
(https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from extcp_bot.access.model import Secret
from extcp_bot.credentials.model import refused, waiting
from extcp_bot.live import fields, identity
from extcp_gitops.render.bases import token_secret

if TYPE_CHECKING:
    from extcp_bot.kube.answers import Object
    from extcp_bot.kube.writes import Writer
    from extcp_bot.target import Target

TYPE: Final = "kubernetes.io/service-account-token"
ACCOUNT: Final = "kubernetes.io/service-account.name"
REPLACES: Final = "extcp-gitops.io/replaces"
"""Annotation of the second Secret: UID of the first one that it takes the place of."""
SUFFIX: Final = "-2"
_INTERVAL: Final = 0.25


@dataclass(frozen=True, slots=True)
class TokenSecret:
    """One of the two.

    Attributes:
        name: Its name.
        uid: Its UID.
        replaces: UID in the annotation of the second one; empty for the first.
        token: None until the cluster has filled it.
        ca: PEM of the roots that vouch for the API server; empty where it has none.
        raw: As it was read.
    """

    name: str
    uid: str
    replaces: str
    token: Secret | None
    ca: bytes
    raw: Object = field(repr=False)


def first_name(target: Target) -> str:
    """The name of the Secret that the repository makes."""
    return identity.account(target).token_secret


def second_name(target: Target) -> str:
    """The name of the Secret that the bot makes."""
    return f"{first_name(target)}{SUFFIX}"


def collection(target: Target) -> str:
    """The path of the API at which they are."""
    return f"/api/v1/namespaces/{target.plane.namespace}/secrets"


async def read(api: Writer, target: Target, name: str) -> TokenSecret | None:
    """One of them as it is now; None where it is not there.

    Raises:
        HeldError: It is another one's Secret.
        CannotLookError: The cluster does not show it.
    """
    found = await api.read(f"{collection(target)}/{name}")
    return None if found is None else _read(target, name, found)


async def filled(api: Writer, target: Target, name: str, seconds: float = 0.0) -> TokenSecret:
    """One of them, once the cluster has filled it.

    Args:
        api: Of the remote cluster.
        target: The remote cluster.
        name: Which one.
        seconds: How long to wait for it.

    Raises:
        HeldError: It is not there or not filled in that time, or it is another one's.
        CannotLookError: The cluster does not show it.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await read(api, target, name)
        if found is not None and found.token is not None:
            return found
        if asyncio.get_running_loop().time() >= deadline:
            break
        await asyncio.sleep(_INTERVAL)
    what = "does not have" if found is None else "has not filled"
    raise waiting(
        f"{target.cluster.name} {what} Secret {target.plane.namespace}/{name} yet",
        "Argo CD makes it and the cluster's token controller fills it; see EXTCP-H18 where it "
        "does not come",
    )


async def create_second(api: Writer, target: Target, first: TokenSecret) -> None:
    """Make the second one, empty; the cluster fills it.

    Raises:
        ConflictError: Somebody was faster.
        CannotLookError: The cluster may or may not have made it.
    """
    account = identity.account(target)
    made = token_secret(account.name, account.namespace)
    made["metadata"]["name"] = second_name(target)
    made["metadata"]["annotations"][REPLACES] = first.uid
    made["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "extcp-bot"}
    await api.create(collection(target), made)


def _read(target: Target, name: str, found: Object) -> TokenSecret:
    metadata = fields.mapping(found.get("metadata"))
    annotations = fields.mapping(metadata.get("annotations"))
    account = identity.account(target)
    if found.get("type") != TYPE or annotations.get(ACCOUNT) != account.name:
        raise refused(
            f"Secret {account.namespace}/{name} of {target.cluster.name} is none for a token of "
            f"ServiceAccount {account.name}",
            "delete it: Argo CD makes the right one",
        )
    data = fields.mapping(found.get("data"))
    token = _decoded(data.get("token")).decode("ascii", "replace").strip()
    if token and not token.isprintable():
        raise refused(
            f"Secret {account.namespace}/{name} of {target.cluster.name} holds no token that a "
            "header can",
            "delete it: it is made and filled anew",
        )
    return TokenSecret(
        name,
        fields.string(metadata.get("uid")),
        fields.string(annotations.get(REPLACES)),
        Secret(token) if token else None,
        _decoded(data.get("ca.crt")),
        found,
    )


def _decoded(value: object) -> bytes:
    try:
        return base64.b64decode(fields.string(value), validate=True)
    except (binascii.Error, ValueError):
        return b""
