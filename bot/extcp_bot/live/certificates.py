"""Certificates in the terms in which Go, and so each API server and proxy, judges them."""

from __future__ import annotations

import functools
import hashlib
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

if TYPE_CHECKING:
    from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate; two are equal where their bytes are.

    Attributes:
        der: All of it.
        subject: Whose it is, as RFC 4514 writes it.
        issuer: Who signed it.
        begin: From when on it is valid.
        end: Until when.
        hosts: DNS names and IP addresses that it is for; the common name is none, as for Go.
    """

    der: bytes = field(repr=False)
    subject: str = field(compare=False)
    issuer: str = field(compare=False)
    begin: datetime = field(compare=False)
    end: datetime = field(compare=False)
    hosts: tuple[str, ...] = field(compare=False)

    @classmethod
    def of(cls, read: x509.Certificate) -> Self:
        """A certificate as ``cryptography`` reads it.

        Raises:
            ValueError: There are things in it that no certificate says.
        """
        return cls(
            read.public_bytes(Encoding.DER),
            read.subject.rfc4514_string(),
            read.issuer.rfc4514_string(),
            read.not_valid_before_utc,
            read.not_valid_after_utc,
            _hosts(read),
        )

    @property
    def fingerprint(self) -> str:
        """The beginning of the SHA-256 of it, enough for people to tell two apart."""
        return hashlib.sha256(self.der).hexdigest()[:16]

    @property
    def life(self) -> timedelta:
        """How long it is valid as a whole."""
        return self.end - self.begin

    def is_for(self, host: str) -> bool:
        """Whether a client that calls ``host`` takes it (RFC 6125, as Go has it)."""
        try:
            wanted = str(ipaddress.ip_address(host))
        except ValueError:
            wanted = host.lower().removesuffix(".")
            return any(_matches(name.lower(), wanted) for name in self.hosts)
        return wanted in self.hosts


def of_der(der: bytes) -> Certificate:
    """One certificate.

    Raises:
        ValueError: It is none.
    """
    return Certificate.of(x509.load_der_x509_certificate(der))


def of_pem(text: str) -> tuple[Certificate, ...]:
    """The certificates of a bundle, in its order; none for an empty text.

    Raises:
        ValueError: Something else stands there, or a certificate that cannot be read.
    """
    return _of_pem(text) if text.strip() else ()


@functools.lru_cache(maxsize=64)
def _of_pem(text: str) -> tuple[Certificate, ...]:
    """A thousand clusters show the same few bundles, each several times."""
    return tuple(map(Certificate.of, x509.load_pem_x509_certificates(text.encode())))


def named(certificates: tuple[Certificate, ...]) -> str:
    """A bundle for people."""
    if not certificates:
        return "none"
    return ", ".join(f"{each.subject} ({each.fingerprint})" for each in certificates)


def _hosts(read: x509.Certificate) -> tuple[str, ...]:
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension):
        return ()
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


def _matches(name: str, host: str) -> bool:
    first, _, rest = name.partition(".")
    if first == "*":
        return bool(rest) and host.partition(".")[2] == rest
    return name == host
