from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from extcp_bot.forge.fields import Fields, fitting, short
from extcp_bot.forge.model import MAX_BODY, MAX_DESCRIPTION, ForgeError

Read = Callable[[Fields], Any]

READS: dict[str, Read] = {
    "text": lambda fields: fields.text("x"),
    "number": lambda fields: fields.number("x"),
    "flag": lambda fields: fields.flag("x"),
    "time": lambda fields: fields.time("x"),
    "latest": lambda fields: fields.latest("y", "x"),
    "inner": lambda fields: fields.inner("x"),
    "objects": lambda fields: fields.objects("x"),
    "texts": lambda fields: fields.texts("x"),
    "login": lambda fields: fields.login("x", "login"),
    "one_of": lambda fields: fields.one_of("x", {"a": 1}),
    "body": lambda fields: fields.body("x"),
}
NONSENSE = [7.5, [[]], [1, "a"], {"login": 4}, "2026-99-99", True, [None]]


@pytest.mark.parametrize("kind", READS)
def test_what_is_of_another_type_is_an_error_with_a_place(kind: str) -> None:
    for content in NONSENSE:
        if content is True and kind == "flag":
            continue
        if content == "2026-99-99" and kind in {"text", "body"}:
            continue
        if content == {"login": 4} and kind == "inner":
            continue
        with pytest.raises(ForgeError, match="GET /y") as caught:
            READS[kind](Fields({"x": content}, "GET /y"))
        assert caught.value.remedy


@pytest.mark.parametrize("kind", sorted(READS.keys() - {"body", "objects", "texts", "login"}))
def test_what_lacks_is_an_error(kind: str) -> None:
    for raw in ({}, {"x": None}):
        with pytest.raises(ForgeError):
            READS[kind](Fields(raw, "GET /y"))


def test_null_is_empty_where_forges_say_it_for_nothing() -> None:
    fields = Fields({"x": None}, "GET /y")
    assert fields.body("x") == ""
    assert fields.objects("x") == []
    assert fields.texts("x") == []
    assert fields.login("x", "login") == "ghost"


@pytest.mark.parametrize("raw", [None, [], "x", 7, True], ids=str)
def test_what_is_no_object_is_an_error(raw: object) -> None:
    with pytest.raises(ForgeError, match="no JSON object"):
        Fields(raw, "GET /y")


def test_what_is_no_list_is_an_error() -> None:
    with pytest.raises(ForgeError, match="no list"):
        Fields.of_list({}, "GET /y")
    with pytest.raises(ForgeError, match="no JSON object"):
        Fields.of_list([{}, 7], "GET /y")


@pytest.mark.parametrize(
    "text",
    ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "2026-01-02T03:04:05.000Z"],
    ids=["utc", "zone", "fraction"],
)
def test_times_are_in_utc(text: str) -> None:
    assert Fields({"x": text}, "").time("x") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_body_has_plain_line_ends_and_an_end() -> None:
    assert Fields({"x": "a\r\nb"}, "").body("x") == "a\nb"
    assert len(Fields({"x": "a" * 1_000_000}, "").body("x")) == MAX_BODY


def test_texts_that_are_sent_fit() -> None:
    assert fitting("x" * MAX_BODY) == "x" * MAX_BODY
    with pytest.raises(ForgeError):
        fitting("x" * (MAX_BODY + 1))
    assert short("x" * MAX_DESCRIPTION) == "x" * MAX_DESCRIPTION
    assert short("x" * 200) == "x" * (MAX_DESCRIPTION - 1) + "…"
