from __future__ import annotations

import pytest

from extcp_bot.live import fields


@pytest.mark.parametrize("value", [None, 1, "x", [1], {"a": 1}, True, 1.5])
def test_whatever_a_cluster_says_has_the_type_that_is_asked_for(value: object) -> None:
    assert isinstance(fields.mapping(value), dict)
    assert isinstance(fields.items(value), list)
    assert isinstance(fields.strings(value), tuple)
    assert isinstance(fields.string(value), str)
    assert type(fields.number(value)) is int


def test_what_is_as_it_should_be_stays() -> None:
    assert fields.mapping({"a": 1}) == {"a": 1}
    assert fields.items([{"a": 1}, 2, {}]) == [{"a": 1}, {}]
    assert fields.strings(["a", 2, "b"]) == ("a", "b")
    assert fields.string("a") == "a"
    assert fields.number(3) == 3
    assert fields.number(True) == 0


def test_a_path_leads_to_what_stands_there_or_to_nothing() -> None:
    assert fields.at({"a": {"b": [1]}}, "a", "b") == [1]
    assert fields.at({"a": ["b"]}, "a", "b", "c") is None
    assert fields.at(None) is None
