from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.access.model import Secret
from extcp_bot.live import claims
from tests.bot.identities import jwt

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def test_a_token_of_a_secret_has_no_end() -> None:
    name = "kubernetes.io/serviceaccount/service-account.uid"
    found = claims.read(Secret(jwt({"sub": "system:serviceaccount:a:b", name: "uid-1"})))
    assert found == claims.Claims("system:serviceaccount:a:b", None, None, "uid-1")


def test_a_bound_token_says_from_when_until_when() -> None:
    bound = {"namespace": "a", "serviceaccount": {"name": "b", "uid": "uid-2"}}
    said = {"sub": "x", "iat": 1_767_225_600, "exp": 1_767_229_200.5, "kubernetes.io": bound}
    found = claims.read(Secret(jwt(said)))
    assert found is not None
    assert found.issued == datetime(2026, 1, 1, tzinfo=UTC)
    assert found.expires == datetime(2026, 1, 1, 1, 0, 0, 500_000, tzinfo=UTC)
    assert found.account_uid == "uid-2"


@pytest.mark.parametrize(
    "token",
    ["opaque", "a.b.c", "a.e30", jwt([]), jwt("x"), f"a.{'e30=' * 20_000}.c", "a.\xe9.c", "..", ""],
)
def test_what_is_no_json_web_token_has_no_claims(token: str) -> None:
    assert claims.read(Secret(token)) is None


@given(JSON, JSON, JSON, JSON)
def test_no_claim_is_too_absurd(sub: object, iat: object, exp: object, bound: object) -> None:
    found = claims.read(Secret(jwt({"sub": sub, "iat": iat, "exp": exp, "kubernetes.io": bound})))
    assert found is not None
    assert isinstance(found.subject, str)
    assert isinstance(found.account_uid, str)
