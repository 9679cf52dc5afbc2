"""A GitHub App: it signs who it is, and is given a token for an hour.

(docs.github.com, "Authenticating as a GitHub App installation".)
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from extcp_bot.access.model import Secret
from extcp_bot.forge.fields import Fields
from extcp_bot.forge.github import headers
from extcp_bot.forge.http import Http
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from extcp_bot.forge.tokens import App
    from extcp_bot.forge.wire import Limits

_BACKDATED: Final = 60
"""Seconds that GitHub asks to date a JWT back, because clocks differ."""

_JWT_SECONDS: Final = 540  # GitHub takes ten minutes at most
_SPARE_SECONDS: Final = 300
"""Seconds before its end at which a token is made anew; a clone with it has to come to its end."""


class AppInstallation:
    """The identity of an App where it is installed.

    Args:
        app: Who it is.
        base: URL of GitHub's API.
        roots: As for :class:`Http`.
        limits: As for :class:`Http`.

    Raises:
        ExtcpError: EXTCP-F015, its key is none.
    """

    def __init__(self, app: App, base: str, roots: Path | None, limits: Limits | None) -> None:
        self._app = app
        self._key = _key(app.key)
        self._http = Http(base, self._headers, roots=roots, limits=limits)
        self._token: Secret | None = None
        self._until = 0.0
        self._making = asyncio.Lock()

    async def token(self) -> Secret:
        """A token that lasts for some minutes at least.

        Raises:
            ForgeError: GitHub gives none.
        """
        async with self._making:
            if self._token is None or time.time() > self._until - _SPARE_SECONDS:
                path = f"/app/installations/{self._app.installation}/access_tokens"
                made = Fields(await self._http.write("POST", path, {}), f"POST {path}")
                self._token = Secret(made.text("token"))
                self._until = made.time("expires_at").timestamp()
            return self._token

    async def login(self, http: Http) -> str:
        """``SLUG[bot]``; a token of an installation may not ask who it is, the App may."""
        del http
        return f"{Fields(await self._http.get('/app'), 'GET /app').text('slug')}[bot]"

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close()

    async def _headers(self) -> Mapping[str, str]:
        return await headers(Secret(self._signed(datetime.now(UTC))))

    def _signed(self, now: datetime) -> str:
        """A JWT (RFC 7519) that says who it is, signed with RS256."""
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - heavy
        from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415 - as above

        begin = int(now.timestamp()) - _BACKDATED
        claims = {"iat": begin, "exp": begin + _JWT_SECONDS, "iss": self._app.identity}
        signed = b".".join((_part({"alg": "RS256", "typ": "JWT"}), _part(claims)))
        signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return b".".join((signed, _base64(signature))).decode()


def _part(claims: Mapping[str, object]) -> bytes:
    return _base64(json.dumps(claims, separators=(",", ":")).encode())


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _key(pem: Secret) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - as above
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(pem.reveal().encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ExtcpError.of(
            "EXTCP-F015",
            "the key of the GitHub App is no RSA key in PEM",
            "give the file that GitHub makes, unencrypted",
        )
    return key
