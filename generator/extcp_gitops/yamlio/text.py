"""From the bytes of a person's file to characters that look like what they are."""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import TYPE_CHECKING

from extcp_gitops.errors import ExtcpError, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1024 * 1024
"""A file that a person keeps by hand is far below; the cap bounds time and memory."""

MAX_FINDINGS = 50
"""Per file: enough to work through, and a hostile file cannot fill the screen."""

BOM = "\ufeff"

# Control characters but tab and line feed, surrogates, line and paragraph separators (which
# YAML 1.1 takes for line breaks and 1.2 does not), noncharacters, and Unicode's
# Default_Ignorable_Code_Point but the variation selectors: bidirectional and zero-width ones.
_INVISIBLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    "\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
    "\U000e01f0-\U000e0fff"
)
INVISIBLE = re.compile(f"[{_INVISIBLE}]")
"""A character that a reviewer cannot see, or that YAML does not allow as it is."""

_NOT_ALLOWED = re.compile(rf"\r(?!\n)|(?!\r)[{_INVISIBLE}]")
_TAB_INDENTATION = re.compile(r"^ *(\t)", re.MULTILINE)


def decode(raw: bytes, file: str) -> str:
    """The file's text, without the byte order mark that some editors put first.

    Raises:
        ExtcpError: One finding for each problem, ``EXTCP-Y001`` to ``EXTCP-Y005``.
    """
    if len(raw) > MAX_BYTES:
        raise ExtcpError.of(
            "EXTCP-Y001",
            f"the file has {len(raw)} bytes; at most {MAX_BYTES} are read",
            "split it, or remove what does not belong into it",
            file,
        )
    text = _utf8(raw, file).removeprefix(BOM)
    findings = list(itertools.islice(_problems(text, file), MAX_FINDINGS))
    if findings:
        raise ExtcpError(*findings)
    return text


def describe(char: str) -> str:
    """The character by code point and name, which is all that can be shown of it."""
    return f"U+{ord(char):04X} {unicodedata.name(char, '(control character)')}"


def _utf8(raw: bytes, file: str) -> str:
    remedy = "save the file as UTF-8"
    # ASCII in UTF-16 without a byte order mark would pass as UTF-8 with a NUL after each letter.
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or 0 in raw[:2]:
        raise ExtcpError.of("EXTCP-Y002", "the file looks like UTF-16, not UTF-8", remedy, file)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = len(raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start].decode()) + 1
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        raise ExtcpError(Finding("EXTCP-Y002", message, remedy, file, line, column)) from None


def _problems(text: str, file: str) -> Iterator[Finding]:
    for match in _NOT_ALLOWED.finditer(text):
        yield _finding(
            text,
            match.start(),
            ("EXTCP-Y003", f"{describe(match[0])} is not allowed", "remove this character"),
            file,
        )
    for match in _TAB_INDENTATION.finditer(text):
        yield _finding(
            text,
            match.start(1),
            ("EXTCP-Y004", "a tab in the indentation", "indent with spaces; YAML allows no tab"),
            file,
        )
    if not unicodedata.is_normalized("NFC", text):
        yield from _not_composed(text, file)


def _not_composed(text: str, file: str) -> Iterator[Finding]:
    for number, line in enumerate(text.split("\n"), start=1):
        composed = unicodedata.normalize("NFC", line)
        if composed == line:
            continue
        same = itertools.takewhile(
            lambda pair: pair[0] == pair[1], zip(line, composed, strict=False)
        )
        column = sum(1 for _ in same) + 1
        yield Finding(
            "EXTCP-Y005",
            "letters and accents are not in Unicode's composed form (NFC)",
            "type this word again, or save the file in normal form C",
            file,
            number,
            column,
        )


def _finding(text: str, index: int, what: tuple[str, str, str], file: str) -> Finding:
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    return Finding(*what, file, line, column)
