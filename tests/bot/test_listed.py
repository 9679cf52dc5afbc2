from __future__ import annotations

from extcp_bot import listed


def test_a_short_list_is_shown_whole() -> None:
    assert listed.first([]) == ""
    assert listed.first(["a", "b", "c"]) == "a, b, c"


def test_of_a_long_list_the_first_are_shown() -> None:
    assert listed.first(tuple(range(1_000))) == "0, 1, 2 and 997 more"
    assert listed.first("abc", 1) == "a and 2 more"
