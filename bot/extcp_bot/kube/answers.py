"""What an API server's answer means: an object, or which of the ways of saying no."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.kube.failure import (
    CannotLookError,
    NonsenseError,
    NoRouteError,
    NotAllowedError,
    RejectedError,
)
from extcp_bot.kube.transport import REDIRECTS

if TYPE_CHECKING:
    from extcp_bot.access.model import Access
    from extcp_bot.kube.transport import Answer

Object = dict[str, Any]

BUSY: Final = (429, 503)
_NOT_FOUND: Final = 404
# What an API server says of a group that it does not have, and never of anything else. Every server
# that is written in Go says it; an API server numbers its answers, too.
_NO_SUCH_PATH: Final = b"404 page not found"
_AUDIT_ID: Final = "Audit-Id"
_OK: Final = range(200, 300)
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_OBJECT_DEPTH: Final = 5  # /apis/GROUP/VERSION/PLURAL/NAME
_TEXTS: Final = ("namespace", "creationTimestamp", "deletionTimestamp", "uid", "resourceVersion")
# RBAC says this; admission (PodSecurity, quotas, webhooks) says 403 as well, in other words.
_RBAC_WORDS: Final = (
    ' cannot create resource "',
    ' cannot get resource "',
    " cannot list resource",
    ' cannot update resource "',
    ' cannot patch resource "',
    ' cannot delete resource "',
)
_WRITES: Final = ("create", "update", "patch", "delete")


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

    def is_missing(self, answer: Answer, path: str) -> bool:
        """Whether the server has no such object, or no such kind.

        Raises:
            NonsenseError: A 404, and not one of an API server: who asks a web server for what is
                wrong would be told that nothing is.
        """
        if answer.status != _NOT_FOUND:
            return False
        is_plain = answer.body.strip() == _NO_SUCH_PATH and _AUDIT_ID in answer.headers
        if is_plain or _message(answer.body):
            return True
        raise self.nonsense(path, "HTTP 404 and no Status object")

    def found(self, answer: Answer, path: str) -> Object:
        """The object that stands at a path of the API; raises as :meth:`require_ok`."""
        found = self.object(answer, "get", path)
        if _is_of_object(path) and not _is_object(found):
            raise self.nonsense(path, "JSON that is no object of Kubernetes")
        return found

    def object(self, answer: Answer, verb: str, path: str) -> Object:
        """The JSON object of an answer; raises as :meth:`require_ok`."""
        body = self.require_ok(answer, verb, path).body
        try:
            # Of bytes, Python would take UTF-16 for JSON, too.
            found = json.loads(body.decode(), parse_constant=_refuse)
        except (ValueError, RecursionError):
            what = "HTML" if body.lstrip()[:1] == b"<" else "no JSON"
            raise self.nonsense(path, what) from None
        if not isinstance(found, dict):
            raise self.nonsense(path, "JSON that is no object")
        return found

    def page(self, answer: Answer, path: str) -> tuple[list[Object], str]:
        """The objects of one page of a list, and the token of the next one; raises as above."""
        if self.is_missing(answer, path):
            return [], ""
        page = self.object(answer, "list", path)
        if not str(page.get("kind")).endswith("List") or "items" not in page:
            raise self.nonsense(path, "JSON that is no list of Kubernetes")
        items, metadata = page["items"], page.get("metadata")
        items = [] if items is None else items
        metadata = {} if metadata is None else metadata
        if not isinstance(items, list) or not all(map(_is_object, items)):
            raise self.nonsense(path, "a list of something else than objects")
        token = metadata.get("continue") if isinstance(metadata, dict) else 0
        if not isinstance(token, str | None):
            raise self.nonsense(path, "a list without an end")
        return items, token or ""

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
        if status == _FORBIDDEN and (
            verb not in _WRITES or any(words in message for words in _RBAC_WORDS)
        ):
            why = f"{where}: the credential of {origin} may not {verb} it"
            return NotAllowedError(status, why, "grant it what 'extcp-bot rbac' prints", path)
        if status in REDIRECTS:
            return self.nonsense(path, f"HTTP {status}, a redirect")
        if status in BUSY:
            why = f"{where}: the server says that it is too busy (HTTP {status})"
            return NoRouteError(why, "try again later; see what keeps the API server busy", path)
        if not message:
            return self.nonsense(path, f"HTTP {status} and no Status object")
        return RejectedError(status, message, where, path)


def _message(body: bytes) -> str:
    """The message of a Status object; empty where it is none."""
    try:
        status = json.loads(body)
        message = status["message"] if status["kind"] == "Status" else None
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return message if isinstance(message, str) else ""


def _refuse(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}")


def _is_of_object(path: str) -> bool:
    """Whether an object is at a path, and not a version or what the server says of itself."""
    core = path.startswith("/api/v1/")
    return core or (path.startswith("/apis/") and path.count("/") >= _OBJECT_DEPTH)


def _is_object(item: object) -> bool:
    """Whether what checks rely on everywhere is of the types that every API server gives it."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    return (
        isinstance(item, dict)
        and isinstance(metadata, dict)
        and isinstance(metadata.get("name"), str)
        and all(isinstance(metadata.get(name, ""), str | None) for name in _TEXTS)
        and all(map(_are_texts, (metadata.get("labels"), metadata.get("annotations"))))
        and all(isinstance(item.get(name), dict | None) for name in ("spec", "status"))
        and _are_texts(item.get("data"))
    )


def _are_texts(values: object) -> bool:
    return values is None or (
        isinstance(values, dict) and all(isinstance(value, str) for value in values.values())
    )
