from __future__ import annotations

import re

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from extcp_gitops.yamlio.scalars import AMBIGUOUS, read, read_core

SUSPICIOUS = (
    *("", "~", "null", "Null", "nULL", "true", "True", "tRUE", "y", "Y", "n", "yes", "no", "on"),
    *("OFF", "1:30", "190:20:30", "1:2:3:4:5:6:7:8", "0x1F", "0X1F", "-0x1F", "0o17", "0O17"),
    *("017", "08", "0b11", "1e3", "1E3", "12e03", "1.e3", "1.0e3", "1.0e+3", "1e+06", "1_000"),
    *("_1", ".5", "-.5", "+.5", ".", "-", "+", "--", ".inf", "-.Inf", "+.INF", ".nan", ".NaN"),
    *("2001-01-01", "2001-1-1", "2001-12-14t21:59:43.10-05:00", "=", "<<", "<", "9" * 400),
    *("1.29.1", "10.0.0.1", "1.", "-1.", "+1", "-0", "00", "0", "1e", "e1", "1.5e+400", "inf"),
)

texts = st.one_of(
    st.sampled_from(SUSPICIOUS),
    st.text("0123456789+-._:eExXoObBTZ aAfF~=<", max_size=12),
    st.from_regex(r"[-+]?[0-9_]{1,3}(\.[0-9_]{0,3})?([eE][-+]?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}", fullmatch=True),
    st.text(max_size=6).filter(lambda text: not text.startswith(("&", "*", "!"))),
)


def yaml_1_1(text: str) -> object:
    """By PyYAML, whatever it is."""
    loader = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return loader.construct_object(yaml.ScalarNode(tag, text))


def yaml_1_2(text: str) -> object:
    """By the table of section 10.3.2 of the specification, word for word."""
    if re.fullmatch(r"null|Null|NULL|~|", text):
        return None
    if re.fullmatch(r"true|True|TRUE|false|False|FALSE", text):
        return text.lower() == "true"
    for pattern, base in ((r"[-+]?[0-9]+", 10), (r"0o[0-7]+", 8), (r"0x[0-9a-fA-F]+", 16)):
        if re.fullmatch(pattern, text):
            return int(text, base)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
        return float(text)
    if re.fullmatch(r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN", text):
        return float(text.replace(".", ""))
    return text


@settings(max_examples=1000)
@given(texts)
def test_what_is_not_ambiguous_is_the_same_by_both_versions_of_yaml(text: str) -> None:
    value = read(text)
    if value is not AMBIGUOUS:
        assert (type(value), value) == (type(yaml_1_1(text)), yaml_1_1(text))
        assert (type(value), value) == (type(yaml_1_2(text)), yaml_1_2(text))


@settings(max_examples=1000)
@given(texts)
def test_the_core_reading_is_that_of_the_specification(text: str) -> None:
    assert repr(read_core(text)) == repr(yaml_1_2(text))


@given(st.from_regex(r"[a-z][a-z0-9./-]{5,60}", fullmatch=True))
def test_ordinary_names_are_text(text: str) -> None:
    assert read(text) == text


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers_of_64_bits_are_integers(number: int) -> None:
    assert read(str(number)) == number
