from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from extcp_gitops.yamlio.dump import dump, dump_all
from extcp_gitops.yamlio.verify import DumpError, verify

leaves = st.sampled_from([None, True, False, 0, 1, 1.0, "", "1", "true", "null", "no", "a"])
objects = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "objs"),
    [
        ("", []),
        ("# generated\n", []),
        ("# generated\na: b  # why\n", [{"a": "b"}]),
        ("b: 1\na: [x, {w: z}]\n", [{"a": ["x", {"w": "z"}], "b": 1}]),
        ("a: 1\n---\n# second\nb: 2\n", [{"a": 1}, {"b": 2}]),
        ("a: |\n  x\n  y\n", [{"a": "x\ny\n"}]),
        ("'no': \"1e3\"\n", [{"no": "1e3"}]),
    ],
)
def test_a_text_that_says_the_objects_passes(text: str, objs: list[object]) -> None:
    verify(text, objs)


@pytest.mark.parametrize(
    ("text", "objs"),
    [
        ("a: b\n", [{"a": "c"}]),
        ("a: b\n", [{"b": "b"}]),
        ("a: b\n", [{"a": "b", "c": "d"}]),
        ("a: b\nc: d\n", [{"a": "b"}]),
        ("a: b\na: b\n", [{"a": "b"}]),
        ("a: {}\n", [{"a": []}]),
        ("a: [1]\n", [{"a": [1, 2]}]),
        ("a: [1, 2]\n", [{"a": [1]}]),
        ("a: x\n", [{"a": ["x"]}]),
        ("a: b\n", []),
        ("a: b\n", [{"a": "b"}, {}]),
        ("a: b\n---\nc: d\n", [{"a": "b"}]),
        # what 1.1, 1.2 and Go do not all read the same way
        ("a: no\n", [{"a": "no"}]),
        ("a: no\n", [{"a": False}]),
        ("a: y\n", [{"a": "y"}]),
        ("a: 1e3\n", [{"a": "1e3"}]),
        ("a: 1e3\n", [{"a": 1000.0}]),
        ("a: 0o17\n", [{"a": 15}]),
        ("a: 08\n", [{"a": "08"}]),
        ("a: 1:30\n", [{"a": 90}]),
        ("a: 2001-01-01\n", [{"a": "2001-01-01"}]),
        ("no: a\n", [{"no": "a"}]),
        ("1: a\n", [{"1": "a"}]),
        ("a: x\x85y\n", [{"a": "x\x85y"}]),
        ("a: 'x\u2028y'\n", [{"a": "x\u2028y"}]),
        # types
        ("a: 1\n", [{"a": "1"}]),
        ("a: '1'\n", [{"a": 1}]),
        ("a: 1\n", [{"a": True}]),
        ("a: true\n", [{"a": 1}]),
        ("a: 1\n", [{"a": 1.0}]),
        ("a: null\n", [{"a": "null"}]),
        ("a:\n", [{"a": ""}]),
        # what only YAML can say
        ("a: &x b\n", [{"a": "b"}]),
        ("a: !!str b\n", [{"a": "b"}]),
        ("a: &x [b]\n", [{"a": ["b"]}]),
        ("a: !t {b: c}\n", [{"a": {"b": "c"}}]),
        ("&a a: b\n", [{"a": "b"}]),
        ("a: [&x b, *x]\n", [{"a": ["b", "b"]}]),
        ("a: *x\n", [{"a": "b"}]),
        ("? [a]\n: b\n", [{"a": "b"}]),
        ("%YAML 1.1\n---\na: b\n", [{"a": "b"}]),
        ("a: b: c\n", [{"a": "b"}]),
        ("a: [\n", [{"a": []}]),
        # what a reviewer would not see
        ("a: b # \u202e\n", [{"a": "b"}]),
        ("a: b\r\n", [{"a": "b"}]),
    ],
)
def test_a_text_that_says_anything_else_is_a_bug(text: str, objs: list[object]) -> None:
    with pytest.raises(DumpError):
        verify(text, objs)


def test_the_error_names_the_place_and_no_value() -> None:
    with pytest.raises(DumpError) as caught:
        verify("a: b\nc:\n  d: hunter2\n", [{"a": "b", "c": {"d": "other"}}])
    assert str(caught.value) == "line 3: another scalar"


@given(objects, objects)
def test_another_object_never_passes(written: object, meant: object) -> None:
    assume(repr(written) != repr(meant))
    assume(not (isinstance(written, dict) and written == meant))
    with pytest.raises(DumpError):
        verify(dump(written), [meant])


@given(st.lists(objects, max_size=3))
def test_every_document_counts(objs: list[object]) -> None:
    verify(dump_all(objs), objs)
    with pytest.raises(DumpError):
        verify(dump_all(objs), [*objs, {"one": "more"}])
