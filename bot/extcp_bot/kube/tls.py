"""TLS contexts for API servers, without a key that stays behind on the disk."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from extcp_bot.kube.failure import CannotLookError

if TYPE_CHECKING:
    from extcp_bot.access.model import Access


def context(access: Access) -> ssl.SSLContext:
    """What verifies the server, and shows it the client certificate.

    Args:
        access: The way to the server.

    Raises:
        CannotLookError: The certificates of the access are no certificates.
    """
    try:
        made = ssl.create_default_context(cadata=access.ca)
        # API servers are given CAs without the extensions that this flag asks for (Python 3.13).
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if access.insecure:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        if access.certificate and access.key:
            _load(made, access.certificate, access.key.reveal())
    except (ssl.SSLError, ValueError) as error:
        raise CannotLookError(
            f"the certificates of {access.origin} cannot be used ({type(error).__name__})",
            "mend them where they come from",
            access.origin,
        ) from None
    return made


def _load(made: ssl.SSLContext, certificate: str, key: str) -> None:
    """Python reads a key from a file only; this one has no name for longer than it takes."""
    with tempfile.TemporaryDirectory(prefix="extcp-") as directory:
        path = Path(directory) / "pair.pem"
        path.touch(mode=0o600)
        path.write_text(f"{certificate.rstrip()}{os.linesep}{key}")
        made.load_cert_chain(path)
