from __future__ import annotations

import pytest

from extcp_gitops.errors import ExtcpError, Finding
from extcp_gitops.yamlio.edit import append, remove, set_value
from extcp_gitops.yamlio.load import parse

Path = tuple[str | int, ...]

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

MESH = """\
# yaml-language-server: $schema=.extcp-gitops/mesh.schema.json
apiVersion: extcp-gitops.io/v1alpha1
kind: Mesh

meshID: 'mesh1'   # never changes
repository: {url: "https://git.example.com/mesh.git", forge: gitea} # the one Argo CD reads

controlPlanes:
  # the first one
  - name: external-istiod            # also its namespace
    address: istiod.example.com
    tls:
      secretName: istiod-tls
    # caBundle: |  PEM of a private CA
# the end
"""

PLANE = "controlPlanes", 0


def finding_of(error: ExtcpError) -> Finding:
    (finding,) = error.findings
    return finding


def test_a_value_in_an_empty_mapping_in_a_list() -> None:
    edited = set_value(b"a:\n- {}  # c\n- x\n", ("a", 0, "b"), None, "mesh.yaml")
    assert edited == b"a:\n- {b: null}  # c\n- x\n"


def test_a_scalar_is_replaced_in_its_place() -> None:
    got = set_value(MESH.encode(), ("meshID",), "1e3", "mesh.yaml")
    assert got.decode() == MESH.replace("'mesh1'", '"1e3"')


def test_a_pem_is_added_where_no_parent_exists_yet() -> None:
    path = (*PLANE, "certificateAuthority", "rootCertificate")
    got = set_value(MESH.encode(), path, PEM, "mesh.yaml").decode()
    assert got == MESH.replace(
        "      secretName: istiod-tls\n",
        "      secretName: istiod-tls\n"
        "    certificateAuthority:\n"
        "      rootCertificate: |\n"
        "        -----BEGIN CERTIFICATE-----\n"
        "        MIIB\n"
        "        -----END CERTIFICATE-----\n",
    )
    again = set_value(got.encode(), path, PEM.replace("MIIB", "MIIC\nMIID"), "mesh.yaml").decode()
    assert again == got.replace("        MIIB\n", "        MIIC\n        MIID\n")
    assert remove(again.encode(), path[:-1], "mesh.yaml").decode() == MESH


def test_a_value_that_is_there_already_changes_nothing() -> None:
    raw = b'a: "x"   # quoted so\nb: >-\n  folded\n  text\n'
    assert set_value(raw, ("a",), "x", "mesh.yaml") == raw
    assert set_value(raw, ("b",), "folded text", "mesh.yaml") == raw
    assert set_value(b"a: 1\n", ("a",), True, "mesh.yaml") == b"a: true\n"


def test_a_control_plane_is_appended() -> None:
    plane = {"name": "second", "address": "two.example.com", "tls": {"secretName": "two-tls"}}
    got = append(MESH.encode(), ("controlPlanes",), plane, "mesh.yaml").decode()
    assert got == MESH.replace(
        "      secretName: istiod-tls\n    # caBundle: |  PEM of a private CA\n",
        "      secretName: istiod-tls\n"
        "    # caBundle: |  PEM of a private CA\n"
        "  - name: second\n"
        "    address: two.example.com\n"
        "    tls:\n"
        "      secretName: two-tls\n",
    )


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        # into nothing
        ("a:\n", ("a",), "x", "a: x\n"),
        ("a: # why\n", ("a",), "x", "a: x # why\n"),
        ("a:\nb: c\n", ("a",), {"k": "v"}, "a:\n  k: v\nb: c\n"),
        ("a: # why\nb: c\n", ("a",), PEM[:8] + "\n", "a: |  # why\n  -----BEG\nb: c\n"),
        ("a: ~\n", ("a", "b", "c"), 1, "a:\n  b:\n    c: 1\n"),
        ("a: {}  # none\n", ("a", "b"), 1, "a:  # none\n  b: 1\n"),
        ("{}\n", ("a", "b"), 1, "a:\n  b: 1\n"),
        # one kind of value by another
        ("a: b  # why\nc: d\n", ("a",), {"k": ["v"]}, "a:  # why\n  k:\n  - v\nc: d\n"),
        ("a: # why\n  b: c\n  d: e\n\n# f\nf: g\n", ("a",), 1, "a: 1  # why\n\n# f\nf: g\n"),
        ("a:\n- b\n- c\nd: e\n", ("a",), {"k": "v"}, "a:\n  k: v\nd: e\n"),
        ("a: |2-  # why\n   x\n\n\nb: c\n", ("a",), "v", "a: v  # why\n\n\nb: c\n"),
        ("a: |+\n  x\n\n\nb: c\n", ("a",), "v", "a: v\nb: c\n"),
        ("a: >\n  x\n  y\n  # z\n# w\n", ("a",), "v\nw", "a: |-\n  v\n  w\n# w\n"),
        ("a: 'x\n\n  y'  # why\n", ("a",), "z", "a: z  # why\n"),
        ("a:\n  x  # why\nb: c\n", ("a",), "z", "a:\n  z  # why\nb: c\n"),
        ("a: [b,\n  c] # why\nd: e\n", ("a",), {"k": "v"}, "a:  # why\n  k: v\nd: e\n"),
        ("a: b\n", ("a",), [], "a: []\n"),
        ("- a".replace("- a", "k:\n  - a\n"), ("k",), None, "k: null\n"),
        # deeper and further
        (
            "a:\n    b: c\nd: e\n",
            ("a", "x"),
            {"w": "z"},
            "a:\n    b: c\n    x:\n      w: z\nd: e\n",
        ),
        ("a:\n- b: c\n-   d: e\n", ("a", 1, "f"), 1, "a:\n- b: c\n-   d: e\n    f: 1\n"),
        ("a:\n  b: c\n  # d\n\n# e\n", ("a", "x"), 1, "a:\n  b: c\n  x: 1\n  # d\n\n# e\n"),
        (
            "a: |\n  b\n\nc:\n  d: |+\n    e\n\nf: g\n",
            ("c", "x"),
            1,
            "a: |\n  b\n\nc:\n  d: |+\n    e\n\n  x: 1\nf: g\n",
        ),
        ("---\na: b\n...\n", ("x",), 1, "---\na: b\nx: 1\n...\n"),
        ("'a b' : c\n", ("a b",), {"k": 1}, "'a b' :\n  k: 1\n"),
        ('"a": {b: c}\n', ("a",), "x: y", '"a": "x: y"\n'),
        # flow
        ("a: {b: c}  # why\n", ("a", "x"), "v", "a: {b: c, x: v}  # why\n"),
        ("a: {b: c, }\n", ("a", "x"), "https://h", 'a: {b: c, x: "https://h", }\n'),
        ("a: {b: c}\n", ("a", "b"), {"k": [1, {}, "1e3"]}, 'a: {b: {k: [1, {}, "1e3"]}}\n'),
        ("a: {b: c}\n", ("a", "x", "w"), PEM[:6] + "\n-", 'a: {b: c, x: {w: "-----B\\n-"}}\n'),
        (
            "a: {\n  b: c,  # b\n  d: e   # d\n}\n",
            ("a", "x"),
            1,
            "a: {\n  b: c,  # b\n  d: e, x: 1   # d\n}\n",
        ),
        ("a: [{b: c}]\n", ("a", 0, "b"), None, "a: [{b: null}]\n"),
        ("a: [{}]\n", ("a", 0, "b"), 1, "a: [{b: 1}]\n"),
        ("{a: b}\n", ("c",), "d", "{a: b, c: d}\n"),
        ("a: {b: , c: d}\n", ("a", "b"), 1, "a: {b: 1, c: d}\n"),
    ],
)
def test_set_value(before: str, path: Path, value: object, after: str) -> None:
    assert set_value(before.encode(), path, value, "mesh.yaml").decode() == after


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("a: b\n", ("x",), "v", "a: b\nx:\n- v\n"),
        ("a:\nb: c\n", ("a",), {"k": "v"}, "a:\n- k: v\nb: c\n"),
        ("a: []  # none\n", ("a",), {"k": "v", "l": 1}, "a:  # none\n- k: v\n  l: 1\n"),
        ("a:\n- b\n# c\n", ("a",), "d", "a:\n- b\n- d\n# c\n"),
        (
            "a:\n   - b: c\n     d: e # f\n",
            ("a",),
            {"k": ["v"]},
            "a:\n   - b: c\n     d: e # f\n   - k:\n     - v\n",
        ),
        ("a: [b]\n", ("a",), {"k": "v"}, "a: [b, {k: v}]\n"),
        ("a: [b,]\n", ("a",), "c", "a: [b, c,]\n"),
        ("a: {b: []}\n", ("a", "b"), 1, "a: {b: [1]}\n"),
        ("a:\n- - b\n", ("x", "w"), 1, "a:\n- - b\nx:\n  w:\n  - 1\n"),
    ],
)
def test_append(before: str, path: Path, value: object, after: str) -> None:
    assert append(before.encode(), path, value, "mesh.yaml").decode() == after


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("a: b\nc: d\n", ("x",), "a: b\nc: d\n"),
        ("a: b\nc: d\n", ("x", "y", "z"), "a: b\nc: d\n"),
        ("a: b\nc: d\n", ("a",), "c: d\n"),
        ("a: b\n# x\nc: d  # y\n# z\n", ("c",), "a: b\n# x\n# z\n"),
        ("a: b\nc:\n  d: |\n    e\n\n    f\n\n# g\nh: i\n", ("c",), "a: b\n\n# g\nh: i\n"),
        ("a:\n  # x\n  b: c\n  # y\nd: e\n", ("a", "b"), "a: {}\n  # x\n  # y\nd: e\n"),
        ("a: # w\n  b:\n  - c\nd: e\n", ("a", "b"), "a: {} # w\nd: e\n"),
        ("a: b\n", ("a",), "{}\n"),
        ("a:\n- b: c # d\n", ("a", 0, "b"), "a:\n- {} # d\n"),
        ("a:\n- b: c # d\n  e: f\n", ("a", 0, "b"), "a:\n- e: f\n"),
        ("a:\n- b: c # d\n  # e\n  f: g\n", ("a", 0, "b"), "a:\n-\n  # e\n  f: g\n"),
        ("a:\n- b: c\n  d: e\n", ("a", 0, "d"), "a:\n- b: c\n"),
        ("? a\n: b: c\n  d: e\nf: g\n", ("a", "b"), "? a\n: d: e\nf: g\n"),
        ("a: {b: c, d: e}\n", ("a", "b"), "a: {d: e}\n"),
        ("a: {b: c, d: e}\n", ("a", "d"), "a: {b: c}\n"),
        ("a: {b: c, d: e,}\n", ("a", "d"), "a: {b: c,}\n"),
        ("a: {b: c,} # d\n", ("a", "b"), "a: {} # d\n"),
    ],
)
def test_remove(before: str, path: Path, after: str) -> None:
    assert remove(before.encode(), path, "mesh.yaml").decode() == after


@pytest.mark.parametrize("text", [MESH, MESH.rstrip("\n"), "a: b\nc: d", "a:\n  b: c"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_form_of_the_file_stays(text: str, newline: str, mark: str) -> None:
    raw = (mark + text.replace("\n", newline)).encode()
    edited = set_value(raw, ("new",), {"k": "v\nw"}, "mesh.yaml")
    assert edited.count(b"\r\n") == edited.count(b"\n") * (newline == "\r\n")
    assert edited.endswith(b"\n") == raw.endswith(b"\n")
    assert parse(edited, "mesh.yaml").data["new"] == {"k": "v\nw"}
    assert remove(edited, ("new",), "mesh.yaml") == raw


def test_a_text_that_ends_with_a_line_break_brings_it_to_the_end_of_the_file() -> None:
    assert set_value(b"a: b", ("c",), "d\ne\n", "mesh.yaml") == b"a: b\nc: |\n  d\n  e\n"
    assert set_value(b"a: b", ("c",), "d\n e", "mesh.yaml") == b"a: b\nc: |-\n  d\n   e"


@pytest.mark.parametrize(
    ("text", "path", "place", "what"),
    [
        ("a: b\n", ("a", "c"), "mesh.yaml:1:4", "a is not a mapping"),
        ("a: [b]\n", ("a", "c"), "mesh.yaml:1:4", "a is not a mapping"),
        ("a:\n- b\n", ("a", 0, "c"), "mesh.yaml:2:3", "a.0 is not a mapping"),
        ("a:\n- b\n", ("a", 3, "c"), "mesh.yaml:2:1", "a is not a mapping"),
        ("a: {}\n", ("a", 0), "mesh.yaml:1:4", "a is not a mapping"),
    ],
)
def test_a_path_through_something_else_is_an_error(
    text: str, path: Path, place: str, what: str
) -> None:
    with pytest.raises(ExtcpError) as caught:
        set_value(text.encode(), path, 1, "mesh.yaml")
    finding = finding_of(caught.value)
    assert (finding.code, finding.location) == ("EXTCP-Y021", place)
    assert finding.message == what


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: {b: c, # why\n  d: e}\n", ("a", "b")),
        ("a: {\n  b: c,\n  # why\n  d: e\n}\n", ("a", "d")),
    ],
)
def test_what_cannot_be_removed_alone_is_left_to_a_person(text: str, path: Path) -> None:
    with pytest.raises(ExtcpError) as caught:
        remove(text.encode(), path, "mesh.yaml")
    finding = finding_of(caught.value)
    assert (finding.code, finding.file) == ("EXTCP-Y022", "mesh.yaml")
    assert ".".join(map(str, path)) in finding.message
    assert "by hand" in finding.remedy


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("a: |\n  b", ("c",), "d"),  # the block would end with a line break it had not
        ("a: b\n    # c\n", ("a",), "d\ne\n"),  # the comment would become text
        ("{a}\n", ("a",), "b"),
        ("a: b\n", ("c",), "\x00"),  # nothing that could not be read back
    ],
)
def test_what_cannot_be_set_alone_is_left_to_a_person(text: str, path: Path, value: str) -> None:
    with pytest.raises(ExtcpError) as caught:
        set_value(text.encode(), path, value, "mesh.yaml")
    assert finding_of(caught.value).code == "EXTCP-Y022"


@pytest.mark.parametrize("text", ["a: [b\n", "a: &x b\n", "- a\n", ""])
def test_a_file_that_is_not_in_order_is_not_edited(text: str) -> None:
    for edit in (set_value, append):
        with pytest.raises(ExtcpError):
            edit(text.encode(), ("a",), "b", "mesh.yaml")
    with pytest.raises(ExtcpError):
        remove(text.encode(), ("a",), "mesh.yaml")


def test_append_to_something_else_is_an_error() -> None:
    with pytest.raises(ExtcpError) as caught:
        append(b"a: {b: c}\n", ("a",), "d", "mesh.yaml")
    finding = finding_of(caught.value)
    assert (finding.code, finding.location) == ("EXTCP-Y021", "mesh.yaml:1:4")
    assert finding.message == "a is not a list"
