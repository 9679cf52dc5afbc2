"""What a forge refuses, in words: which of its answers means what, and what to do about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from extcp_bot.forge.model import ForgeError
from extcp_bot.result import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extcp_bot.kube.transport import Answer

_LONGEST_WORDS: Final = 200
_LONGEST_WAIT: Final = 3600.0
_UNTOLD_WAIT: Final = 60.0
"""Seconds to wait where a forge does not say for how long; GitHub asks for a minute at least."""

_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_REMEDIES: Final[Mapping[int, str]] = {
    401: "give the bot a token that is valid, by EXTCP_FORGE_TOKEN or EXTCP_FORGE_TOKEN_FILE, or "
    "the key of its GitHub App",
    403: "let the bot's account do it: check its role in the repository and the token's scopes",
    404: "check the repository's URL, and that the bot's account and its token reach it",
    409: "look at what is there already",
    410: "switch issues on in the repository's settings",
    413: "the forge takes no text of this length",
    422: "look at what is there already, and at the names of the branches",
    423: "the repository is archived, or locked: let somebody unlock it",
}
_MEANINGS: Final[Mapping[int, str]] = {
    401: "the token is not accepted",
    403: "the bot's account or its token may not do that",
    404: "it is not there, or the token does not reach it",
    409: "it is in conflict with what is there",
    410: "it is switched off",
    413: "too long",
    422: "the forge does not take it",
    423: "locked or archived",
}


def refusal(asked: str, answer: Answer) -> ForgeError:
    """An answer that is no success, as an error.

    Args:
        asked: Method and path, for a person.
        answer: With a status of 300 or more.
    """
    status, said = answer.status, message(answer.body)
    wait = _wait(answer, said)
    if wait is not None:
        why = f"{asked}: the forge is asked too much (HTTP {status})"
        return ForgeError(why, f"try again in {wait:.0f} s", status, wait)
    if status < 400:  # noqa: PLR2004 - the redirects
        return ForgeError(
            f"{asked}: the repository has moved (HTTP {status})",
            "write its new URL into mesh.yaml",
            status,
        )
    if status >= _SERVER_ERROR:
        why = f"{asked}: the forge failed (HTTP {status}); what it was asked it may have done"
        return ForgeError(_with(why, said), "try again later; see the forge's log", status)
    why = f"{asked}: {_MEANINGS.get(status, 'refused')} (HTTP {status})"
    return ForgeError(_with(why, said), _REMEDIES.get(status, "see what the forge says"), status)


def nonsense(asked: str, what: str) -> ForgeError:
    """An answer that the forge does not give; something else stands there, or it has changed.

    Args:
        asked: Method and path, for a person.
        what: Is wrong with it.
    """
    return ForgeError(
        f"{asked}: {what}", "check that a forge of this kind, and nothing else, answers there"
    )


def message(body: bytes) -> str:
    """What a forge says of a refusal, made harmless; empty where it says nothing in JSON."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return clean("; ".join(_texts(said)))[:_LONGEST_WORDS]


def _texts(said: object) -> Iterator[str]:
    """The words in ``message``, ``error`` and ``errors``: each forge has its own mixture."""
    if not isinstance(said, dict):
        return
    for name in ("message", "error", "errors"):
        found = said.get(name)
        for each in found if isinstance(found, list) else (found,):
            inner = each.get("message") if isinstance(each, dict) else each
            if isinstance(inner, str) and inner:
                yield inner


def _with(why: str, said: str) -> str:
    return f"{why}: {said}" if said else why


def _wait(answer: Answer, said: str) -> float | None:
    """Seconds to wait; None where the forge is not asked too much.

    GitHub says so with a 403, too, for its secondary limits in the message alone at times
    (docs.github.com, "Rate limits for the REST API").
    """
    named = _seconds(answer.headers)
    if answer.status == _TOO_MANY:
        return _UNTOLD_WAIT if named is None else named
    if answer.status == 403:  # noqa: PLR2004 - as the docstring says
        if "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0":
            return _UNTOLD_WAIT if named is None else named
        if "secondary rate limit" in said.lower():
            return _UNTOLD_WAIT
    if answer.status == 503 and "retry-after" in answer.headers:  # noqa: PLR2004
        return named
    return None


def _seconds(headers: Mapping[str, str]) -> float | None:
    """What ``Retry-After`` says, in either of its forms, else when the limit is reset."""
    after = headers.get("retry-after", "").strip()
    if after.isdecimal():
        return _within(float(after))
    now = _date(headers.get("date", "")) or datetime.now(UTC)
    if until := _date(after):
        return _within((until - now).total_seconds())
    for name in ("x-ratelimit-reset", "ratelimit-reset"):
        reset = headers.get(name, "")
        if reset.isdecimal():
            return _within(float(reset) - now.timestamp())
    return None


def _within(seconds: float) -> float:
    """A time that a forge with a wrong clock, or a hostile one, cannot make endless."""
    return min(max(seconds, 1.0), _LONGEST_WAIT)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
