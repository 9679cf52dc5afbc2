"""Writes objects as YAML that every reader reads the same way; ``verify`` proves it.

PyYAML's dumper leaves ``1e3``, ``0o17``, ``08`` and ``1234567e8`` unquoted, because to YAML 1.1
they are text; kustomize makes numbers of them. Here a text is plain only where it begins with a
letter or ``/``, has no character that YAML gives a meaning, and is no word that some reader takes
for a truth value. All else is quoted the way JSON does, or a literal block.
"""

from __future__ import annotations

import functools
import json
import math
import re
from typing import TYPE_CHECKING

from extcp_gitops.yamlio.scalars import INT64, is_word
from extcp_gitops.yamlio.text import INVISIBLE

if TYPE_CHECKING:
    from collections.abc import Iterable

_INDENT = "  "
_LONGEST_KEY = 1000  # YAML reads at most 1024 characters on the way to the colon of a key

_SAFE = re.compile(r"[A-Za-z/](?:[A-Za-z0-9_./:@+=-]*[A-Za-z0-9_/+=-])?")
_LONGEST_CACHED = 64
_LINE = re.compile(r"^(?=.)", re.MULTILINE)
_encode = json.JSONEncoder(ensure_ascii=False).encode

# A literal block cannot hold these as they are; a tab that stands where the indentation of the
# text could end is legal but misread by eye and by editors, and our own loader refuses it.
_NOT_LITERAL = re.compile(rf"{INVISIBLE.pattern}|^ *\t", re.MULTILINE)


def dump(obj: object) -> str:
    """One object as one YAML document in block style, keys in the order given.

    Args:
        obj: Nested dicts with str keys, lists, str, int, float, bool and None.

    Returns:
        Text that ends with a newline; time and size are linear in the object.

    Raises:
        TypeError: For anything else; also for subclasses that are no str, such as an IntEnum.
        ValueError: For a number or a character that JSON in UTF-8 cannot carry, and for a key of
            more than 1000 characters.
    """
    out: list[str] = []
    if isinstance(obj, dict) and obj:
        _mapping(obj, "", "", out)
    elif isinstance(obj, list) and obj:
        _sequence(obj, "", "", out)
    else:
        out.append(f"{_inline(obj)}\n")
    return "".join(out)


def dump_all(objs: Iterable[object]) -> str:
    """Several documents, with a line ``---`` between them; see :func:`dump`."""
    return "---\n".join(map(dump, objs))


def scalar(value: str) -> str:
    """The text as a scalar on one line, quoted where needed; as a value or as a key in a block."""
    if len(value) <= _LONGEST_CACHED:
        return _cached(value)
    return value if _SAFE.fullmatch(value) else quoted(value)


def quoted(value: str) -> str:
    """The text in double quotes on one line, which no reader of YAML can take for anything else.

    It is JSON, but for characters beyond U+FFFF that cannot be seen: YAML has no surrogate pairs.
    """
    text = _encode(value)
    return text if text.isascii() and "\x7f" not in text else INVISIBLE.sub(_escape, text)


@functools.lru_cache(maxsize=8192)
def _cached(value: str) -> str:
    # A subclass of str, such as a member of a StrEnum, becomes a plain str here.
    return str.__str__(value) if _SAFE.fullmatch(value) and not is_word(value) else quoted(value)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004  the surrogates
        raise ValueError("a lone surrogate is no character and cannot be written")
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


@functools.lru_cache(maxsize=8192)
def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key must be a str, not {type(key).__name__}")
    text = scalar(key)
    if len(text) > _LONGEST_KEY:
        raise ValueError(f"a key must not be longer than {_LONGEST_KEY} characters")
    return f"{text}:"


def _mapping(mapping: dict[str, object], lead: str, pad: str, out: list[str]) -> None:
    """Appends lines; the first begins with ``lead``, the others with ``pad``."""
    inner = pad + _INDENT
    for key, value in mapping.items():
        if isinstance(value, dict) and value:
            out.append(f"{lead}{_key(key)}\n")
            _mapping(value, inner, inner, out)
        elif isinstance(value, list) and value:
            # Items stand right below the key, as kubectl and kustomize have it.
            out.append(f"{lead}{_key(key)}\n")
            _sequence(value, pad, pad, out)
        else:
            out.append(f"{lead}{_key(key)} {_leaf(value, inner)}\n")
        lead = pad


def _sequence(sequence: list[object], lead: str, pad: str, out: list[str]) -> None:
    """Appends lines; the first begins with ``lead``, the others with ``pad``."""
    inner = pad + _INDENT
    for item in sequence:
        if isinstance(item, dict) and item:
            _mapping(item, f"{lead}- ", inner, out)
        elif isinstance(item, list) and item:
            _sequence(item, f"{lead}- ", inner, out)
        else:
            out.append(f"{lead}- {_leaf(item, inner)}\n")
        lead = pad


def _leaf(value: object, pad: str) -> str:
    """What follows the colon or the dash; ``pad`` is the indentation of a literal block."""
    if isinstance(value, str) and "\n" in value and _is_literal(value):
        chomping = "" if value[-1] == "\n" else "-"
        indentation = len(_INDENT) if value[0] in " \n" else ""
        body = _LINE.sub(pad, value.removesuffix("\n"))
        return f"|{indentation}{chomping}\n{body}"
    return _inline(value)


def _is_literal(value: str) -> bool:
    """Whether a literal block says exactly this text, and shows it."""
    last_line = value.removesuffix("\n").rpartition("\n")[2]
    return bool(last_line.strip(" ")) and not _NOT_LITERAL.search(value)


def _inline(value: object) -> str:
    if isinstance(value, str):
        return scalar(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) is int:
        return _int(value)
    if type(value) is float:
        return _float(value)
    if value in ({}, []):
        return "{}" if isinstance(value, dict) else "[]"
    raise TypeError(f"{type(value).__name__} has no place in a YAML document")


def _int(value: int) -> str:
    if value not in INT64:
        raise ValueError("an integer of more than 64 bits is a float to Go")
    return str(value)


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError("JSON has no infinity and no NaN")
    mantissa, exponent, power = repr(value).partition("e")
    # To YAML 1.1, 1e+16 is text and 1.0e+16 a number.
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{exponent}{power}"
