"""What TLS servers present, and whether a client with given roots takes it; each asked once.

Python 3.11 shows the first certificate of a chain only. Whether the whole chain verifies, OpenSSL
is asked in a handshake of its own for each set of roots, with the settings that come nearest to
those of Go, which is what API servers and pilot-agent are written in.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp

from extcp_bot.kube.failure import CannotLookError, NoRouteError
from extcp_bot.live import certificates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extcp_bot.live.certificates import Certificate
    from extcp_bot.target import Fleet

EXPIRED: Final = 10
NOT_YET_VALID: Final = 9
_OK: Final = 0
_H2: Final = "h2"
_PROTOCOLS: Final = (_H2, "http/1.1")
_TRIES: Final = 3
_BODY: Final = 1024
_NO_SUCH_NAME: Final = frozenset(
    {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
)


class NotResolvedError(CannotLookError):
    """DNS says that there is no such name."""


class ConnectionRefusedByHostError(CannotLookError):
    """The host is there, and nobody listens."""


class NoTLSError(CannotLookError):
    """Somebody listens and does not finish a TLS handshake."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connection leads: an IP address and a port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Presented:
    """What a server presents to a client that asks for its name and verifies nothing.

    Attributes:
        certificate: The first of its chain.
        protocol: What it chose by ALPN of h2 and http/1.1; empty where it chose nothing.
        place: Where it was found.
    """

    certificate: Certificate
    protocol: str
    place: Place

    @property
    def speaks_h2(self) -> bool:
        """Whether gRPC, and so xDS, gets through."""
        return self.protocol == _H2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a client with given roots makes of a chain; names are not looked at.

    Attributes:
        code: OpenSSL's, 0 where the chain is taken (``X509_V_ERR_*``).
        words: OpenSSL's, for people.
    """

    code: int
    words: str

    @property
    def is_trusted(self) -> bool:
        """Whether the chain is taken."""
        return self.code == _OK

    @property
    def is_about_time(self) -> bool:
        """Whether only a date in the chain stands in the way."""
        return self.code in (EXPIRED, NOT_YET_VALID)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP server said: the status, and the beginning of the body.

    Attributes:
        status: 0 where it said nothing.
        text: For 0, why.
    """

    status: int
    text: str

    @property
    def words(self) -> str:
        """For people."""
        return f"HTTP {self.status} {self.text}".strip() if self.status else self.text


async def presented(fleet: Fleet, host: str, port: int) -> Presented:
    """What a server presents.

    Args:
        fleet: For its time limits and for where names lead.
        host: To connect to and, where it is no IP address, to ask for (SNI).
        port: To connect to.

    Raises:
        NotResolvedError: DNS knows no such name.
        ConnectionRefusedByHostError: Nobody listens there.
        NoTLSError: The handshake fails.
        NoRouteError: It cannot be told from here.
    """
    return await fleet.once(("presented", host, port), lambda: _presented(fleet, host, port))


async def on_ports(
    fleet: Fleet, host: str, ports: Sequence[int]
) -> dict[int, Presented | CannotLookError]:
    """What a server presents on each of several ports, or why that cannot be told, all at once."""

    async def one(port: int) -> Presented | CannotLookError:
        try:
            return await presented(fleet, host, port)
        except CannotLookError as error:
            return error

    return dict(zip(ports, await asyncio.gather(*map(one, ports)), strict=True))


async def verdict(fleet: Fleet, host: str, port: int, roots: str | None) -> Verdict:
    """Whether a client with these roots takes the chain that a server presents.

    Args:
        fleet: As for :func:`presented`.
        host: As for :func:`presented`.
        port: As for :func:`presented`.
        roots: PEM; None for those of the system that the bot runs on.

    Raises:
        CannotLookError: As for :func:`presented`; also where this system has no roots.
        ValueError: The roots are no certificates.
    """
    return await fleet.once(
        ("verdict", host, port, roots), lambda: _verdict(fleet, host, port, roots)
    )


async def ready(fleet: Fleet, host: str, port: int) -> Answer:
    """What ``GET /ready`` says at an address whose certificate is not looked at.

    Raises:
        CannotLookError: As for :func:`presented`.
    """
    return await fleet.once(("ready", host, port), lambda: _ready(fleet, host, port))


async def addresses(fleet: Fleet, host: str) -> tuple[str, ...]:
    """The IP addresses of a host.

    Raises:
        NotResolvedError: DNS knows no such name.
        NoRouteError: DNS does not answer.
    """
    return await fleet.once(("addresses", host), lambda: _addresses(fleet, host))


async def _presented(fleet: Fleet, host: str, port: int) -> Presented:
    context = _unverifying()
    context.set_alpn_protocols(list(_PROTOCOLS))
    writer, place = await _connect(fleet, host, port, context)
    try:
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        der = connection.getpeercert(binary_form=True) or b""
        protocol = connection.selected_alpn_protocol() or ""
    finally:
        writer.transport.abort()
    try:
        return Presented(certificates.of_der(der), protocol, place)
    except ValueError:
        raise NoTLSError(
            f"{host}:{port} presents a certificate that cannot be read",
            "see what answers there",
            f"{host}:{port}",
        ) from None


async def _verdict(fleet: Fleet, host: str, port: int, roots: str | None) -> Verdict:
    try:
        writer, _ = await _connect(fleet, host, port, _verifying(roots))
    except ssl.SSLCertVerificationError as error:
        return Verdict(error.verify_code, error.verify_message)
    writer.transport.abort()
    return Verdict(_OK, "ok")


def _unverifying() -> ssl.SSLContext:
    """For a look at what is presented; without the system's roots, which take 20 ms to read."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _verifying(roots: str | None) -> ssl.SSLContext:
    if roots is None:
        _require_public_roots()
    given = certificates.of_pem(roots or "")
    context = ssl.create_default_context(cadata=b"".join(each.der for each in given) or None)
    context.check_hostname = False
    # Go takes any certificate of the bundle for an end of the chain, and wants none of the
    # extensions that newer Pythons ask of CAs.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _require_public_roots() -> None:
    """Without any root, each certificate would look bad."""
    found = ssl.get_default_verify_paths()
    if not (found.cafile or (found.capath and any(Path(found.capath).iterdir()))):
        raise CannotLookError(
            "this machine has no public root certificates to verify with",
            "install its package ca-certificates, or name a bundle with SSL_CERT_FILE",
            "public root certificates",
        )


async def _ready(fleet: Fleet, host: str, port: int) -> Answer:
    place = (await presented(fleet, host, port)).place
    context = _unverifying()
    where = f"[{place.host}]" if ":" in place.host else place.host
    try:
        async with (
            asyncio.timeout(fleet.limits.request),
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(
                f"https://{where}:{place.port}/ready",
                headers={"Host": f"{host}:{port}", "Accept-Encoding": "identity"},
                ssl=context,
                server_hostname=host,
                allow_redirects=False,
            ) as answer,
        ):
            body = await answer.content.read(_BODY)
            return Answer(answer.status, body.decode("utf-8", "replace"))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(0, f"no answer ({type(error).__name__})")


async def _connect(
    fleet: Fleet, host: str, port: int, context: ssl.SSLContext
) -> tuple[asyncio.StreamWriter, Place]:
    """A TLS connection to the first address that has one; an SSLCertVerificationError gets out."""
    failures: list[CannotLookError] = []
    for place in await _places(fleet, host, port):
        try:
            async with asyncio.timeout(fleet.limits.connect):
                _, writer = await asyncio.open_connection(
                    place.host, place.port, ssl=context, server_hostname=host
                )
        except ssl.SSLCertVerificationError:
            raise
        except (OSError, ValueError) as error:
            failures.append(_failure(error, f"{host}:{port}", place))
        else:
            return writer, place
    raise failures[-1]


async def _places(fleet: Fleet, host: str, port: int) -> list[Place]:
    said = fleet.connect_to.get((host, port))
    if said is not None:
        return [Place(*said)]
    return [Place(address, port) for address in (await addresses(fleet, host))[:_TRIES]]


async def _addresses(fleet: Fleet, host: str) -> tuple[str, ...]:
    try:
        async with asyncio.timeout(fleet.limits.connect):
            found = await fleet.lookup(host)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_SUCH_NAME:
            raise NoRouteError(
                f"DNS does not answer for {host}",
                "run the bot where DNS works, or say where the address leads: --connect-to",
                f"DNS of {host}",
            ) from None
        found = ()
    if not found:
        raise NotResolvedError(
            f"DNS has no address for {host}",
            "make its DNS record, with the address of the ingress gateway's load balancer",
            f"DNS of {host}",
        )
    return found


def _failure(error: Exception, where: str, place: Place) -> CannotLookError:
    at = f"{where} ({place.host}:{place.port})"
    match error:
        case ConnectionRefusedError():
            return ConnectionRefusedByHostError(
                f"{at} refuses the connection", "see what should listen there", where
            )
        case ssl.SSLError() | ConnectionError() | ValueError():
            reason = getattr(error, "reason", None) or type(error).__name__
            return NoTLSError(
                f"{at} finishes no TLS handshake ({reason})", "see what answers there", where
            )
        case _:
            words = "in time" if isinstance(error, TimeoutError) else f"({error})"
            return NoRouteError(
                f"no connection to {at} {words}",
                "let the bot's machine through to it, or run the bot where it is let through",
                where,
            )
