from __future__ import annotations

import codecs

import pytest

from extcp_gitops.errors import ExtcpError, Finding
from extcp_gitops.yamlio.load import parse
from extcp_gitops.yamlio.text import MAX_BYTES, MAX_FINDINGS


def findings(raw: bytes) -> tuple[Finding, ...]:
    with pytest.raises(ExtcpError) as caught:
        parse(raw, "mesh.yaml")
    return caught.value.findings


def places(raw: bytes) -> list[tuple[str, str]]:
    return [(finding.code, finding.location) for finding in findings(raw)]


def test_a_file_of_exactly_the_limit_is_read() -> None:
    raw = b"a: b\n#".ljust(MAX_BYTES, b"x")
    assert parse(raw, "mesh.yaml").data == {"a": "b"}


def test_a_larger_file_is_refused_before_it_is_read() -> None:
    (finding,) = findings(b"\xff" * (MAX_BYTES + 1))
    assert finding.code == "EXTCP-Y001"
    assert str(MAX_BYTES) in finding.message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_named(encoding: str) -> None:
    (finding,) = findings("name: mesh1\n".encode(encoding))
    assert finding.code == "EXTCP-Y002"
    assert "UTF-16" in finding.message
    assert "UTF-8" in finding.remedy


@pytest.mark.parametrize(
    ("raw", "location"),
    [
        (b"a: \xff", "mesh.yaml:1:4"),
        (b"# \xc3\xa9\nb: \xc3\xa9\xe9\n", "mesh.yaml:2:5"),
        (b"a: \xc0\x80", "mesh.yaml:1:4"),  # an overlong NUL
        (b"a: \xed\xa0\x80", "mesh.yaml:1:4"),  # a lone surrogate
    ],
)
def test_bytes_that_are_no_utf_8_are_found(raw: bytes, location: str) -> None:
    assert places(raw) == [("EXTCP-Y002", location)]


def test_a_byte_order_mark_is_dropped() -> None:
    document = parse(codecs.BOM_UTF8 + b"name: mesh1\n", "mesh.yaml")
    assert document.data == {"name": "mesh1"}
    assert document.mark("name") == (1, 7)


@pytest.mark.parametrize(
    "char",
    [
        *("\x00", "\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\x9f"),
        *("\xad", "\u061c", "\u180e", "\u200b", "\u200c", "\u200d", "\u200e", "\u200f"),
        *("\u2028", "\u2029", "\u202a", "\u202e", "\u2060", "\u2066", "\u2069", "\u3164"),
        *("\ufeff", "\ufff9", "\ufffe", "\uffff", "\U000e0041"),
    ],
)
def test_characters_that_nobody_sees_are_refused_wherever_they_stand(char: str) -> None:
    raw = f"kind: Mesh # {char}\nname: 'é{char}x'\nk{char}: |\n  {char}\n".encode()
    found = findings(raw)
    assert [finding.location for finding in found] == [
        "mesh.yaml:1:14",
        "mesh.yaml:2:9",
        "mesh.yaml:3:2",
        "mesh.yaml:4:3",
    ]
    assert {finding.code for finding in found} == {"EXTCP-Y003"}
    assert f"U+{ord(char):04X}" in found[0].message
    assert char not in str(found)


def test_a_carriage_return_alone_is_refused() -> None:
    assert places(b"a: b\r\nc: d\re: f\r") == [
        ("EXTCP-Y003", "mesh.yaml:2:5"),
        ("EXTCP-Y003", "mesh.yaml:2:10"),
    ]


def test_crlf_and_other_scripts_are_fine() -> None:
    document = parse("name: Бразд→∂ 東京 é 🚀\r\nnext: x\r\n".encode(), "mesh.yaml")
    assert document.data == {"name": "Бразд→∂ 東京 é 🚀", "next": "x"}
    assert document.mark("next") == (2, 7)


@pytest.mark.parametrize(
    ("raw", "location"),
    [
        (b"a:\n\tb: c\n", "mesh.yaml:2:1"),
        (b"a:\n  b: c\n  \td: e\n", "mesh.yaml:3:3"),
        (b"a:\r\n\t- b\r\n", "mesh.yaml:2:1"),
    ],
)
def test_a_tab_in_the_indentation_is_named(raw: bytes, location: str) -> None:
    assert places(raw) == [("EXTCP-Y004", location)]


def test_a_tab_elsewhere_is_fine() -> None:
    assert parse(b"a:\tb # c\td\ne: 'f\tg'\n", "mesh.yaml").data == {"a": "b", "e": "f\tg"}


def test_text_that_is_not_composed_is_refused() -> None:
    assert places("a: b\nname: caf\u0065\u0301\n".encode()) == [("EXTCP-Y005", "mesh.yaml:2:10")]
    assert parse("name: caf\u00e9\n".encode(), "mesh.yaml").data == {"name": "café"}


def test_a_hostile_file_does_not_fill_the_screen() -> None:
    assert len(findings(b"a: b\n" + b"\x01" * 10_000)) == MAX_FINDINGS
    assert len(findings(b"a: *b\n" * 10_000)) == MAX_FINDINGS
