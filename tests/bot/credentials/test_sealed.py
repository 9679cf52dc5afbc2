from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from extcp_bot.credentials.sealed import seal
from extcp_gitops.errors import ExtcpError
from tests import meshes

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = "what nobody may see: ä".encode()


class Controller:
    """The other end: a key, its certificate, and how it undoes what was sealed for it."""

    def __init__(self, *, days: int = 30) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sealed-secrets")])
        now = datetime.now(UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .sign(self.key, hashes.SHA256())
        )
        self.certificate = built.public_bytes(Encoding.PEM)

    def unseal(self, text: str, namespace: str, name: str) -> bytes:
        """As docs/developer/crypto.md of Sealed Secrets says."""
        raw = base64.b64decode(text, validate=True)
        length = int.from_bytes(raw[:2], "big")
        wrapped, sealed = raw[2 : 2 + length], raw[2 + length :]
        label = f"{namespace}/{name}".encode()
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label)
        return AESGCM(self.key.decrypt(wrapped, oaep)).decrypt(bytes(12), sealed, None)


@pytest.fixture(scope="module")
def controller() -> Controller:
    return Controller()


def test_the_controller_undoes_it(controller: Controller) -> None:
    sealed = seal(controller.certificate, "a", "b", PLAIN)
    assert controller.unseal(sealed, "a", "b") == PLAIN


def test_each_time_it_is_another_text(controller: Controller) -> None:
    texts = {seal(controller.certificate, "a", "b", PLAIN) for _ in range(3)}
    assert len(texts) == 3


@pytest.mark.parametrize(("namespace", "name"), [("a", "c"), ("c", "b"), ("", "a/b")])
def test_as_another_secret_nobody_undoes_it(
    controller: Controller, namespace: str, name: str
) -> None:
    sealed = seal(controller.certificate, "a", "b", PLAIN)
    with pytest.raises((ValueError, InvalidTag)):
        controller.unseal(sealed, namespace, name)


def test_nothing_of_it_is_there_in_clear(controller: Controller) -> None:
    raw = base64.b64decode(seal(controller.certificate, "a", "b", PLAIN))
    assert PLAIN[:8] not in raw


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (lambda: b"no certificate", "no certificate in PEM"),
        (lambda: meshes.certificate().encode(), "not for an RSA key"),
        (lambda: Controller(days=-1).certificate, "not valid now"),
    ],
)
def test_certificates_that_nobody_should_use(certificate: Callable[[], bytes], words: str) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-B060") as error:
        seal(certificate(), "a", "b", PLAIN)
    assert words in str(error.value)
