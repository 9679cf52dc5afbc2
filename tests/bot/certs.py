"""Chains of certificates of any length, dates and names, right or wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID

from tests.e2e.testbed.pki import Pair, pem

DAY = timedelta(days=1)


class Issuer:
    """A CA, which signs itself or is signed by another one.

    Args:
        name: Its common name.
        parent: Who signs it.
        age: Days since it became valid; less than nothing for the future.
        days: How long it is valid from then on.

    Attributes:
        pem: Its certificate.
    """

    def __init__(
        self, name: str, parent: Issuer | None = None, *, age: float = 1, days: float = 10
    ) -> None:
        self._name, self._key = _name(name), ec.generate_private_key(ec.SECP256R1())
        built = _builder(self._name, self._key, age, days).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.pem = (parent or self).sign(built)

    def serve(self, *hosts: str, age: float = 1, days: float = 10, garbage: bytes = b"") -> Pair:
        """A serving certificate; without hosts it has a common name, and no other.

        Args:
            hosts: DNS names.
            age: As for the issuer.
            days: As for the issuer.
            garbage: In place of the names.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        built = _builder(_name("server"), key, age, days)
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            built = built.add_extension(names, critical=False)
        if garbage:
            oid = ExtensionOID.SUBJECT_ALTERNATIVE_NAME
            nonsense = x509.UnrecognizedExtension(oid, garbage)
            built = built.add_extension(nonsense, critical=False)
        return Pair(self.sign(built), pem(key))

    def sign(self, built: x509.CertificateBuilder) -> str:
        """A certificate, PEM."""
        signed = built.issuer_name(self._name).sign(self._key, hashes.SHA256())
        return signed.public_bytes(Encoding.PEM).decode()


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, age: float, days: float
) -> x509.CertificateBuilder:
    begin = datetime.now(UTC) - age * DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + days * DAY)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
