from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from extcp_gitops.render.stamp import MARK, Ownership, ownership, stamp

COMMENTED = [
    "a.yaml",
    ".gitlab-ci.yml",
    ".gitattributes",
    ".extcp-gitops/.gitignore",
    "README.md",
]
JSON_BODY = json.dumps({"$schema": "https://json-schema.org/x", "type": "object"}, indent=2) + "\n"


@pytest.mark.parametrize("path", COMMENTED)
@given(body=st.text(st.characters(codec="utf-8")))
def test_what_is_stamped_is_intact_and_holds_the_body(path: str, body: str) -> None:
    content = stamp(path, body)
    assert ownership(content) is Ownership.INTACT
    assert content.endswith(b"\n" + body.encode())
    assert MARK.encode() in content.splitlines()[0]


def test_one_line_tells_people_what_to_edit_instead() -> None:
    lines = stamp("clusters/a/kustomization.yaml", "kind: Kustomization\n").decode().splitlines()
    assert "mesh.yaml" in lines[1]
    assert "cluster.yaml" in lines[1]
    assert "custom/" in lines[1]
    assert lines[2:] == ["kind: Kustomization"]


def test_yaml_stays_the_same_object() -> None:
    assert yaml.safe_load(stamp("a.yaml", "a: [1, 2]\n")) == {"a": [1, 2]}


def test_markdown_hides_the_stamp_in_comments() -> None:
    lines = stamp("README.md", "# Mesh\n").decode().splitlines()
    assert all(line.startswith("<!-- ") and line.endswith(" -->") for line in lines[:2])
    assert lines[2] == "# Mesh"


def test_json_carries_the_stamp_as_its_first_member() -> None:
    content = stamp(".extcp-gitops/mesh.schema.json", JSON_BODY)
    members = json.loads(content)
    assert next(iter(members)) == "$comment"
    assert members.pop("$comment").startswith(MARK)
    assert members == json.loads(JSON_BODY)
    assert ownership(content) is Ownership.INTACT


@pytest.mark.parametrize(
    ("path", "body"),
    [("run.sh", "true\n"), ("LICENSE", "x\n"), ("a.json", "[]\n"), ("a.json", "{}\n")],
)
def test_a_file_that_cannot_carry_a_stamp_is_a_bug(path: str, body: str) -> None:
    with pytest.raises(ValueError, match="no stamp is known"):
        stamp(path, body)


@pytest.mark.parametrize("path", [*COMMENTED, "schema.json"])
def test_the_line_endings_of_a_checkout_are_no_edit(path: str) -> None:
    content = stamp(path, JSON_BODY)
    assert ownership(content.replace(b"\n", b"\r\n")) is Ownership.INTACT


@given(data=st.data())
def test_any_other_change_of_a_byte_is_seen(data: st.DataObject) -> None:
    content = bytearray(stamp("a.yaml", "kind: Service\nmetadata: {name: istiod}\n"))
    place = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    content[place] = byte
    assert ownership(bytes(content)) is not Ownership.INTACT


@given(tail=st.binary(min_size=1))
def test_anything_added_is_seen(tail: bytes) -> None:
    content = stamp("a.yaml", "a: 1\n")
    assert ownership(content + tail) is Ownership.EDITED


@pytest.mark.parametrize(
    "edit",
    [
        lambda content: b"# Copyright\n" * 4 + content,
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.replace(b"# Do not edit", b"# Edit"),
        lambda content: content.replace(b"\n", b" # mine\n", 1),
        lambda content: content.replace(b"sha256=", b"sha256=0", 1),
        lambda content: content.rstrip(b"\n"),
        lambda content: b"<<<<<<< HEAD\n" + content + b"=======\n" + content + b">>>>>>> x\n",
    ],
)
def test_edits_around_and_in_the_stamp_are_edits(edit: object) -> None:
    assert callable(edit)
    assert ownership(edit(stamp("a.yaml", "a: 1\n"))) is Ownership.EDITED


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"kind: Service\n",
        b"\n" * 5 + stamp("a.yaml", "a: 1\n"),
        b"# " + b"x" * 2000 + stamp("a.yaml", "a: 1\n"),
        b"\xff\xfe\x00",
        b"# about extcp-gitops:generated files\n",
    ],
)
def test_without_a_stamp_in_its_head_a_file_is_foreign(content: bytes) -> None:
    assert ownership(content) is Ownership.FOREIGN


@given(content=st.binary())
def test_any_bytes_have_an_owner(content: bytes) -> None:
    assert ownership(content) in set(Ownership)
