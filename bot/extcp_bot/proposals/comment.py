"""The bot's one comment on a pull request, written anew in place when there is something to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.forge.model import MAX_BODY
from extcp_bot.proposals import marker
from extcp_bot.proposals.model import hash_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from extcp_bot.forge.model import Comment

_KIND: Final = "comment"
_MOST: Final = 5
_NOTHING: Final = "Nothing more to say here; the description is up to date.\n"
_CUT: Final = "\n\n(cut)\n"


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to say.

    Attributes:
        key: Equal while the same is to be said; values that change with every look are not in it.
        text: Markdown, with what is not ours escaped.
    """

    key: str
    text: str


def is_ours(comment: Comment, me: str) -> bool:
    """Whether it is the bot's one comment."""
    return comment.author == me and marker.read(comment.body).get("kind") == _KIND


def wanted(
    now: Comment | None,
    notes: Sequence[Note],
    asked: Iterable[str],
    explain: Callable[[str], str],
) -> str | None:
    """What the comment is to be.

    Args:
        now: What it is; None where there is none.
        notes: All that is to be said.
        asked: Codes of checks to be explained, beside those that are explained in it already.
        explain: Markdown for a code.

    Returns:
        Markdown; None where it is to stay as it is.
    """
    before = marker.read(now.body) if now is not None else {}
    codes = _codes(before.get("explained"), asked)
    key = hash_of([note.key for note in notes])
    if now is None and not notes and not codes:
        return None
    if before.get("key") == key and before.get("explained") == codes:
        return None
    parts = [*(note.text for note in notes), *map(explain, codes)]
    head = marker.write({"schema": marker.SCHEMA, "kind": _KIND, "key": key, "explained": codes})
    text = f"{head}\n\n" + ("\n".join(parts) or _NOTHING)
    return text if len(text) <= MAX_BODY else text[: MAX_BODY - len(_CUT)] + _CUT


def _codes(before: object, asked: Iterable[str]) -> list[str]:
    """The newest few; one that is asked for again is the newest."""
    known = [code for code in before if isinstance(code, str)] if isinstance(before, list) else []
    new = list(dict.fromkeys(code for code in asked if code not in known))
    return [*known, *new][-_MOST:]
