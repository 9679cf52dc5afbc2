from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from extcp_gitops.errors import ExtcpError, Finding
from extcp_gitops.yamlio.load import parse

DEEPEST = 64


@pytest.fixture(params=[yaml.CSafeLoader, yaml.SafeLoader], ids=["libyaml", "pure Python"])
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extcp_gitops.yamlio.events._Parser", request.param)


pytestmark = pytest.mark.usefixtures("_parser")


def findings(text: str) -> tuple[Finding, ...]:
    with pytest.raises(ExtcpError) as caught:
        parse(text.encode(), "mesh.yaml")
    return caught.value.findings


def places(text: str) -> list[tuple[str, str]]:
    return [(finding.code, finding.location) for finding in findings(text)]


@pytest.mark.parametrize("hostile", ["[", "{", "- ", "? ", "[{a: ", "- - ? "])
def test_a_hundred_thousand_brackets_end_in_an_error_and_not_in_a_crash(hostile: str) -> None:
    # In a process of its own: an overflow of the C stack would take the test run with it.
    script = (
        "import sys; from extcp_gitops.errors import ExtcpError\n"
        "from extcp_gitops.yamlio.load import parse\n"
        "try: parse(sys.argv[1].encode() * 100_000, 'mesh.yaml')\n"
        "except ExtcpError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, hostile],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "EXTCP-Y007 collections are nested more than 64 deep" in done.stdout


@pytest.mark.parametrize("hostile", ["[", "{", "[{a: "])
def test_brackets_up_to_the_size_limit_end_in_one_finding(hostile: str) -> None:
    (finding,) = findings(f"a: {hostile * 150_000}")
    assert finding.code == "EXTCP-Y007"


def test_the_deepest_nesting_is_read() -> None:
    inner = DEEPEST - 1
    document = parse(f"a: {'[' * inner}{']' * inner}".encode(), "mesh.yaml")
    value = document.data["a"]
    for _ in range(inner - 1):
        (value,) = value
    assert value == []
    assert places(f"a: {'[' * DEEPEST}{']' * DEEPEST}") == [("EXTCP-Y007", "mesh.yaml:1:67")]


def test_an_alias_bomb_is_refused() -> None:
    lines = ['a0: &a0 ["lol"]']
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    found = findings("\n".join(lines))
    assert {finding.code for finding in found} == {"EXTCP-Y008"}
    assert found[0].location == "mesh.yaml:1:5"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("&a [*a]", ["EXTCP-Y008", "EXTCP-Y008", "EXTCP-Y014"]),
        ("a: &x b\nc: *x", ["EXTCP-Y008", "EXTCP-Y008"]),
        ("a: *never", ["EXTCP-Y008"]),
        ("? *x\n: b", ["EXTCP-Y008"]),
        ("a: !!python/object/apply:os.system [id]", ["EXTCP-Y009"]),
        ("a: !!str 1", ["EXTCP-Y009"]),
        ("a: ! b", ["EXTCP-Y009"]),
        ("!!map {a: b}", ["EXTCP-Y009"]),
        ("<<: {a: b}", ["EXTCP-Y010"]),
        ("base: &b {a: b}\nx:\n  <<: *b", ["EXTCP-Y008", "EXTCP-Y010", "EXTCP-Y008"]),
        ("%YAML 1.1\n---\na: b", ["EXTCP-Y011"]),
        ("%TAG ! tag:example.com,2000:\n---\na: b", ["EXTCP-Y011"]),
        ("a: b\n---\nc: d", ["EXTCP-Y012"]),
        ("a: b\n---\n", ["EXTCP-Y012"]),
        ("", ["EXTCP-Y013"]),
        ("# nothing yet\n", ["EXTCP-Y013"]),
        ("---\n", ["EXTCP-Y013"]),
        ("null\n", ["EXTCP-Y013"]),
        ("- a\n", ["EXTCP-Y014"]),
        ("just text\n", ["EXTCP-Y014"]),
        ("1\n", ["EXTCP-Y014"]),
        ("1: a", ["EXTCP-Y016"]),
        ("true: a", ["EXTCP-Y016"]),
        ("~: a", ["EXTCP-Y016"]),
        ("?\n: a", ["EXTCP-Y016"]),
        ("[a]: b", ["EXTCP-Y016"]),
        ("? {a: b}\n: c", ["EXTCP-Y016"]),
        ("on: a", ["EXTCP-Y017"]),
        ("a: b: c", ["EXTCP-Y006"]),
        ("a: 'b", ["EXTCP-Y006"]),
        ("a: b\n  c: d", ["EXTCP-Y006"]),
        ("a: @b", ["EXTCP-Y006"]),
        ("a: [b", ["EXTCP-Y006"]),
        ('a: "\\q"', ["EXTCP-Y006"]),
        (f"{'k' * 2000}: a", ["EXTCP-Y006"]),
    ],
)
def test_what_is_not_plain_data_is_refused(text: str, expected: list[str]) -> None:
    found = findings(text)
    assert sorted(finding.code for finding in found) == sorted(expected)
    assert all(finding.remedy for finding in found)


def test_what_looks_like_more_but_is_quoted_is_text() -> None:
    text = "'<<': '*a'\n\"1\": '&a'\n'no': '!tag'\n'---': '%YAML'\n"
    expected = {"<<": "*a", "1": "&a", "no": "!tag", "---": "%YAML"}
    assert parse(text.encode(), "mesh.yaml").data == expected


def test_a_single_document_may_be_marked() -> None:
    assert parse(b"---\na: b\n...\n", "mesh.yaml").data == {"a": "b"}


def test_a_duplicate_key_is_named_with_both_lines() -> None:
    text = "a: 1\nb:\n  c: 1\n  d: 2\n  'c': 3\na: 2\n"
    first, second = findings(text)
    assert first.location == "mesh.yaml:5:3"
    assert first.message == "the key `c` is given twice: in line 3 and in line 5"
    assert second.location == "mesh.yaml:6:1"
    assert second.message == "the key `a` is given twice: in line 1 and in line 6"
    assert {first.code, second.code} == {"EXTCP-Y015"}


@pytest.mark.parametrize(
    "text",
    [
        *("y", "N", "yes", "No", "on", "OFF", "tRue", "=", "<<"),
        *("1:30", "190:20:30", "2001-01-01", "2001-1-1", "2001-12-14t21:59:43.10-05:00"),
        *("1e3", "12e03", "1234567e8", "0o17", "-0o17", "017", "08", "1_000", "0x_1F", "0b101"),
        *("0X1F", "0B1", ".inf", "-.INF", ".NaN", "-.5", "1.0e3", "9" * 5000, "1.0e+999"),
        *("-0x1F", "+0o17", "00", "-08"),
    ],
)
def test_a_scalar_that_readers_disagree_about_must_be_quoted(text: str) -> None:
    (finding,) = findings(f"kind: Mesh\nname: {text}\n")
    assert (finding.code, finding.location) == ("EXTCP-Y017", "mesh.yaml:2:7")
    assert text[:40] in finding.message
    assert len(finding.message) < 200
    assert "quote it" in finding.remedy
    assert parse(f"name: '{text}'".encode(), "mesh.yaml").data == {"name": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("", None), ("~", None), ("null", None), ("NULL", None)),
        *(("true", True), ("False", False), ("TRUE", True)),
        *(("0", 0), ("-7", -7), ("+7", 7), ("0x1F", 31), (str(2**63 - 1), 2**63 - 1)),
        *(("1.5", 1.5), ("-1.", -1.0), (".5", 0.5), ("1.5e+3", 1500.0)),
        *(("1.29.1", "1.29.1"), ("10.0.0.1", "10.0.0.1"), ("v1", "v1"), ("1a", "1a")),
        *(("a:b", "a:b"), ("-x", "-x"), ("::1", "::1"), ("fd00::1", "fd00::1"), ("<a", "<a")),
        *(("https://istiod.example.com:15012", "https://istiod.example.com:15012"),),
    ],
)
def test_a_scalar_that_readers_agree_about_is_read(text: str, value: object) -> None:
    got = parse(f"key: {text}\n".encode(), "mesh.yaml").data["key"]
    assert (type(got), got) == (type(value), value)


def test_an_escape_cannot_smuggle_what_is_not_allowed() -> None:
    text = 'a: "x\\0"\nb: "\\u202e"\nc: "\\x1b[31m"\n"\\e": x\nd: "\\r\\n\\t\\u00e9"\n'
    found = findings(text)
    assert [finding.line for finding in found] == [1, 2, 3, 4, 5]
    assert {finding.code for finding in found} == {"EXTCP-Y018"}
    assert "\x1b" not in str(found)


def test_a_key_in_a_message_is_short_and_printable() -> None:
    key = "k" * 500
    (finding,) = findings(f"{key}: 1\n{key}: 2\n")
    assert len(finding.message) < 120


def test_all_problems_are_told_at_once() -> None:
    text = "a: no\nb: *x\nc: !t d\na: 1\n2: x\n<<: {}\n---\n"
    assert places(text) == [
        ("EXTCP-Y017", "mesh.yaml:1:4"),
        ("EXTCP-Y008", "mesh.yaml:2:4"),
        ("EXTCP-Y009", "mesh.yaml:3:4"),
        ("EXTCP-Y015", "mesh.yaml:4:1"),
        ("EXTCP-Y016", "mesh.yaml:5:1"),
        ("EXTCP-Y010", "mesh.yaml:6:1"),
        ("EXTCP-Y012", "mesh.yaml:7:1"),
    ]


def test_problems_before_a_syntax_error_are_told_too() -> None:
    assert places("a: no\nb: c: d\n") == [
        ("EXTCP-Y017", "mesh.yaml:1:4"),
        ("EXTCP-Y006", "mesh.yaml:2:5"),
    ]
