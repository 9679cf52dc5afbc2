"""Access reviews, answered by simulated API servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.bot.apiserver import ApiServer

Object = dict[str, Any]

AUTHENTICATION = "/apis/authentication.k8s.io/v1"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
_EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


def allow_all(server: ApiServer, who: str = "administrator", uid: str = "") -> None:
    """Let whoever asks be this user, and be allowed everything."""

    def access(body: Object) -> Object:
        return {**body, "status": {"allowed": True}}

    def rules(body: Object) -> Object:
        status = {"incomplete": False, "nonResourceRules": [], "resourceRules": [_EVERYTHING]}
        return {**body, "status": status}

    def user(body: Object) -> Object:
        return {**body, "status": {"userInfo": {"username": who, "uid": uid}}}

    server.posts[f"{AUTHENTICATION}/selfsubjectreviews"] = user
    server.posts[f"{AUTHORIZATION}/selfsubjectaccessreviews"] = access
    server.posts[f"{AUTHORIZATION}/selfsubjectrulesreviews"] = rules
