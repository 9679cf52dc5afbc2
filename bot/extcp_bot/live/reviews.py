"""What an API server says of who asks: who it is, what it may do. Reviews store nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.kube.failure import NonsenseError, NotAllowedError, RejectedError
from extcp_bot.live import fields
from extcp_bot.live.rbac import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.kube.client import Client
    from extcp_bot.live.rbac import Right

_AUTHENTICATION: Final = "authentication.k8s.io/v1"
_AUTHORIZATION: Final = "authorization.k8s.io/v1"
_FORBIDDEN: Final = 403
_NOT_SERVED: Final = 404
_BASIC: Final = (
    "let everybody ask about themselves, as Kubernetes does unless told otherwise: bind the "
    "ClusterRole system:basic-user to the group system:authenticated"
)
NO_NAMESPACE: Final = "no.namespace"
"""No namespace can be called so. A review of its rules therefore shows those of ClusterRoleBindings
alone, which is to say what is allowed in the whole cluster; no other review does."""


@dataclass(frozen=True, slots=True)
class User:
    """Who a credential proves to be.

    Attributes:
        name: Such as ``system:serviceaccount:NAMESPACE:NAME``.
        uid: Of the ServiceAccount; empty where the server does not say.
    """

    name: str
    uid: str


async def user(api: Client) -> User | None:
    """Who asks; None where the credential is accepted and the server does not say whose it is.

    It does not where it is older than Kubernetes 1.28, or where nobody may ask.

    Raises:
        NotAllowedError: The credential is not accepted (401).
        CannotLookError: The server cannot be asked, or says nonsense.
    """
    try:
        status = await _review(api, _AUTHENTICATION, "SelfSubjectReview", None)
    except NotAllowedError as error:
        if error.status == _FORBIDDEN:
            return None
        raise
    except RejectedError as error:
        if error.status == _NOT_SERVED:
            return None
        raise
    found = fields.mapping(status.get("userInfo"))
    name = fields.string(found.get("username"))
    if not name:
        raise _nonsense(api, "SelfSubjectReview")
    return User(name, fields.string(found.get("uid")))


async def granted(api: Client, namespace: str) -> frozenset[Rule]:
    """What who asks may do in a namespace, or with :data:`NO_NAMESPACE` in the whole cluster.

    There may be more: a server whose rights do not all come from RBAC shows only those that do.

    Raises:
        CannotLookError: The server cannot be asked, or says nonsense.
    """
    spec = {"namespace": namespace}
    status = await _review(api, _AUTHORIZATION, "SelfSubjectRulesReview", spec)
    lists = (status.get("resourceRules"), status.get("nonResourceRules"))
    return frozenset(Rule.of(rule) for found in lists for rule in fields.items(found))


async def is_allowed(api: Client, right: Right, namespace: str = "") -> bool:
    """Whether who asks has a right in a namespace, or without one in the whole cluster.

    Raises:
        CannotLookError: The server cannot be asked, or says nonsense.
    """
    if right.url:
        spec = {"nonResourceAttributes": {"verb": right.verb, "path": right.url}}
    else:
        resource, _, subresource = right.resource.partition("/")
        attributes = {
            "namespace": namespace,
            "verb": right.verb,
            "group": right.group,
            "resource": resource,
            "subresource": subresource,
            "name": right.name,
        }
        spec = {"resourceAttributes": {name: word for name, word in attributes.items() if word}}
    status = await _review(api, _AUTHORIZATION, "SelfSubjectAccessReview", spec)
    allowed = status.get("allowed")
    if not isinstance(allowed, bool):
        raise _nonsense(api, "SelfSubjectAccessReview")
    return allowed


async def _review(
    api: Client, version: str, kind: str, spec: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    body: dict[str, Any] = {"apiVersion": version, "kind": kind}
    if spec is not None:
        body["spec"] = spec
    try:
        answer = await api.review(f"/apis/{version}/{kind.lower()}s", body)
    except NotAllowedError as error:
        if error.status == _FORBIDDEN:
            raise NotAllowedError(error.status, error.why, _BASIC, error.looked_at) from None
        raise
    status = answer.get("status")
    if not isinstance(status, dict):
        raise _nonsense(api, kind)
    return status


def _nonsense(api: Client, kind: str) -> NonsenseError:
    why = f"{api.access.host} answers a {kind} with no status of one"
    return NonsenseError(why, "check that the address is that of an API server", kind)
