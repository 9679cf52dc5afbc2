from __future__ import annotations

import contextlib
import json
import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from extcp_gitops.errors import ExtcpError
from extcp_gitops.yamlio.load import Document, load_objects, parse

TEXT = """\
# what this is
kind: Mesh
controlPlanes:
  - name: external-istiod
    tls: {secretName: istiod-tls}
    port: 0x1F
  - 'quoted'
labels:
  empty:
pem: |
  x
"""


@pytest.fixture
def document() -> Document:
    return parse(TEXT.encode(), "mesh.yaml")


def test_data_is_plain(document: Document) -> None:
    plane = {"name": "external-istiod", "tls": {"secretName": "istiod-tls"}, "port": 31}
    assert document.data == {
        "kind": "Mesh",
        "controlPlanes": [plane, "quoted"],
        "labels": {"empty": None},
        "pem": "x\n",
    }
    assert document.file == "mesh.yaml"


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        ((), (2, 1)),
        (("kind",), (2, 7)),
        (("controlPlanes",), (4, 3)),
        (("controlPlanes", 0), (4, 5)),
        (("controlPlanes", 0, "tls", "secretName"), (5, 23)),
        (("controlPlanes", 1), (7, 5)),
        (("labels", "empty"), (9, 9)),
        (("pem",), (10, 6)),
        (("absent",), (2, 1)),
        (("controlPlanes", 0, "tls", "absent", "deeper"), (5, 10)),
        (("controlPlanes", 7), (4, 3)),
        (("controlPlanes", -1), (4, 3)),
        (("controlPlanes", "name"), (4, 3)),
        (("kind", 0), (2, 7)),
    ],
)
def test_mark_is_the_place_of_the_value_or_its_nearest_parent(
    document: Document, path: tuple[str | int, ...], mark: tuple[int, int]
) -> None:
    assert document.mark(*path) == mark


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        (("kind",), (2, 1)),
        (("controlPlanes", 0, "tls", "secretName"), (5, 11)),
        (("labels", "empty"), (9, 3)),
        (("controlPlanes", 1), (7, 5)),
        (("labels", "absent"), (9, 3)),
        (("kind", "of", "nothing"), (2, 7)),
        ((), (2, 1)),
    ],
)
def test_key_mark_is_the_place_of_the_key(
    document: Document, path: tuple[str | int, ...], mark: tuple[int, int]
) -> None:
    assert document.key_mark(*path) == mark


def test_source_tells_how_an_unquoted_scalar_was_written(document: Document) -> None:
    assert document.source("controlPlanes", 0, "port") == "0x1F"
    assert document.source("kind") == "Mesh"
    assert document.source("controlPlanes", 1) == ""
    assert document.source("controlPlanes") == ""
    assert document.source("absent", "deeper") == ""


def test_objects_of_a_tool_are_read_as_go_wrote_them() -> None:
    text = "a: 1e+06\nb: 2001-01-01\nc: 0o17\nd: yes\ne: 08\nf: =\ng: '1'\nh: .inf\ni: 1.5\n"
    assert load_objects(text) == [
        {
            "a": 1e6,
            "b": "2001-01-01",
            "c": 15,
            "d": "yes",
            "e": 8,
            "f": "=",
            "g": "1",
            "h": math.inf,
            "i": 1.5,
        }
    ]
    (nan,) = load_objects("a: .nan")
    assert math.isnan(nan["a"])


def test_empty_documents_of_a_tool_are_dropped() -> None:
    text = b"---\n---\na: b\n---\n# nothing\n---\na: c\n---\n"
    assert load_objects(text) == [{"a": "b"}, {"a": "c"}]
    assert load_objects(b"") == []


def test_anchors_tags_and_duplicate_keys_of_a_tool_are_read() -> None:
    text = "a: &x {b: [1, 2]}\nc: *x\nd: !!str 1\na: &x last\ne: *x\n"
    expected = {"a": "last", "c": {"b": [1, 2]}, "d": "1", "e": "last"}
    assert load_objects(text) == [expected]


@pytest.mark.parametrize(
    "text",
    ["a: b: c", "1: a", "[a]: b", "- a\n", "text", "a: *x", f"{'[' * 5000}{']' * 5000}", "a: \x00"],
)
def test_a_tool_that_writes_no_objects_is_an_error(text: str) -> None:
    with pytest.raises(ExtcpError) as caught:
        load_objects(text)
    (finding,) = caught.value.findings
    assert finding.code == "EXTCP-Y020"


PIECES = (
    *(
        "a",
        "b: ",
        "'",
        '"',
        "[",
        "]",
        "{",
        "}",
        ", ",
        ": ",
        "- ",
        "? ",
        "|",
        ">",
        "+",
        "\n",
        "\n  ",
    ),
    *("&x ", "*x", "!t ", "#", " # ", "%", "@", "`", "~", "<<: ", "---\n", "...\n", "\\", "no"),
    *(
        "\n  ",
        "\t",
        "\r\n",
        "\r",
        "\x00",
        "\ufeff",
        "é",
        "\u2028",
        "|2-\n",
        "a: b\n",
        "- c\n",
        "=",
        "1",
    ),
)
wild_files = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=25).map(lambda pieces: "".join(pieces).encode()),
    st.binary(max_size=30),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace")),
)


@settings(max_examples=500)
@given(wild_files)
def test_any_bytes_are_an_error_or_data_that_all_readers_agree_about(raw: bytes) -> None:
    try:
        data = parse(raw, "mesh.yaml").data
    except ExtcpError:
        return
    assert json.dumps(yaml.load(raw, Loader=yaml.CSafeLoader)) == json.dumps(data)
    assert load_objects(raw) == [data]


@settings(max_examples=500)
@given(wild_files)
def test_any_output_of_a_tool_is_an_error_or_objects(raw: bytes) -> None:
    with contextlib.suppress(ExtcpError):
        assert all(isinstance(obj, dict) for obj in load_objects(raw))
