"""EXTCP-P01: the candidate's API server answers, at an address and in a version that will do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from extcp_bot.access import incluster
from extcp_bot.access.metadata import is_metadata
from extcp_bot.candidates.checks.registry import check
from extcp_bot.checks import parts
from extcp_bot.checks.model import Observation, Problem, Scope, Severity, healthy
from extcp_bot.credentials import remote_secret
from extcp_bot.credentials.model import HeldError
from extcp_bot.live import versions
from extcp_bot.live.versions import Version

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.access.model import Access
    from extcp_bot.target import Target

_ADDRESS: Final = (
    "register it with Argo CD, or name it in the kubeconfig, by an address that the external "
    "cluster's Pods reach: its load balancer's, or its name in DNS"
)
_INSIDE: Final = (".svc", ".cluster.local")
_NAMES: Final = ("kubernetes", "kubernetes.default")

LOCAL_ADDRESS = Problem(
    "local-address",
    "The API server's address is one that only its own machine, or its own Pods, can reach; istiod "
    "calls it from the external cluster.",
    _ADDRESS,
    "kubectl --context {context} cluster-info",
)
BEHIND_PROXY = Problem(
    "behind-proxy",
    "The API server is reached through an HTTP proxy, which istiod will not use.",
    "make sure that the external cluster's Pods reach it without the proxy",
    severity=Severity.WARNING,
)
KUBERNETES_TOO_OLD = Problem(
    "kubernetes-too-old",
    "Kubernetes is older than what this release of Istio supports.",
    "upgrade the cluster before it joins",
    "kubectl --context {context} version",
)


@check(
    "EXTCP-P01",
    "api-server",
    title="Does the candidate's API server answer, where istiod can call it?",
    scope=Scope.CANDIDATE,
    severity=Severity.ERROR,
    permissions=(),
    problems=(LOCAL_ADDRESS, BEHIND_PROXY, KUBERNETES_TOO_OLD),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Istiod, in the external cluster, will watch the candidate through its API server.

    Looked at are the answer to `/version`, with the credential that the bot has for the candidate;
    the version of Kubernetes, which must not be older than what the mesh's release of Istio
    supports; and the address, which must be one that another cluster can call: no loopback, no
    name that only Pods of the candidate resolve, no proxy. It is called from where the bot runs.
    Whether istiod's own Pods reach it, nobody sees before istiod does (EXTCP-H06, EXTCP-H08).
    User reports: istio#58047 (a secret for 127.0.0.1), #38440, #45992.
    """
    async for seen in parts.each(_kubernetes(target), _address(target)):
        yield seen


async def _kubernetes(target: Target) -> AsyncIterator[Observation]:
    istio = Version.parse(target.fleet.inventory.mesh.istio_version)
    release = istio.release if istio else "?"
    running = await versions.of_kubernetes(target.api)
    oldest, newest = versions.KUBERNETES_OF_ISTIO.get(release, (0, 0))
    place = f"https://{target.api.access.host}/version"
    if running.minor < oldest:
        wanted = f"1.{oldest} to 1.{newest}, for Istio {release}"
        yield KUBERNETES_TOO_OLD.at(target, place, found=running.text, wanted=wanted)
    elif running.minor > newest:
        tested = f"up to 1.{newest}" if newest else "versions that this check does not know"
        yield healthy(place, f"{running.text}; Istio {release} was tested with {tested}")
    else:
        yield healthy(place, running.text)


async def _address(target: Target) -> AsyncIterator[Observation]:
    """The address that the remote secret will give to istiod."""
    place, wanted = "address of the API server, for istiod", "one that another cluster can call"
    try:
        url = remote_secret.server_of(target).url
    except HeldError as error:
        yield LOCAL_ADDRESS.at(target, place, found=error.why, wanted=wanted)
        return
    access = target.api.access
    if why := _why_not(url, access):
        yield LOCAL_ADDRESS.at(target, place, found=f"{url}, {why}", wanted=wanted)
    elif access.proxy is not None and access.server == url:
        yield BEHIND_PROXY.at(target, place, found=f"{url} by way of a proxy", wanted="no proxy")
    else:
        yield healthy(place, url)


def _why_not(url: str, access: Access) -> str:
    """Why no other cluster can call an address, where that can be told by looking at it."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host.endswith(_INSIDE) or host in _NAMES:
        return "a name that only Pods of the same cluster resolve"
    if access.origin == incluster.ORIGIN and access.server == url:
        return "the address of a Service of the same cluster"
    return "an address that answers each machine by itself" if is_metadata(host) else ""
