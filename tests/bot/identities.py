"""istiod's credentials on simulated clusters: Secrets, tokens, what is said of who shows them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from tests.bot.apiserver import ROOT
from tests.bot.fleets import CONFIG, PLANE, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.bot.apiserver import ApiServer

    Object = dict[str, Any]
    IsAllowed = Callable[[Object], bool]

SECRETS = f"/api/v1/namespaces/{PLANE}/secrets"
ACCOUNTS = f"/api/v1/namespaces/{PLANE}/serviceaccounts"
WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
CREATED = "2026-05-20T12:00:00Z"
LABELS = {"istio/multiCluster": "true"}
NOTHING: Mapping[str, Any] = {}


def encoded(text: str) -> str:
    """Base64."""
    return base64.b64encode(text.encode()).decode()


def account(cluster: str) -> str:
    """The ServiceAccount that istiod is on a cluster."""
    return "istiod" if cluster == CONFIG else "istio-reader-service-account"


def user(cluster: str) -> str:
    """Its name as a user."""
    return f"system:serviceaccount:{PLANE}:{account(cluster)}"


def uid(cluster: str) -> str:
    """UID of the ServiceAccount on that cluster."""
    return f"uid-on-{cluster}"


def jwt(claims: object) -> str:
    """A JSON Web Token that says something; nobody here verifies its signature."""
    parts = ({"alg": "RS256"}, claims)
    texts = [json.dumps(part).encode() for part in parts] + [b"a signature"]
    return ".".join(base64.urlsafe_b64encode(text).decode().rstrip("=") for text in texts)


def token(cluster: str, **more: object) -> str:
    """A token such as Kubernetes puts into a Secret for a ServiceAccount."""
    uids = {"kubernetes.io/serviceaccount/service-account.uid": uid(cluster)}
    return jwt({"iss": "kubernetes/serviceaccount", "sub": user(cluster), **uids, **more})


def deliver(
    mesh: World,
    cluster: str,
    *,
    held: str = "",
    of_cluster: Mapping[str, str] = NOTHING,
    of_user: Mapping[str, str] = NOTHING,
) -> None:
    """Put istiod's credential for a cluster where it belongs, and let the cluster take it.

    Args:
        mesh: The mesh.
        cluster: Name of a remote cluster.
        held: Another token than :func:`token`.
        of_cluster: Other fields of the kubeconfig's cluster.
        of_user: Other fields of its user.
    """
    server = mesh.servers[cluster]
    held = held or token(cluster)
    server.accepted.add(held)
    server.posts[WHO] = who(user(cluster), uid(cluster))
    metadata = {"name": account(cluster), "uid": uid(cluster)}
    server.put(ACCOUNTS, {"metadata": metadata})
    document = {
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [
            {
                "name": "it",
                "cluster": {
                    "server": server.url,
                    "certificate-authority-data": encoded(ROOT),
                    **of_cluster,
                },
            }
        ],
        "users": [{"name": "it", "user": {"token": held, **of_user}}],
        "current-context": "it",
    }
    is_config = cluster == CONFIG
    secret = {
        "metadata": {
            "name": "istio-kubeconfig" if is_config else f"istio-remote-secret-{cluster}",
            "labels": {} if is_config else LABELS,
            "creationTimestamp": CREATED,
        },
        "data": {"config" if is_config else cluster: encoded(json.dumps(document))},
    }
    mesh.external.put(SECRETS, secret)


def who(name: str, its_uid: str = "") -> Callable[[Object], Object]:
    """An answer to SelfSubjectReviews."""
    return lambda body: {**body, "status": {"userInfo": {"username": name, "uid": its_uid}}}


def grant(server: ApiServer, rules: Iterable[Object], inside: Iterable[Object] = ()) -> list[str]:
    """Let istiod have rules in the whole cluster and in its namespace; gives back what is asked.

    An access review of its own is refused, unless a test says otherwise.
    """
    asked: list[str] = []

    def review(body: Object) -> Object:
        namespace = body["spec"]["namespace"]
        asked.append(namespace)
        found = [*rules, *(inside if namespace == PLANE else ())]
        return {**body, "status": {"resourceRules": found, "incomplete": False}}

    server.posts[RULES] = review
    answer(server, lambda _: False)
    return asked


def answer(server: ApiServer, is_allowed: IsAllowed) -> list[Object]:
    """Let access reviews be answered; gives back what is asked."""
    asked: list[Object] = []

    def review(body: Object) -> Object:
        asked.append(body["spec"])
        return {**body, "status": {"allowed": is_allowed(body["spec"])}}

    server.posts[ACCESS] = review
    return asked
