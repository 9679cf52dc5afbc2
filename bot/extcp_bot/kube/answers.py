"""What an API server's answer means: an object, or which of the ways of saying no."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.kube.failure import CannotLookError, NonsenseError, NotAllowedError, RejectedError

if TYPE_CHECKING:
    from extcp_bot.access.model import Access
    from extcp_bot.kube.transport import Answer

Object = dict[str, Any]

NOT_FOUND: Final = 404
_OK: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
# RBAC says this; admission (PodSecurity, quotas, webhooks) says 403 as well, in other words.
_RBAC_WORDS: Final = (
    ' cannot create resource "',
    ' cannot get resource "',
    " cannot list resource",
)


class Reader:
    """Reads the answers of one server.

    Args:
        access: How the server was asked.
    """

    def __init__(self, access: Access) -> None:
        self._access = access

    def require_ok(self, answer: Answer, verb: str, path: str) -> Answer:
        """The answer, unless it is a refusal.

        Raises:
            NotAllowedError: Who asks is not known, or not allowed to.
            RejectedError: The server understood and says no.
            NonsenseError: The answer is that of no API server.
        """
        if answer.status in _OK:
            return answer
        raise self._refusal(answer, verb, path)

    def object(self, answer: Answer, verb: str, path: str) -> Object:
        """The object of an answer; raises as :meth:`require_ok`."""
        body = self.require_ok(answer, verb, path).body
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            what = "HTML" if body.lstrip()[:1] == b"<" else "no JSON"
            raise self.nonsense(path, what) from None
        if not isinstance(found, dict):
            raise self.nonsense(path, "JSON that is no object")
        return found

    def page(self, answer: Answer, path: str) -> tuple[list[Object], str]:
        """The objects of one page of a list, and the token of the next one; raises as above."""
        if answer.status == NOT_FOUND:  # the server does not have this kind
            return [], ""
        page = self.object(answer, "list", path)
        items = page.get("items") or []
        metadata = page.get("metadata") or {}
        token = (metadata.get("continue") or "") if isinstance(metadata, dict) else None
        if not isinstance(items, list) or not all(map(_is_object, items)):
            raise self.nonsense(path, "a list of something else than objects")
        if not isinstance(token, str):
            raise self.nonsense(path, "a list without an end")
        return items, token

    def nonsense(self, path: str, what: str) -> NonsenseError:
        """An error that says that the server answers with ``what``."""
        return NonsenseError(
            f"{self.where(path)}: the server answers with {what}",
            "check that the address is that of an API server, and that no proxy stands before it",
            path,
        )

    def where(self, path: str) -> str:
        """A path and its server, for people."""
        return f"{path.partition('?')[0]} of {self._access.host}"

    def _refusal(self, answer: Answer, verb: str, path: str) -> CannotLookError:
        status, where, origin = answer.status, self.where(path), self._access.origin
        message = _message(answer.body)
        if status == _UNAUTHORIZED:
            why = f"{where}: the server does not accept the credential of {origin}"
            return NotAllowedError(status, why, "renew the credential", path)
        if status == _FORBIDDEN and (verb != "create" or any(w in message for w in _RBAC_WORDS)):
            why = f"{where}: the credential of {origin} may not {verb} it"
            return NotAllowedError(status, why, "grant it what 'extcp-bot rbac' prints", path)
        if status in _REDIRECTS:
            return self.nonsense(path, f"HTTP {status}, a redirect")
        if not message:
            return self.nonsense(path, f"HTTP {status} and no Status object")
        return RejectedError(status, message, path)


def _message(body: bytes) -> str:
    try:
        message = json.loads(body)["message"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return message if isinstance(message, str) else ""


def _is_object(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("metadata", {}), dict)
