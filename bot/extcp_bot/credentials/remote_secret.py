"""The remote secret of a cluster, made from the token that the cluster gives to istiod.

Equal to what ``istioctl create-remote-secret`` makes, but for its defect on the config cluster:
there it labels ``istio-kubeconfig`` as one of remote clusters, so that istiod registers a second,
bogus cluster (design section 3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.access import kubeconfig as readable
from extcp_bot.access.model import Access
from extcp_bot.credentials import tokens
from extcp_bot.credentials.kubeconfig import Kubeconfig, Server
from extcp_bot.credentials.model import RemoteSecret, refused
from extcp_bot.kube import writes
from extcp_bot.live import credentials, identity
from extcp_gitops.render.argocd import IN_CLUSTER

if TYPE_CHECKING:
    from extcp_bot.credentials.tokens import TokenSecret
    from extcp_bot.target import Target

CLUSTER: Final = "networking.istio.io/cluster"
"""Annotation with the cluster's name."""
PREFIX: Final = "istio-remote-secret-"
_SAY: Final = "say with --server at which address istiod reaches it"


def name_of(target: Target) -> str:
    """The name of the Secret.

    Raises:
        HeldError: The cluster's name cannot be the key of a Secret (EXTCP-I043).
    """
    if target.is_config:
        return credentials.CONFIG_SECRET
    if "/" in target.cluster.name:
        raise refused(
            f"'{target.cluster.name}' holds '/', which the key of a Secret cannot, and istiod "
            "reads the cluster ID from that key (EXTCP-I043)",
            "only the config cluster may have such a name",
        )
    return f"{PREFIX}{target.cluster.name}"


def key_of(target: Target) -> str:
    """The key of its data."""
    return credentials.CONFIG_KEY if target.is_config else target.cluster.name


async def make(target: Target, *, server: str | None = None, seconds: float = 0.0) -> RemoteSecret:
    """The remote secret with the token of the Secret that the repository makes.

    Args:
        target: A remote cluster.
        server: The API server's URL as istiod reaches it; by default that of Argo CD's
            destination, or the one at which the bot reaches the cluster.
        seconds: How long to wait for the token.

    Raises:
        HeldError: There is no token yet, or no address that istiod could use.
        CannotLookError: The remote cluster does not show the token.
    """
    name_of(target)
    where = server_of(target, server)
    async with writes.of(target.fleet, target.cluster.name) as api:
        token = await tokens.filled(api, target, tokens.first_name(target), seconds)
    return of_token(target, token, where)


def of_token(target: Target, token: TokenSecret, server: Server) -> RemoteSecret:
    """The remote secret with one token.

    Args:
        target: A remote cluster.
        token: Filled.
        server: As istiod reaches it.

    Raises:
        HeldError: The cluster gives no CA with the token.
    """
    if token.token is None or not token.ca:
        raise refused(
            f"Secret {target.plane.namespace}/{token.name} of {target.cluster.name} holds no CA "
            "of the API server",
            "see --root-ca-file of the cluster's kube-controller-manager",
        )
    return RemoteSecret(
        cluster=target.cluster.name,
        namespace=target.plane.namespace,
        name=name_of(target),
        key=key_of(target),
        # istioctl takes no name with a slash, and on the config cluster nothing reads this one.
        kubeconfig=Kubeconfig(target.cluster.slug, server, token.ca, token.token),
        token_secret=token.name,
        token_uid=token.uid,
        labels={} if target.is_config else {credentials.LABEL: credentials.LABEL_VALUE},
        annotations={CLUSTER: target.cluster.name},
    )


def server_of(target: Target, asked: str | None = None) -> Server:
    """The API server as istiod reaches it.

    Args:
        target: A remote cluster.
        asked: What a person says it is; None for what is known of the cluster.

    Raises:
        HeldError: It is one that only its own machine reaches, or no https URL.
        CannotLookError: Nobody said how to reach the cluster.
    """
    destination = target.cluster.destination.server
    if asked is not None:
        found = Server(asked.rstrip("/"))
    elif destination is not None and destination.rstrip("/") != IN_CLUSTER:
        found = Server(destination.rstrip("/"))
    else:
        access = target.api.access
        found = Server(access.server, access.tls_server_name or "")
    if not readable.is_server(found.url):
        raise refused(f"'{found.url}' is no https://host:port", _SAY)
    if identity.is_local(Access(found.url)):
        raise refused(
            f"{found.url} of {target.cluster.name} is one that only its own machine reaches", _SAY
        )
    return found
