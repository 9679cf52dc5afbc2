from __future__ import annotations

import json

import pytest
from multidict import CIMultiDict

from extcp_bot.forge.failure import message, refusal
from extcp_bot.kube.transport import Answer


def answer(status: int, said: object = None, **headers: str) -> Answer:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Answer(status, json.dumps(said).encode(), named)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 410, 413, 418, 422, 423, 500])
def test_each_refusal_says_what_to_do(status: int) -> None:
    error = refusal("GET /x", answer(status, {"message": "Because"}))
    assert error.status == status
    assert error.why.startswith("GET /x: ")
    assert f"(HTTP {status})" in error.why
    assert error.remedy
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"message": "plain"}, "plain"),
        ({"message": ["one", "two"]}, "one; two"),
        ({"message": "Failed", "errors": [{"message": "inner"}, {"code": "x"}]}, "Failed; inner"),
        ({"error": "insufficient_scope"}, "insufficient_scope"),
        ({"message": {"base": ["deep"]}}, ""),
        ({"message": None, "errors": None}, ""),
        (["x"], ""),
        ("x", ""),
        (None, ""),
    ],
    ids=str,
)
def test_what_a_forge_says_is_taken_from_where_each_puts_it(said: object, words: str) -> None:
    assert message(json.dumps(said).encode()) == words


def test_what_a_forge_says_is_short_and_harmless() -> None:
    said = message(json.dumps({"message": "\x1b[31m\n" + "x" * 10_000}).encode())
    assert len(said) <= 200
    assert said.isprintable()
    assert message(b"[" * 100_000) == ""
    assert message(b"<html>") == ""


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "5"}, 5),
        ({"retry_after": "0"}, 1),
        ({"retry_after": "99999999999999"}, 3600),
        ({"retry_after": "-5"}, 60),
        ({"retry_after": "soon"}, 60),
        ({"retry_after": "²"}, 60),
        ({}, 60),
        (
            {
                "retry_after": "Fri, 02 Jan 2026 03:05:05 GMT",
                "date": "Fri, 02 Jan 2026 03:04:05 GMT",
            },
            60,
        ),
        (
            {
                "retry_after": "Fri, 02 Jan 2026 03:05:15 -0000",
                "date": "Fri, 02 Jan 2026 03:04:05 GMT",
            },
            70,
        ),
        ({"retry_after": "Fri, 02 Jan 2015 03:04:05 GMT"}, 1),
        ({"ratelimit_reset": "1767323055", "date": "Fri, 02 Jan 2026 03:04:05 GMT"}, 10),
        ({"x_ratelimit_reset": "1", "date": "nonsense"}, 1),
    ],
    ids=[
        *("seconds", "zero", "endless", "negative", "words", "no digit", "untold"),
        *("date", "date without zone", "past", "reset", "reset long ago"),
    ],
)
def test_how_long_to_wait_is_told_in_many_ways(headers: dict[str, str], seconds: float) -> None:
    error = refusal("GET /x", answer(429, {}, **headers))
    assert error.retry_after == seconds


def test_a_server_that_is_down_may_say_for_how_long() -> None:
    assert refusal("GET /x", answer(503, {}, retry_after="9")).retry_after == 9
    assert refusal("GET /x", answer(503, {}, retry_after="soon")).retry_after is None
    assert refusal("GET /x", answer(503, {})).retry_after is None
