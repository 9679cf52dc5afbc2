"""Certificates for the tests: authorities and the serving certificates that they sign."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

VALID_DAYS = 2
INTERMEDIATE_DAYS = 365
ROOT_DAYS = 3650

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str


def pem(key: PrivateKey) -> str:
    """A private key as PKCS#8."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def rsa_key() -> rsa.RSAPrivateKey:
    """A key that also signs service-account tokens."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _builder(
    subject: str,
    issuer: x509.Name,
    key: PrivateKey,
    begin: dt.datetime | None = None,
    days: int = VALID_DAYS,
) -> x509.CertificateBuilder:
    begin = begin or dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=days))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _to_pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


_CA_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A certificate authority; its root is public, its key stays in this object."""

    def __init__(self, name: str) -> None:
        self._key = rsa_key()
        self._certificate = (
            _builder(name, _name(name), self._key, days=ROOT_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_CA_USAGE, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )

    @property
    def root(self) -> str:
        """The root certificate, PEM."""
        return _to_pem(self._certificate)

    def serve(
        self, hosts: Sequence[str], begin: dt.datetime | None = None, days: int = VALID_DAYS
    ) -> Pair:
        """A serving certificate for host names and IP addresses, valid from now on or as told."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(hosts[0], self._certificate.subject, key, begin, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Pair(_to_pem(certificate), pem(key))

    def intermediate(self, name: str) -> Pair:
        """A signing certificate below this root, such as a mesh's plugged-in CA."""
        key = rsa_key()
        certificate = (
            _builder(name, self._certificate.subject, key, days=INTERMEDIATE_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_CA_USAGE, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return Pair(_to_pem(certificate), pem(key))
