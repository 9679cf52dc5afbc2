"""One API server, for what changes something there; the checks have no way to this module.

Nothing is remembered, as :class:`extcp_bot.kube.client.Client` does: whoever writes looks first, at
what is there now. A write says on what it relies, a resource version or a UID, so that the server
refuses it where somebody else was faster. Where the connection breaks nobody knows whether the
server did it; the next look tells.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Self

from extcp_bot import dns
from extcp_bot.kube.answers import Object, Reader
from extcp_bot.kube.failure import RejectedError
from extcp_bot.kube.transport import JSON, Answer, Limits, Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from extcp_bot.access.model import Access
    from extcp_bot.kube.transport import Lookup
    from extcp_bot.target import Fleet

MANAGER: Final = "extcp-bot"
"""The bot's name among the managers of fields."""

MERGE_PATCH: Final = "application/merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"


class ConflictError(RejectedError):
    """There is one already, or it is not what the writer relied on any more (409)."""


class MissingError(RejectedError):
    """There is no such object, or no namespace for it (404)."""


_KINDS: Final = {409: ConflictError, 404: MissingError}


class Writer:
    """Writes to one API server.

    Args:
        access: The way there, and the credential.
        limits: What it may cost; writes have the time of what goes through admission.
        lookup: Where the server's name leads.
        before: Called before each request that changes something; may raise, and then none is made.
    """

    def __init__(
        self,
        access: Access,
        limits: Limits | None = None,
        lookup: Lookup = dns.lookup,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self.access = access
        self._before = before
        self._limits = limits or Limits()
        self._transport = Transport(access, self._limits, lookup)
        self._reader = Reader(access)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def clock_skew(self) -> float | None:
        """Seconds that the server's clock is ahead of ours; None before its first answer."""
        return self._transport.clock_skew

    async def close(self) -> None:
        """Give the connections back."""
        await self._transport.close()

    async def read(self, path: str) -> Object | None:
        """One object as it is now; None where there is none.

        Args:
            path: Such as ``/api/v1/namespaces/a/secrets/b``.

        Raises:
            CannotLookError: The server cannot be asked, or says nonsense.
        """
        answer = await self._transport.request("GET", path, JSON)
        return None if self._reader.is_missing(answer, path) else self._reader.found(answer, path)

    async def create(self, path: str, body: Object, *, dry_run: bool = False) -> Object:
        """Make an object.

        Args:
            path: The collection.
            body: The object.
            dry_run: Go through admission and stop there.

        Returns:
            The object as it is now.

        Raises:
            ConflictError: There is one of this name.
            MissingError: The namespace is not there.
            RejectedError: The server, or a webhook that it asked, says no.
            CannotLookError: It cannot be asked, and may or may not have done it.
        """
        return await self._write("POST", "create", path, body, dry_run=dry_run)

    async def replace(self, path: str, body: Object, *, dry_run: bool = False) -> Object:
        """Put an object in the place of the one that ``body`` was read from.

        Args:
            path: The object.
            body: With the ``metadata.resourceVersion`` that was read.
            dry_run: As for :meth:`create`.

        Raises:
            ConflictError: Somebody has changed it since.
            CannotLookError: As for :meth:`create`.
        """
        if not body["metadata"].get("resourceVersion"):
            raise ValueError("what replaces an object says which version of it")
        return await self._write("PUT", "update", path, body, dry_run=dry_run)

    async def apply(
        self, path: str, body: Object, *, force: bool = False, dry_run: bool = False
    ) -> Object:
        """Make an object, or the fields that ``body`` names of it, as the bot wants them.

        Server-side apply (https://kubernetes.io/docs/reference/using-api/server-side-apply/).

        Args:
            path: The object.
            body: Whole, with apiVersion, kind and name.
            force: Take fields over from whoever else manages them.
            dry_run: As for :meth:`create`.

        Raises:
            ConflictError: Somebody else manages one of the fields.
            CannotLookError: As for :meth:`create`.
        """
        query = "force=true" if force else ""
        return await self._write(
            "PATCH", "patch", path, body, content_type=APPLY_PATCH, query=query, dry_run=dry_run
        )

    async def merge(self, path: str, patch: Object, *, dry_run: bool = False) -> Object:
        """Change some fields of an object (RFC 7396); None takes one away.

        Args:
            path: The object.
            patch: The fields; a ``metadata.resourceVersion`` among them must be that of now.
            dry_run: As for :meth:`create`.

        Raises:
            ConflictError: It has another resource version.
            CannotLookError: As for :meth:`create`.
        """
        return await self._write(
            "PATCH", "patch", path, patch, content_type=MERGE_PATCH, dry_run=dry_run
        )

    async def delete(
        self, path: str, read: Object, *, unchanged: bool = True, dry_run: bool = False
    ) -> bool:
        """Take an object away, provided that it is still the one that was read.

        Args:
            path: The object.
            read: What was read of it.
            unchanged: Only where nobody has changed it since, either.
            dry_run: As for :meth:`create`.

        Returns:
            Whether it was there.

        Raises:
            ConflictError: It is another one, or was changed since.
            CannotLookError: As for :meth:`create`.
        """
        metadata = read["metadata"]
        relied_on = ("uid", "resourceVersion") if unchanged else ("uid",)
        preconditions = {name: metadata[name] for name in relied_on}
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": preconditions,
            **({"dryRun": ["All"]} if dry_run else {}),
        }
        if not dry_run:
            self._before()
        answer = await self._transport.request(
            "DELETE", path, JSON, json.dumps(body), self._limits.admission
        )
        if self._reader.is_missing(answer, path):
            return False
        self._require_done(answer, "delete", path)
        return True

    async def _write(
        self,
        method: str,
        verb: str,
        path: str,
        body: Object,
        *,
        content_type: str = JSON,
        query: str = "",
        dry_run: bool,
    ) -> Object:
        words = (f"fieldManager={MANAGER}", query, "dryRun=All" if dry_run else "")
        if not dry_run:
            self._before()
        answer = await self._transport.request(
            method,
            f"{path}?{'&'.join(filter(None, words))}",
            JSON,
            json.dumps(body),
            self._limits.admission,
            content_type=content_type,
        )
        self._require_done(answer, verb, path)
        return self._reader.object(answer, verb, path)

    def _require_done(self, answer: Answer, verb: str, path: str) -> None:
        """Raise what :meth:`create` says, where the server did not do it."""
        try:
            self._reader.require_ok(answer, verb, path)
        except RejectedError as error:
            kind = _KINDS.get(error.status)
            if kind is None:
                raise
            raise kind(error.status, error.message, self._reader.where(path), path) from None


def of(fleet: Fleet, cluster: str) -> Writer:
    """A writer for a cluster, to be closed by whoever asks.

    Raises:
        CannotLookError: Nobody said how to reach the cluster.
    """
    access = fleet.api(cluster).access
    return Writer(access, fleet.limits, fleet.lookup, fleet.before_write)
