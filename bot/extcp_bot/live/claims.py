"""What a bearer token says of itself, read without verification: the API server verifies it."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.live import fields

if TYPE_CHECKING:
    from extcp_bot.access.model import Secret

_LONGEST: Final = 1 << 16
_PARTS: Final = 3
# Of the token in a Secret of type kubernetes.io/service-account-token, which never expires.
_LEGACY_SECRET: Final = "kubernetes.io/serviceaccount/secret.name"  # noqa: S105 - a claim
_LEGACY_UID: Final = "kubernetes.io/serviceaccount/service-account.uid"


@dataclass(frozen=True, slots=True)
class Claims:
    """What is of use here of the claims of a JSON Web Token (RFC 7519).

    Attributes:
        subject: Who it is for; ``system:serviceaccount:NAMESPACE:NAME`` for a ServiceAccount.
        issued: Since when; None where it does not say.
        expires: Until when; None where it does not expire.
        account_uid: UID of the ServiceAccount; empty where it does not say.
        secret: Name of the Secret that it lives in; empty for one that ends.
    """

    subject: str
    issued: datetime | None
    expires: datetime | None
    account_uid: str
    secret: str = ""


def read(token: Secret) -> Claims | None:
    """The claims of a token; None where it is no JSON Web Token, which no rule asks for."""
    text = token.reveal()
    parts = text.split(".")
    if len(parts) != _PARTS or len(text) > _LONGEST:
        return None
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        said = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    return Claims(
        fields.string(said.get("sub")),
        _time(said.get("iat")),
        _time(said.get("exp")),
        _account_uid(said),
        fields.string(said.get(_LEGACY_SECRET)),
    )


def _account_uid(said: dict[str, Any]) -> str:
    bound = fields.at(said, "kubernetes.io", "serviceaccount", "uid")
    return fields.string(bound or said.get(_LEGACY_UID))


def _time(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
