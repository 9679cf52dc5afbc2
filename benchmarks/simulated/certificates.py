"""A CA of its own for each simulated cluster, as real ones have; elliptic, for there are many."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.e2e.testbed.pki import Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIFE = dt.timedelta(days=2)
_CURVE = ec.SECP256R1()


class Serving(NamedTuple):
    """What an API server presents, and the PEM that vouches for it."""

    root: str
    pair: Pair


def serving(cluster: str, names: Sequence[str]) -> Serving:
    """A CA and a certificate that it signs.

    Args:
        cluster: Its name.
        names: For which the certificate is, beside 127.0.0.1.
    """
    authority, key = ec.generate_private_key(_CURVE), ec.generate_private_key(_CURVE)
    issuer = _name(f"CA of {cluster}")
    hosts = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), *map(x509.DNSName, names)]
    root = (
        _certificate(issuer, issuer, authority)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority, hashes.SHA256())
    )
    leaf = (
        _certificate(_name(cluster), issuer, key)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(authority, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pems = [each.public_bytes(Encoding.PEM).decode() for each in (root, leaf)]
    return Serving(pems[0], Pair(pems[1], secret.decode()))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + _LIFE)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
