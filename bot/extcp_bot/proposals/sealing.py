"""The remote secret of a merged cluster as documents for a pull request of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_bot.credentials import documents, remote_secret, turn
from extcp_bot.credentials.documents import Form, Store
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extcp_bot.proposals.policy import Documents
    from extcp_bot.target import Target


def path_of(target: Target, how: Documents) -> str:
    """Where the document is, relative to the repository."""
    return documents.path_of(target, Form(how.form))


async def files(
    target: Target, how: Documents, root: Path, before: bytes | None
) -> Mapping[str, bytes]:
    """The documents, by path.

    Args:
        target: A remote cluster whose namespace and annotation are live.
        how: Form and place.
        root: The repository.
        before: The document that was proposed already; it stays while it holds the same.

    Raises:
        HeldError: It is not its turn, or a person has to decide.
        CannotLookError: The cluster cannot be asked.
        ExtcpError: EXTCP-B045 where the certificate cannot be read, EXTCP-B060 where it is none.
    """
    await turn.require(target)
    if how.form == Form.EXTERNAL_SECRET:
        store = Store(how.store, how.store_kind, how.key, how.property)
        return documents.external_secret(target, store)
    try:
        certificate = (root / how.certificate_file).read_bytes()
    except OSError as error:
        raise ExtcpError.of(
            "EXTCP-B045",
            f"the certificate to seal for cannot be read: {error.strerror}",
            "put it where credentials.sealedSecret.certificateFile of bot.yaml says",
        ) from None
    secret = await remote_secret.make(target)
    return documents.sealed_secret(target, secret, certificate, before)
