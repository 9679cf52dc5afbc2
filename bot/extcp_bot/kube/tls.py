"""TLS contexts for API servers, without a key that stays behind on the disk."""

from __future__ import annotations

import functools
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from extcp_bot.kube.failure import CannotLookError

if TYPE_CHECKING:
    from extcp_bot.access.model import Access

_SHARED: Final = 128


def context(access: Access) -> ssl.SSLContext:
    """What verifies the server, and shows it the client certificate.

    Args:
        access: The way to the server.

    Raises:
        CannotLookError: The certificates of the access are no certificates.
    """
    try:
        if access.certificate and access.key:
            made = _made(access.ca, insecure=access.insecure)
            _load(made, access.certificate, access.key.reveal())
            return made
        return _shared(access.ca, insecure=access.insecure)
    # TypeError is what Python says of a CA with characters beyond ASCII.
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise CannotLookError(
            f"the certificates of {access.origin} cannot be used ({type(error).__name__})",
            "mend them where they come from",
            access.origin,
        ) from None


def _made(ca: str | None, *, insecure: bool) -> ssl.SSLContext:
    made = ssl.create_default_context(cadata=ca)
    # As kubectl and istiod verify, in Go: API servers are given CAs without the extensions that the
    # first flag asks for (Python 3.13), and any certificate of the bundle may end a chain.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


# To read the system's roots takes as long as a handful of requests.
_shared = functools.lru_cache(maxsize=_SHARED)(_made)


def _load(made: ssl.SSLContext, certificate: str, key: str) -> None:
    """Python reads a key from a file only; this one has no name for longer than it takes."""
    with tempfile.TemporaryDirectory(prefix="extcp-") as directory:
        path = Path(directory) / "pair.pem"
        path.touch(mode=0o600)
        path.write_text(f"{certificate.rstrip()}\n{key}")
        # OpenSSL would ask the terminal for the password of an encrypted key.
        made.load_cert_chain(path, password=_no_password)


def _no_password() -> str:
    raise ValueError("the key is encrypted")
