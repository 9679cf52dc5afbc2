"""Tokens of ServiceAccounts at another time of their life, signed with the cluster's own key."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    from .kubernetes import Cluster

_TIMES = ("iat", "nbf", "exp")


def aged(cluster: Cluster, token: str, *, hours: int) -> str:
    """The token as if it had been given out so many hours earlier; the cluster takes it."""
    head, body, _ = token.split(".")
    claims = json.loads(_decoded(body))
    claims.update({name: claims[name] - hours * 3600 for name in _TIMES})
    signed = f"{head}.{_encoded(json.dumps(claims).encode())}"
    pem = (cluster.directory / "accounts.key").read_bytes()
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_encoded(signature)}"


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
