"""Public certificates in PEM: what may stand in the inventory, and what must never."""

from __future__ import annotations

import re

from cryptography import x509

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


def normalise(text: str) -> str:
    """Certificates only, without the notes between them, in the order given.

    Raises:
        ValueError: The text is no bundle of certificates; ask ``problem`` first.
    """
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    certificates = x509.load_pem_x509_certificates(text.encode())
    return "".join(c.public_bytes(Encoding.PEM).decode() for c in certificates)
