from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.access.model import Access
from extcp_bot.kube.answers import Reader
from extcp_bot.kube.failure import (
    CannotLookError,
    NonsenseError,
    NoRouteError,
    NotAllowedError,
    RejectedError,
)
from extcp_bot.kube.transport import Answer

PATH = "/api/v1/namespaces/a/configmaps/b"
LIST = "/api/v1/namespaces/a/configmaps"
READER = Reader(Access("https://api.example.com:6443", origin="context a"))
NAMED = {"metadata": {"name": "b"}}


def answer(body: object, status: int = 200, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, raw, {name.replace("_", "-"): each for name, each in headers.items()})


def status(code: int, message: str = "no") -> Answer:
    return answer({"kind": "Status", "message": message, "code": code}, code)


def test_an_object_is_what_stands_there() -> None:
    assert READER.found(answer(NAMED), PATH) == NAMED


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"  <!DOCTYPE html><title>Login</title>", "HTML"),
        (b"[" * 200_000, "no JSON"),
        (b"9" * 5_000, "no JSON"),
        (b'{"metadata": {"name": "b", "generation": NaN}}', "no JSON"),
        (b'{"metadata": {"name": "b"}, "x": -Infinity}', "no JSON"),
        (b"[]", "JSON that is no object"),
        (b"null", "JSON that is no object"),
        (b'"text"', "JSON that is no object"),
        (b"{}", "no object of Kubernetes"),
        (b'{"metadata": null}', "no object of Kubernetes"),
        (b'{"metadata": {"name": 7}}', "no object of Kubernetes"),
        (b'{"metadata": {"name": "b", "labels": ["x"]}}', "no object of Kubernetes"),
        (b'{"metadata": {"name": "b", "labels": {"x": 1}}}', "no object of Kubernetes"),
        (b'{"metadata": {"name": "b", "annotations": {"x": {}}}}', "no object of Kubernetes"),
        (b'{"metadata": {"name": "b", "deletionTimestamp": 7}}', "no object of Kubernetes"),
        (b'{"metadata": {"name": "b"}, "spec": []}', "no object of Kubernetes"),
        (b'{"metadata": {"name": "b"}, "status": "fine"}', "no object of Kubernetes"),
        (b'{"metadata": {"name": "b"}, "data": {"a": 1}}', "no object of Kubernetes"),
    ],
)
def test_what_no_api_server_says_is_nonsense(body: bytes, what: str) -> None:
    with pytest.raises(NonsenseError) as caught:
        READER.found(answer(body), PATH)
    assert what in caught.value.why
    assert "api.example.com:6443" in caught.value.why
    assert caught.value.looked_at == PATH


@pytest.mark.parametrize("missing", ["labels", "annotations", "deletionTimestamp"])
def test_what_may_be_null_is_no_nonsense(missing: str) -> None:
    item: dict[str, Any] = {"metadata": {"name": "b", missing: None}, "spec": None}
    assert READER.found(answer(item), PATH) == item


@pytest.mark.parametrize("path", ["/version", "/apis", "/apis/apps/v1", "/api/v1"])
def test_what_the_server_says_of_itself_has_no_metadata(path: str) -> None:
    assert READER.found(answer({"major": "1"}), path) == {"major": "1"}


def test_a_page_is_its_objects_and_where_the_next_one_begins() -> None:
    body = {"kind": "SecretList", "metadata": {"continue": "next"}, "items": [NAMED, NAMED]}
    assert READER.page(answer(body), LIST) == ([NAMED, NAMED], "next")


@pytest.mark.parametrize("body", [{"items": None}, {"items": [], "metadata": None}])
def test_a_page_may_be_empty(body: dict[str, Any]) -> None:
    assert READER.page(answer({"kind": "SecretList", **body}), LIST) == ([], "")


@pytest.mark.parametrize(
    "body",
    [{}, {"items": []}, {"kind": "SecretList"}, {"kind": "Secret", "items": []}, {"kind": 5}],
)
def test_what_does_not_say_that_it_is_a_list_is_no_empty_one(body: dict[str, Any]) -> None:
    with pytest.raises(NonsenseError, match="no list of Kubernetes"):
        READER.page(answer(body), LIST)


def test_json_is_in_utf_8() -> None:
    with pytest.raises(NonsenseError, match="no JSON"):
        READER.page(answer('{"kind": "List", "items": null}'.encode("utf-16")), LIST)


@pytest.mark.parametrize(
    "body",
    [
        {"items": {}},
        {"items": [7]},
        {"items": [{"metadata": []}]},
        {"items": [{}]},
        {"items": [NAMED], "metadata": []},
        {"items": [NAMED], "metadata": {"continue": 7}},
    ],
)
def test_a_list_of_something_else_is_nonsense(body: dict[str, Any]) -> None:
    with pytest.raises(NonsenseError):
        READER.page(answer({"kind": "SecretList", **body}), LIST)


@pytest.mark.parametrize(
    "missing", [status(404), answer(b"404 page not found\n", 404, Audit_Id="7c1e")]
)
def test_a_kind_that_the_server_has_not_is_an_empty_list(missing: Answer) -> None:
    assert READER.is_missing(missing, PATH)
    assert READER.page(missing, LIST) == ([], "")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>404 page not found</html>", b"404 page not found\n"),
        *(b'{"message": "no Route matched"}', b"{}"),
    ],
)
def test_the_404_of_some_web_server_does_not_mean_that_nothing_is_there(body: bytes) -> None:
    with pytest.raises(NonsenseError, match="no Status object"):
        READER.is_missing(answer(body, 404), PATH)
    with pytest.raises(NonsenseError, match="no Status object"):
        READER.page(answer(body, 404), LIST)


def test_a_credential_that_is_not_accepted_is_named_by_its_origin() -> None:
    with pytest.raises(NotAllowedError) as caught:
        READER.require_ok(status(401), "get", PATH)
    assert caught.value.status == 401
    assert "the credential of context a" in caught.value.why


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"kind": "Status", "message": "no"}'])
def test_what_is_forbidden_is_named_by_verb_and_path(body: bytes) -> None:
    with pytest.raises(NotAllowedError) as caught:
        READER.require_ok(answer(body, 403), "list", f"{LIST}?limit=7")
    assert f"{LIST} of api.example.com:6443: " in caught.value.why
    assert "may not list it" in caught.value.why
    assert "extcp-bot rbac" in caught.value.remedy


def test_what_rbac_forbids_to_create_is_not_allowed() -> None:
    words = 'pods is forbidden: User "x" cannot create resource "pods" in API group ""'
    with pytest.raises(NotAllowedError):
        READER.require_ok(status(403, words), "create", LIST)


def test_what_admission_forbids_is_rejected() -> None:
    words = 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'
    with pytest.raises(RejectedError) as caught:
        READER.require_ok(status(403, words), "create", LIST)
    assert (caught.value.status, caught.value.message) == (403, words)
    assert words not in caught.value.why


@pytest.mark.parametrize("code", [400, 409, 410, 422, 500, 504])
def test_a_server_that_says_no_is_understood(code: int) -> None:
    with pytest.raises(RejectedError) as caught:
        READER.require_ok(status(code, "because"), "create", LIST)
    assert (caught.value.status, caught.value.message) == (code, "because")
    assert f"HTTP {code}" in caught.value.why


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_says_neither_yes_nor_no(code: int) -> None:
    with pytest.raises(NoRouteError, match=f"too busy .HTTP {code}."):
        READER.require_ok(status(code), "create", LIST)


@pytest.mark.parametrize("code", [100, 301, 302, 307, 308, 400, 500, 502, 599])
def test_a_refusal_without_a_status_object_is_nonsense(code: int) -> None:
    with pytest.raises(NonsenseError, match=f"HTTP {code}"):
        READER.require_ok(answer(b"<h1>Bad Gateway</h1>", code), "get", PATH)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "name", "items", "kind", "message", "continue", "labels"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(body=st.binary(max_size=60) | JSON, code=st.integers(100, 599))
def test_no_answer_breaks_the_reader(body: object, code: int) -> None:
    said = answer(body, code)
    for read in (READER.found, READER.page):
        with contextlib.suppress(CannotLookError):
            read(said, PATH)
