from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.kube.http1 import Answer, AnswerReader, BrokenError

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MANY = 1 << 20


def read(*chunks: bytes, at_most: int = MANY) -> Answer:
    reader = AnswerReader(at_most)
    for chunk in chunks:
        if found := reader.feed(chunk):
            return found
    return reader.end()


def test_a_length_says_where_the_body_ends() -> None:
    answer = read(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello")
    assert answer == Answer(404, b"hello")


def test_an_answer_is_whole_before_the_connection_ends() -> None:
    reader = AnswerReader(MANY)
    assert reader.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na") is None
    assert reader.feed(b"b") == Answer(200, b"ab")


def test_an_empty_body_is_whole_at_once() -> None:
    assert read(b"HTTP/1.1 204 No Content\r\n\r\n") == Answer(204, b"")


def test_chunks_are_put_together_and_their_extensions_and_trailers_left_out() -> None:
    body = b"3;name=value\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
    assert read(CHUNKED + body) == Answer(200, b"abcde")


def test_the_end_of_the_connection_is_the_end_of_a_body_without_a_length() -> None:
    assert read(b"HTTP/1.0 200 OK\r\n\r\n", b"abc", b"de") == Answer(200, b"abcde")


@given(
    body=st.binary(max_size=200),
    sizes=st.lists(st.integers(1, 50), max_size=8),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
def test_where_the_network_cuts_makes_no_difference(
    body: bytes, sizes: list[int], cuts: list[int]
) -> None:
    raw, rest = CHUNKED, body
    for size in [*sizes, len(body)]:
        chunk, rest = rest[:size], rest[size:]
        raw += b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunk else b""
    raw += b"0\r\n\r\n"
    places = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    pieces = [raw[a:b] for a, b in itertools.pairwise(places)]
    assert read(*pieces) == Answer(200, body)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 099 No\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nlong",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        CHUNKED + b"3\r\nabc\r\n",
        CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n",
        CHUNKED + b"+3\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"x" * 2_000,
        CHUNKED + b"0\r\nTrailer: " + b"x" * 70_000,
    ],
)
def test_what_is_no_whole_answer_is_none(raw: bytes) -> None:
    with pytest.raises(BrokenError):
        read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 11,
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11,
        CHUNKED + b"b\r\n",
    ],
)
def test_more_than_is_wanted_is_not_read(raw: bytes) -> None:
    with pytest.raises(BrokenError, match="more than"):
        read(raw, at_most=10)


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_nothing_else_goes_wrong(chunks: list[bytes]) -> None:
    with contextlib.suppress(BrokenError):
        read(b"HTTP/1.1 200 OK\r\n", *chunks)
    with contextlib.suppress(BrokenError):
        read(CHUNKED, *chunks)
