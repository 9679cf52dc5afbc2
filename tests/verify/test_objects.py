from __future__ import annotations

import pytest

from extcp_gitops.errors import ExtcpError
from extcp_gitops.verify.objects import Built, Reader, at, distinct, mapping, sequence

POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: n\n"
TEXT = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\ndata:\n  text: |\n    last line\n"


def test_equal_texts_are_one_document() -> None:
    reader = Reader()
    first, second, third = reader.read(f"{POD}---\n{TEXT}---\n{POD}")
    assert first is third
    assert first is not second
    assert reader.read(POD) == (first,)


def test_a_document_says_the_same_wherever_it_stands() -> None:
    in_the_middle, _ = Reader().read(f"{TEXT}---\n{POD}")
    (at_the_end,) = Reader().read(TEXT)
    assert in_the_middle.data == at_the_end.data
    assert in_the_middle.data["data"]["text"] == "last line\n"


def test_empty_documents_and_comments_are_no_objects() -> None:
    assert Reader().read("# nothing\n---\n\n---\n# here\n") == ()


def test_what_is_no_object_is_an_error() -> None:
    with pytest.raises(ExtcpError, match="EXTCP-Y020"):
        Reader().read("- a list\n")


def test_objects_without_the_usual_fields_have_empty_ones() -> None:
    (odd,) = Reader().read("kind: 5\nmetadata: []\n")
    assert odd.key == ("", "", "", "")
    assert odd.annotations == {}


def test_titles_hold_no_control_characters() -> None:
    (odd,) = Reader().read('kind: Pod\nmetadata: {name: "a\\e[31mb"}\n')
    assert str(odd) == r"Pod a\x1b[31mb"


def test_the_group_is_what_stands_before_the_version() -> None:
    pod, deployment = Reader().read(f"{POD}---\napiVersion: apps/v1\nkind: Deployment\n")
    assert (pod.group, deployment.group) == ("", "apps")


def test_directories_of_a_document_are_in_order() -> None:
    (pod,) = Reader().read(POD)
    assert distinct([Built("x", (pod,)), Built("y", (pod,))]) == {pod: ["x", "y"]}


def test_find_takes_kind_namespace_and_name() -> None:
    (pod,) = Reader().read(POD)
    built = Built("x", (pod,))
    assert built.find("Pod", "n", "a") is pod.data
    assert built.find("Pod", "", "a") is None


def test_a_path_that_ends_early_leads_to_nothing() -> None:
    data = {"a": {"b": [1]}, "c": None}
    assert at(data, "a", "b") == [1]
    assert at(data, "a", "x", "y") is None
    assert mapping(data, "a", "b") == {}
    assert mapping(data, "c") == {}
    assert sequence(data, "a") == []
