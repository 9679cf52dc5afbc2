"""What people may tell the bot in a comment, and what it answers to ``explain``.

A command is the first line of a comment, alone on it. Anything else is talk, and so is a command of
somebody who may not push: the bot then does not even react.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot import reference
from extcp_gitops.render.markdown import code_span

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from extcp_bot.checks.model import Check

_LINE: Final = re.compile(
    r"/extcp +(?:(?P<word>recheck|rebase|ignore|unignore)|explain +(?P<code>EXTCP-[A-Z][0-9]{2}))"
)
_SCANNED: Final = 200


class Word(enum.StrEnum):
    """The commands."""

    RECHECK = "recheck"
    """Look at the clusters again, and write down what was seen."""
    REBASE = "rebase"
    """Make the commit anew on the newest base, also over commits of other people."""
    IGNORE = "ignore"
    """Close the pull request, and do not offer it again."""
    UNIGNORE = "unignore"
    """Offer again what was closed."""
    EXPLAIN = "explain"
    """Say what a check looks at, and what mends what it finds."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command of somebody who may push, not yet acknowledged.

    Attributes:
        word: Which one.
        code: Of the check to be explained; empty for the others.
        comment: The identity of the comment.
        time: When it was said.
    """

    word: Word
    code: str
    comment: int
    time: datetime


def parse(text: str) -> tuple[Word, str] | None:
    """The command that a comment gives, with the code of a check; None where it gives none."""
    first, _, _ = text[:_SCANNED].lstrip().partition("\n")
    match = _LINE.fullmatch(first.rstrip())
    if match is None:
        return None
    return (Word(match["word"]), "") if match["word"] else (Word.EXPLAIN, match["code"])


def explain(code: str, known: Mapping[str, Check]) -> str:
    """Markdown about a check, or that there is none of that code."""
    check = known.get(code)
    if check is None:
        return f"There is no check {code_span(code)}.\n"
    words = " ".join((reference.BRACES + reference.RUNBOOK).split())
    return f"### {code} {check.name}\n\n{reference.about(check, width=0)}\n{words}\n"
