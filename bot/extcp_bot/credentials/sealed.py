"""Encryption that the controller of Sealed Secrets can undo, and nobody else.

Its format (https://github.com/bitnami-labs/sealed-secrets, docs/developer/crypto.md): a session key
that is used once, encrypted with RSA-OAEP for the controller's certificate, then the value,
encrypted with that key by AES-256-GCM. What OAEP is told as its label ties the value to namespace
and name, so that nobody can have it decrypted as another Secret.
"""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_KEY_BYTES: Final = 32
_NONCE: Final = bytes(12)  # of a key that is used once
_LENGTH_BYTES: Final = 2
_FETCH: Final = "give the PEM that 'kubeseal --fetch-cert' prints"


def seal(certificate: bytes, namespace: str, name: str, plain: bytes) -> str:
    """A value of a SealedSecret of the strict scope.

    Args:
        certificate: PEM of the controller's.
        namespace: Of the Secret.
        name: Of the Secret.
        plain: What the Secret is to hold.

    Returns:
        For ``spec.encryptedData``; another text each time.

    Raises:
        ExtcpError: EXTCP-B060 for what is no certificate with an RSA key that is valid now.
    """
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - seldom wanted
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    public = _public_key(certificate)
    session = os.urandom(_KEY_BYTES)
    label = f"{namespace}/{name}".encode()
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label)
    wrapped = public.encrypt(session, oaep)
    sealed = AESGCM(session).encrypt(_NONCE, plain, None)
    length = len(wrapped).to_bytes(_LENGTH_BYTES, "big")
    return base64.b64encode(length + wrapped + sealed).decode()


def _public_key(certificate: bytes) -> RSAPublicKey:
    from cryptography import x509  # noqa: PLC0415 - seldom wanted
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415

    try:
        found = x509.load_pem_x509_certificate(certificate)
        key = found.public_key()
    except ValueError:
        raise _unusable("is no certificate in PEM") from None
    if not isinstance(key, RSAPublicKey):
        raise _unusable("is not for an RSA key")
    if not found.not_valid_before_utc <= datetime.now(UTC) <= found.not_valid_after_utc:
        raise _unusable("is not valid now, so the controller uses another one")
    return key


def _unusable(why: str) -> ExtcpError:
    message = f"the certificate of the Sealed Secrets controller {why}"
    return ExtcpError.of("EXTCP-B060", message, _FETCH)
