"""What a plain (unquoted) scalar means, and whether all readers of YAML agree about it.

Kubernetes' tools, Argo CD, kustomize and editors read YAML by different rules: 1.1, the 1.2 core
schema, and Go's mixture of both. ``no``, ``1:30``, ``1e3``, ``0o17`` and ``08`` are text to one
and something else to another. Nothing here picks a winner: such a scalar is ambiguous, an error
in a person's file and always quoted in a generated one.

Rules: https://yaml.org/type/ (1.1), https://yaml.org/spec/1.2.2/#103-core-schema (1.2), and
``resolve.go`` of go-yaml 2 and 3.
"""

from __future__ import annotations

import enum
import functools
import math
import re

import yaml
from yaml.resolver import Resolver

INT64 = range(-(2**63), 2**63)
"""What Go reads as an integer; it turns a larger one into a float."""

Plain = str | int | float | bool | None
"""What a scalar can be in a document that turns into JSON."""


class Ambiguous(enum.Enum):
    """Stands in for the value of a scalar that readers disagree about."""

    AMBIGUOUS = enum.auto()


AMBIGUOUS = Ambiguous.AMBIGUOUS

_CONSTANTS: dict[str, Plain] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_SUSPECT_FIRST = frozenset("-+.0123456789~=<")

# The forms that are the same number everywhere. The lengths keep int() and float() linear.
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"(?:[-+]?[0-9]{1,40}\.[0-9]{0,40}|\.[0-9]{1,40})(?:[eE][-+][0-9]{1,3})?")

# Whatever 1.2 or Go reads as a number or a time; what 1.1 does, PyYAML's own resolver says.
_NOT_TEXT_TO_SOMEBODY = re.compile(
    r"""
      [-+]?0[xXoObB][0-9a-fA-F_]+
    | [-+]?(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9_]+)?
    | [-+]?\.(?:inf|nan)
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[tT\ \t].*)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CORE_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_CORE_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_STRING_TAG = "tag:yaml.org,2002:str"
_YAML_1_1 = Resolver()


def is_word(text: str) -> bool:
    """Whether the text is one that some reader takes for a truth value or for null."""
    return len(text) <= 5 and text.lower() in _WORDS  # noqa: PLR2004  the longest is "false"


@functools.lru_cache(maxsize=8192)
def read(text: str) -> Plain | Ambiguous:
    """The value of a plain scalar, or ``AMBIGUOUS`` where readers of YAML disagree about it."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _SUSPECT_FIRST:
        return AMBIGUOUS if is_word(text) else text
    number = _number(text)
    if number is not None:
        return number
    return AMBIGUOUS if _is_not_text_to_somebody(text) else text


@functools.lru_cache(maxsize=8192)
def read_core(text: str) -> Plain:
    """The value of a plain scalar by the core schema of YAML 1.2, as Go's tools write it."""
    value = read(text)
    if value is not AMBIGUOUS:
        return value
    if _CORE_INT.fullmatch(text):
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    if _CORE_FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _number(text: str) -> int | float | None:
    """The number that every reader makes of the text, or None."""
    if _INT.fullmatch(text):
        number = int(text)
        return number if number in INT64 else None
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else None
    return None


def _is_not_text_to_somebody(text: str) -> bool:
    if _NOT_TEXT_TO_SOMEBODY.fullmatch(text):
        return True
    tag = _YAML_1_1.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return bool(tag != _STRING_TAG)
