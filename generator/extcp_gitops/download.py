"""Fetch a file over https: bounded in size and time, and wary of redirects.

The time limit is on the whole, name resolution, handshakes and slow headers included, which no
time limit of a socket bounds: the reading is done by a thread that is left behind when the time is
up, and everything that has an effect happens in the caller's thread. Proxies are taken from the
environment, as everywhere (``HTTPS_PROXY``, ``NO_PROXY``); certificates from the system's store
or ``SSL_CERT_FILE``.
"""

from __future__ import annotations

import http.client
import queue
import ssl
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from extcp_gitops import __version__
from extcp_gitops.errors import ExtcpError
from extcp_gitops.giturl import is_loopback
from extcp_gitops.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

_CHUNK = 1 << 16
_AHEAD = 8
_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Limits:
    """What a download may cost.

    Attributes:
        size: Bytes.
        total: Seconds for all of it.
        read: Seconds without a single byte.
    """

    size: int
    total: float
    read: float = 30.0


class NotFoundError(ExtcpError):
    """The server is there, the file is not."""


class UnreachableError(ExtcpError):
    """There is no way to the server, or none that can be trusted or lived with."""


def fetch(
    url: str, limits: Limits, progress: Callable[[int, int | None], None] | None = None
) -> Generator[bytes]:
    """Read a URL piece by piece.

    Args:
        url: https, or http on a loopback address.
        limits: On size and time.
        progress: Called after each piece with the bytes so far and their expected number.

    Yields:
        The pieces.

    Raises:
        ExtcpError: EXTCP-T110 the URL is not https, EXTCP-T112 too large, EXTCP-T113 cut off.
        UnreachableError: EXTCP-T111 the time is up, EXTCP-T114 not reached or not trusted.
        NotFoundError: EXTCP-T115 there is no such file.
    """
    _check_scheme(url)
    transfer = _Transfer(url, limits.read)
    deadline = time.monotonic() + limits.total
    received = 0
    try:
        for piece in transfer.pieces(deadline):
            received += len(piece)
            if max(received, transfer.expected or 0) > limits.size:
                raise ExtcpError.of(
                    "EXTCP-T112",
                    f"{_place(url)} has more than {limits.size >> 20} MiB",
                    "check that the address is that of Istio's releases, or of a mirror of them",
                )
            yield piece
            if progress:
                progress(received, transfer.expected)
    finally:
        transfer.abandoned.set()
    if transfer.expected is not None and received != transfer.expected:
        raise _cut_off(url)


class _Transfer:
    """One request, read ahead by a thread of its own."""

    def __init__(self, url: str, read_seconds: float) -> None:
        self.expected: int | None = None
        self.abandoned = threading.Event()
        self._url = url
        self._read_seconds = read_seconds
        # A piece, the end (None), or what went wrong.
        self._queue: queue.Queue[bytes | Exception | None] = queue.Queue(_AHEAD)

    def pieces(self, deadline: float) -> Iterator[bytes]:
        """What arrives before the deadline, by the monotonic clock."""
        threading.Thread(target=self._read, daemon=True, name="download").start()
        while True:
            try:
                item = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise _too_slow(self._url) from None
            if item is None:
                return
            if isinstance(item, Exception):
                raise _explain(self._url, item) from item
            yield item

    def _read(self) -> None:
        try:
            with _opener().open(self._request(), timeout=self._read_seconds) as response:
                length = response.headers.get("Content-Length", "")
                self.expected = int(length) if length.isdecimal() else None
                while not self.abandoned.is_set():
                    # Not read(): it waits for a full buffer, however slowly that fills.
                    piece = response.read1(_CHUNK)
                    self._put(piece or None)
                    if not piece:
                        return
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread
            self._put(error)

    def _request(self) -> urllib.request.Request:
        headers = {"User-Agent": f"extcp-gitops/{__version__}", "Accept-Encoding": "identity"}
        return urllib.request.Request(self._url, headers=headers)  # noqa: S310 - scheme checked

    def _put(self, item: bytes | Exception | None) -> None:
        while not self.abandoned.is_set():
            try:
                self._queue.put(item, timeout=1)
            except queue.Full:
                continue
            return


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follow a redirect to https, wherever it leads, and to nothing else."""

    max_redirections = 5

    def redirect_request(  # noqa: PLR0917 - the signature of the standard library
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme != "https":
            fp.close()
            raise _not_https(f"{_place(req.full_url)} redirects to what is no https:// address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Handlers for http and https alone; the stock opener also reads files and FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _HttpsOnly(),
    ):
        opener.add_handler(handler)
    return opener


def _check_scheme(url: str) -> None:
    """Refuse all but https, and http that never leaves the machine."""
    malformed = _not_https(f"{redact(ascii(url))} is no address of a file on the web")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise malformed from None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise malformed
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise _not_https(f"{_place(url)} is no https:// address")


def _explain(url: str, error: Exception) -> ExtcpError:
    """What went wrong, in terms of what a person can do."""
    if isinstance(error, ExtcpError):
        return error
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        if error.code == _NOT_FOUND:
            return NotFoundError.of(
                "EXTCP-T115", f"{_place(url)} does not exist", "check the version"
            )
        return _unreachable(url, f"the server answered {error.code}")
    return _explain_reason(url, error.reason if isinstance(error, urllib.error.URLError) else error)


def _explain_reason(url: str, reason: BaseException | str) -> ExtcpError:
    if isinstance(reason, TimeoutError):
        return _too_slow(url)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _unreachable(url, f"its certificate is not trusted: {reason.verify_message}")
    if isinstance(reason, http.client.HTTPException | ConnectionResetError):
        return _cut_off(url)
    words = reason.strerror if isinstance(reason, OSError) else None
    return _unreachable(url, words or type(reason).__name__)


def _place(url: str) -> str:
    """The URL without what might be a credential in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _not_https(why: str) -> ExtcpError:
    return ExtcpError.of(
        "EXTCP-T110",
        f"nothing is downloaded: {why}",
        "use an https:// address; plain http is for loopback addresses alone",
    )


def _too_slow(url: str) -> ExtcpError:
    return UnreachableError.of(
        "EXTCP-T111",
        f"the download of {_place(url)} took too long and was given up",
        "try again when the network is better",
    )


def _cut_off(url: str) -> ExtcpError:
    return ExtcpError.of("EXTCP-T113", f"the download of {_place(url)} was cut off", "try again")


def _unreachable(url: str, why: str) -> ExtcpError:
    return UnreachableError.of(
        "EXTCP-T114",
        f"{_place(url)} cannot be had: {why}",
        "check the network, HTTPS_PROXY and SSL_CERT_FILE",
    )
