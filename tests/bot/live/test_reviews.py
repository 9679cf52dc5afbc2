from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import pytest

from extcp_bot.kube.client import Client
from extcp_bot.kube.failure import NonsenseError, NotAllowedError, RejectedError
from extcp_bot.live import reviews
from extcp_bot.live.rbac import Right, Rule
from extcp_bot.live.reviews import User
from tests.bot.apiserver import ApiServer
from tests.bot.fleets import QUICK
from tests.bot.identities import ACCESS, RULES, WHO, answer, grant, who

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

T = TypeVar("T")

LIST_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
FORBIDDEN = (403, 'User "x" cannot create resource "selfsubjectreviews"')


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as made:
        yield made


def ask(server: ApiServer, question: Callable[[Client], Awaitable[T]]) -> T:
    async def work() -> T:
        async with Client(server.access, QUICK) as api:
            return await question(api)

    return asyncio.run(work())


def test_the_server_says_who_asks(server: ApiServer) -> None:
    server.posts[WHO] = who("system:serviceaccount:a:b", "uid-1")
    assert ask(server, reviews.user) == User("system:serviceaccount:a:b", "uid-1")


@pytest.mark.parametrize("answer", [FORBIDDEN, (404, "the server could not find it")])
def test_a_server_that_takes_the_credential_need_not_say_whose_it_is(
    server: ApiServer, answer: tuple[int, str]
) -> None:
    server.posts[WHO] = lambda _: answer
    assert ask(server, reviews.user) is None


def test_a_credential_that_is_not_accepted_is_nobodys(server: ApiServer) -> None:
    server.accepted.clear()
    with pytest.raises(NotAllowedError) as error:
        ask(server, reviews.user)
    assert error.value.status == 401


def test_a_server_that_fails_says_nothing_of_who_asks(server: ApiServer) -> None:
    server.posts[WHO] = lambda _: (500, "etcd is gone")
    with pytest.raises(RejectedError):
        ask(server, reviews.user)


@pytest.mark.parametrize("status", [None, {}, {"userInfo": {}}, {"userInfo": {"username": 1}}])
def test_a_review_without_a_user_is_nonsense(server: ApiServer, status: object) -> None:
    server.posts[WHO] = lambda body: {**body, "status": status}
    with pytest.raises(NonsenseError):
        ask(server, reviews.user)


def test_rules_are_those_of_the_namespace_that_is_asked_for(server: ApiServer) -> None:
    path = {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
    asked = grant(server, [LIST_PODS, path])
    found = ask(server, lambda api: reviews.granted(api, reviews.NO_NAMESPACE))
    assert found == {Rule.of(LIST_PODS), Rule.of(path)}
    assert asked == ["no.namespace"]


def test_who_may_not_ask_is_told_what_lets_everybody_ask(server: ApiServer) -> None:
    server.posts[RULES] = lambda _: FORBIDDEN
    with pytest.raises(NotAllowedError) as error:
        ask(server, lambda api: reviews.granted(api, "a"))
    assert "system:basic-user" in error.value.remedy


@pytest.mark.parametrize(
    ("right", "namespace", "spec"),
    [
        (
            Right.on("update", "apps", "deployments/status", "istiod"),
            "a",
            {
                "resourceAttributes": {
                    "namespace": "a",
                    "verb": "update",
                    "group": "apps",
                    "resource": "deployments",
                    "subresource": "status",
                    "name": "istiod",
                }
            },
        ),
        (
            Right.on("list", "", "pods"),
            "",
            {"resourceAttributes": {"verb": "list", "resource": "pods"}},
        ),
        (
            Right("/metrics", "get", url="/metrics"),
            "",
            {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}},
        ),
    ],
)
@pytest.mark.parametrize("is_allowed", [True, False])
def test_a_right_is_asked_for_as_it_is(
    server: ApiServer, right: Right, namespace: str, spec: object, *, is_allowed: bool
) -> None:
    asked = answer(server, lambda _: is_allowed)
    assert ask(server, lambda api: reviews.is_allowed(api, right, namespace)) is is_allowed
    assert asked == [spec]


@pytest.mark.parametrize("status", ["", {}, {"allowed": "yes"}, {"allowed": 1}])
def test_an_answer_that_is_neither_yes_nor_no_is_nonsense(
    server: ApiServer, status: object
) -> None:
    server.posts[ACCESS] = lambda body: {**body, "status": status}
    with pytest.raises(NonsenseError):
        ask(server, lambda api: reviews.is_allowed(api, Right.on("get", "", "pods")))
