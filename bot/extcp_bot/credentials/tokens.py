"""The Secrets of a remote cluster that it fills with tokens for istiod's ServiceAccount.

One is in the repository and Argo CD keeps it there: made empty, filled by the cluster. Each
rotation (:mod:`extcp_bot.credentials.rotate`) makes one of a number that was never used, of which
Argo CD knows nothing. A token says the name of its Secret, the ServiceAccount and its UID, and
nothing else that could differ: a Secret made anew under the same name holds the same token, and
what was revoked by deleting it is valid again. So no name is used twice, for which the last number
is noted on the ServiceAccount, whose UID makes all tokens others once it is made anew; and the
first Secret, which Argo CD would make anew, stays and is marked, whereupon API servers refuse its
token (Kubernetes 1.29 and newer,
https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from extcp_bot.access.model import Secret
from extcp_bot.credentials.model import refused, waiting
from extcp_bot.live import claims, fields, identity
from extcp_gitops.render.bases import token_secret

if TYPE_CHECKING:
    from extcp_bot.kube.answers import Object
    from extcp_bot.kube.writes import Writer
    from extcp_bot.target import Target

TYPE: Final = "kubernetes.io/service-account-token"
ACCOUNT: Final = "kubernetes.io/service-account.name"
INVALID: Final = "kubernetes.io/legacy-token-invalid-since"
"""Label with a date; whose Secret bears it, the token of that Secret is refused."""
LAST: Final = "extcp-gitops.io/last-token"
"""Annotation of the ServiceAccount: the highest number that a rotation has used."""
_INTERVAL: Final = 0.25
_LONGEST: Final = 6


@dataclass(frozen=True, slots=True)
class TokenSecret:
    """One of them.

    Attributes:
        name: Its name.
        uid: Its UID.
        is_invalid: Whether it is marked, so that its token is refused.
        token: None until the cluster has filled it.
        ca: PEM of the roots that vouch for the API server; empty where it has none.
        raw: As it was read.
    """

    name: str
    uid: str
    is_invalid: bool
    token: Secret | None
    ca: bytes
    raw: Object = field(repr=False)


def first_name(target: Target) -> str:
    """The name of the Secret that the repository makes."""
    return identity.account(target).token_secret


def name_of(target: Target, number: int) -> str:
    """The name of the Secret of a number; 1 is the one that the repository makes."""
    return first_name(target) if number == 1 else f"{first_name(target)}-{number}"


def number_of(target: Target, token: Secret) -> int:
    """The number of the Secret that a token says it lives in; 0 where it is none of these."""
    said = claims.read(token)
    first, name = first_name(target), said.secret if said else ""
    if name == first:
        return 1
    digits = name.removeprefix(f"{first}-")
    return _number(digits) if name != digits else 0


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


async def filled(
    api: Writer, target: Target, name: str, seconds: float = 0.0, instead: str = ""
) -> TokenSecret:
    """One of them, once the cluster has filled it.

    Args:
        api: Of the remote cluster.
        target: The remote cluster.
        name: Which one.
        seconds: How long to wait for it.
        instead: What to do first where its token is out of use, as a remedy; empty for nothing.

    Raises:
        HeldError: It is not there, out of use or not filled in that time, or it is another one's.
        CannotLookError: The cluster does not show it.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await read(api, target, name)
        if found is not None and found.is_invalid:
            account = identity.account(target)
            anew = (
                f"delete ServiceAccount {account.namespace}/{account.name} there, which ends all "
                "of its tokens for ever: Argo CD makes it and its Secret anew"
            )
            raise refused(
                f"Secret {target.plane.namespace}/{name} of {target.cluster.name} is marked as "
                "invalid, as a rotation leaves it",
                f"{instead}; or, where it cannot, {anew}" if instead else anew,
            )
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


async def create(api: Writer, target: Target, number: int) -> None:
    """Make one, empty; the cluster fills it.

    Raises:
        ConflictError: Somebody was faster.
        CannotLookError: The cluster may or may not have made it.
    """
    account = identity.account(target)
    made = token_secret(account.name, account.namespace)
    made["metadata"]["name"] = name_of(target, number)
    made["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "extcp-bot"}
    await api.create(collection(target), made)


async def last(api: Writer, target: Target) -> int:
    """The highest number that a rotation has used for the ServiceAccount; 0 where none is noted.

    Raises:
        CannotLookError: The cluster does not show it.
    """
    found = await api.read(_account_path(target))
    return _number(fields.string(fields.at(found, "metadata", "annotations", LAST)))


async def note(api: Writer, target: Target, number: int) -> None:
    """Note a number as the highest that was used.

    Raises:
        CannotLookError: The cluster may or may not have done it.
    """
    await api.merge(_account_path(target), {"metadata": {"annotations": {LAST: str(number)}}})


async def retire(api: Writer, target: Target, old: TokenSecret) -> None:
    """Take the token of one out of use for ever.

    Raises:
        ConflictError: It is another one by now.
        CannotLookError: The cluster may or may not have done it.
    """
    path = f"{collection(target)}/{old.name}"
    if old.name == first_name(target):
        today = target.fleet.now().date().isoformat()
        await api.merge(path, {"metadata": {"labels": {INVALID: today}}})
    else:
        # The API server notes on it each day that its token is used.
        await api.delete(path, old.raw, unchanged=False)


def _account_path(target: Target) -> str:
    account = identity.account(target)
    return f"/api/v1/namespaces/{account.namespace}/serviceaccounts/{account.name}"


def _number(digits: str) -> int:
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= _LONGEST
    return int(digits) if is_number else 0


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
        bool(fields.mapping(metadata.get("labels")).get(INVALID)),
        Secret(token) if token else None,
        _decoded(data.get("ca.crt")),
        found,
    )


def _decoded(value: object) -> bytes:
    try:
        return base64.b64decode(fields.string(value), validate=True)
    except (binascii.Error, ValueError):
        return b""
