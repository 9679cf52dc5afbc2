from __future__ import annotations

import pytest

from extcp_bot.forge.pages import next_query

QUERY = {"state": "all", "per_page": "2", "page": "1"}


@pytest.mark.parametrize(
    "link",
    [
        '<https://a.example/x?state=all&per_page=2&page=2>; rel="next"',
        "<https://other.example/y?page=2>; rel=next",
        '<https://a.example/x?page=1>; rel="prev", <https://a.example/x?page=2>; rel="next"',
        '<https://a.example/x?page=2>; title="a"; rel="next", <https://a.example/x>; rel="last"',
    ],
    ids=["plain", "elsewhere", "second", "with more"],
)
def test_a_link_gives_its_query_and_no_host(link: str) -> None:
    assert next_query({"link": link}, QUERY, 2, 2) == {**QUERY, "page": "2"}


def test_a_cursor_is_followed() -> None:
    link = '<https://a.example/x?per_page=2&after=Y3Vyc29y%3D>; rel="next"'
    assert next_query({"link": link}, QUERY, 2, 2) == {**QUERY, "after": "Y3Vyc29y="}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"link": '<https://a.example/x?page=1>; rel="prev"'},
        {"link": "rel=next"},
        {"x-next-page": ""},
        {"x-next-page": "x"},
        {"x-total-count": "2"},
        {"x-total-count": "-1"},
        {"link": '<https://a.example/x?page=1>; rel="first"', "x-total-count": "9"},
    ],
    ids=["none", "back", "broken", "last", "nonsense", "all seen", "negative", "link and total"],
)
def test_the_last_page_has_no_next_one(headers: dict[str, str]) -> None:
    assert next_query(headers, QUERY, 2, 2) is None


def test_gitlab_and_gitea_say_it_in_headers_of_their_own() -> None:
    assert next_query({"x-next-page": "3"}, QUERY, 2, 2) == {**QUERY, "page": "3"}
    assert next_query({"x-total-count": "3"}, QUERY, 2, 2) == {**QUERY, "page": "2"}
    assert next_query({"x-total-count": "3"}, {}, 2, 2) == {"page": "2"}
    assert next_query({"x-total-count": "3"}, QUERY, 2, 0) is None


@pytest.mark.parametrize(
    "link",
    ["<" * 60_000, "<x>;" * 20_000, "<x>" + ";rel=" * 20_000, '<x>; rel="nex' * 9_000],
    ids=["open", "empty", "one", "almost"],
)
def test_a_hostile_link_leads_nowhere(link: str) -> None:
    assert next_query({"link": link}, QUERY, 2, 2) is None
