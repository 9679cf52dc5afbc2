"""Public certificates in PEM: what may stand in the inventory, and what must never."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cryptography import x509

if TYPE_CHECKING:
    from datetime import datetime

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")


def problem(text: str) -> tuple[str, str, str] | None:
    """Say why a text is not a bundle of certificates.

    Args:
        text: What stands in the inventory or in a file that a person named.

    Returns:
        Code, message and remedy; None when the text holds certificates and nothing else.
    """
    labels = _BLOCK.findall(text)
    if any("PRIVATE KEY" in label for label in labels):
        return (
            "EXTCP-I022",
            "a private key stands here; treat it as lost, since Git forgets nothing",
            "remove it, make a new key, and give only certificates",
        )
    if not labels or set(labels) != {"CERTIFICATE"}:
        return ("EXTCP-I021", "not a PEM certificate", "give '-----BEGIN CERTIFICATE-----' blocks")
    try:
        certificates = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return (
            "EXTCP-I021",
            "a certificate here cannot be decoded",
            "copy the PEM file again, whole",
        )
    if len(certificates) != len(labels):
        return ("EXTCP-I021", "a certificate here is not whole", "copy the PEM file again, whole")
    return None


def root_problem(text: str, now: datetime) -> tuple[str, str, str] | None:
    """Say why certificates cannot be roots to verify against, now.

    For where a root is pinned: what is generated must not depend on the day.

    Args:
        text: In which ``problem`` finds none.
        now: With a time zone.

    Returns:
        Code, message and remedy; None when each of them can be one.
    """
    for certificate in x509.load_pem_x509_certificates(text.encode()):
        name = certificate.subject.rfc4514_string()
        if certificate.not_valid_after_utc < now:
            day = certificate.not_valid_after_utc.date()
            return (
                "EXTCP-I032",
                f"the certificate '{name}' has expired on {day}",
                "give only roots that are valid; a plugged-in CA may need a new one first",
            )
        if not _can_sign(certificate):
            return (
                "EXTCP-I033",
                f"the certificate '{name}' is no certificate authority's, so it verifies nobody",
                "give the root that signed istiod's certificate, such as root-cert.pem",
            )
    return None


def _can_sign(certificate: x509.Certificate) -> bool:
    """As its basic constraints say; without them a root is known by having signed itself."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.issuer == certificate.subject
    except ValueError:  # extensions that no verifier could decode either
        return False


def normalise(text: str) -> str:
    """Certificates only, without the notes between them, in the order given.

    Raises:
        ValueError: The text is no bundle of certificates; ask ``problem`` first.
    """
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    certificates = x509.load_pem_x509_certificates(text.encode())
    return "".join(c.public_bytes(Encoding.PEM).decode() for c in certificates)
