"""Values in Markdown: as code spans in prose, as words of a shell in fenced blocks."""

from __future__ import annotations

import re
import shlex
from typing import Final

# One pair of backquotes holds these as they are, in prose and in a cell of a table.
_PLAIN: Final = re.compile(r"(?! )[^`|\x00-\x1f\x7f-\U0010ffff]+(?<! )")
_FENCE: Final = "```"

_SPAN_MARK: Final = "extcpspan"
_WORD_MARK: Final = "extcpword"
_MARK: Final = re.compile(f"{_SPAN_MARK}|{_WORD_MARK}")


class Word(str):
    """What ``sh`` makes: one word of a shell, on one line."""

    __slots__ = ()


def code_span(value: object) -> str:
    """The finaliser: a :class:`Word` as it is, anything else as a code span.

    Args:
        value: A str or an int.

    Returns:
        Markdown on one line that shows the value, wherever in a paragraph or table it stands.

    Raises:
        TypeError: For another type.
    """
    if isinstance(value, Word):
        return str(value)
    if not isinstance(value, str | int) or isinstance(value, bool):
        # An undefined variable comes through here, too, and str() of it says which one it is.
        raise TypeError(f"{value} is {type(value).__name__}, nothing that a person reads")
    text = str(value)
    if _PLAIN.fullmatch(text):
        return f"`{text}`"
    shown = (char if char.isascii() and char.isalnum() else f"&#{ord(char)};" for char in text)
    return f"<code>{''.join(shown)}</code>"


def shell_word(value: str) -> Word:
    """The filter ``sh``: the value as one word that a shell takes literally, on one line.

    A text with characters that cannot be seen is written as ``$'…'``, which bash, zsh and POSIX
    (2024) know.

    Raises:
        ValueError: For what no word of a command line can hold: a NUL, or a lone surrogate.
    """
    value.encode()
    if "\0" in value:
        raise ValueError("a NUL cannot stand in a command line")
    if value.isprintable():
        return Word(shlex.quote(value))
    return Word(f"$'{''.join(map(_ansi_c, value))}'")


def _ansi_c(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    if char.isprintable():
        return char
    # Octal and always three digits, so that no digit after it can be taken for a part of it.
    return "".join(f"\\{byte:03o}" for byte in char.encode())


def mark_span(value: object) -> str:
    """In the proof, stands for :func:`code_span`."""
    return str(value) if isinstance(value, Word) else f"{_SPAN_MARK}{len(code_span(value))}"


def mark_word(value: str) -> Word:
    """In the proof, stands for :func:`shell_word`."""
    return Word(f"{_WORD_MARK}{len(shell_word(value))}")


def misplaced(marked: str) -> str | None:
    """Say which value of a skeleton stands where its form is not safe, or None.

    Args:
        marked: The skeleton rendered with ``mark_span`` and ``mark_word``.
    """
    fenced = False
    for number, line in enumerate(marked.split("\n"), start=1):
        if line.lstrip().startswith(_FENCE):
            fenced = not fenced
        for found in _MARK.finditer(line):
            if (found[0] == _WORD_MARK) != fenced:
                return f"line {number}: in a fenced block, and only there, a value takes '| sh'"
            if not fenced and line.count("`", 0, found.start()) % 2:
                return f"line {number}: a value is a code span already"
    return "a fenced block is not closed" if fenced else None
