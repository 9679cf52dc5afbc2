from __future__ import annotations

import base64
import copy
import dataclasses
import hashlib
import json
import logging
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.access.model import HIDDEN, Access, Secret, hide

TOKEN = "token-that-nobody-may-see"  # noqa: S105
TOKENS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=12)
WORDS = st.text(max_size=30)


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is a secret here is none in the tests that follow."""
    monkeypatch.setattr("extcp_bot.access.model._KNOWN", {})


def test_a_secret_is_for_the_wire_alone() -> None:
    secret = Secret(TOKEN)
    assert secret.reveal() == TOKEN
    shown = (str(secret), repr(secret), f"{secret} {secret!r}", repr([secret]), str({secret}))
    assert not any(TOKEN in text for text in shown)
    assert repr(secret) == HIDDEN


def test_secrets_of_one_text_are_equal() -> None:
    assert Secret(TOKEN) == Secret(TOKEN)
    assert hash(Secret(TOKEN)) == hash(Secret(TOKEN))
    assert Secret(TOKEN) != Secret("another")
    assert Secret(TOKEN) != TOKEN


def test_no_library_takes_a_secret_out_of_the_process() -> None:
    secret = Secret(TOKEN)
    for take in (pickle.dumps, copy.deepcopy, copy.copy):
        with pytest.raises(TypeError):
            take(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_no_log_and_no_traceback_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    access = Access("https://api.example.com", token=Secret(TOKEN), key=Secret(f"{TOKEN}-key"))
    logging.getLogger("test").warning("asked %s by %r", access, dataclasses.asdict)
    shown = "".join(traceback.format_exception(ValueError(access)))
    assert TOKEN not in caplog.text + shown


def test_a_way_shows_no_credential() -> None:
    access = Access(
        "https://api.example.com:6443/clusters/a",
        token=Secret(TOKEN),
        proxy=f"http://user:{TOKEN}@proxy.example.com",
    )
    assert TOKEN not in repr(access)
    assert access.host == "api.example.com:6443"


@given(token=TOKENS, before=WORDS, after=WORDS)
def test_a_secret_is_hidden_wherever_it_stands(token: str, before: str, after: str) -> None:
    Secret(token)
    assert token not in hide(before + token + after)


@given(seed=st.binary(), before=st.binary(max_size=9), after=st.binary(max_size=9))
def test_a_secret_is_hidden_in_the_base64_of_a_text_with_it(
    seed: bytes, before: bytes, after: bytes
) -> None:
    token = hashlib.sha256(seed).hexdigest()  # such as tokens are: without a pattern
    Secret(token)
    shown = hide(base64.b64encode(before + token.encode() + after).decode())
    assert HIDDEN in shown
    left = len(shown.replace(HIDDEN, ""))  # what stands before and after, and one end of each
    assert left <= sum(len(base64.b64encode(part)) for part in (before, after)) + 8


def test_each_line_of_a_key_is_hidden() -> None:
    lines = ["-----BEGIN X-----", "MIIEvQIBADANBgkqhkiG9w0BAQEF", "AASCBKcwggSjAgEAAoIBAQC7VJTUt9"]
    Secret("\n".join(lines))
    assert hide(f"one {lines[1]}, other '{lines[2]}'") == "one ***, other '***'"


def test_a_secret_is_hidden_where_its_end_is_cut() -> None:
    Secret(TOKEN)
    assert hide(f"Bearer {TOKEN[:-1]}…") == "Bearer ***…"
    assert hide(f"Bearer {TOKEN[:16]}") == "Bearer ***"
    assert hide(f"Bearer {TOKEN[:15]}") == f"Bearer {TOKEN[:15]}"


def test_what_is_no_secret_stays() -> None:
    Secret("short")
    Secret(TOKEN)
    text = "Deployment external-istiod/istiod: a short token of nobody"
    assert hide(text) == text


def test_a_secret_within_another_leaves_nothing_of_it() -> None:
    Secret(TOKEN)
    Secret(f"{TOKEN}-and-more")
    assert hide(f"a {TOKEN}-and-more b") == "a *** b"


@given(text=st.text(max_size=200))
def test_hiding_twice_hides_no_more(text: str) -> None:
    assert hide(hide(text)) == hide(text)
