"""EXTCP-P04: the control plane's namespace is free in the candidate, or is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot import listed
from extcp_bot.candidates.checks.registry import check
from extcp_bot.checks.model import (
    CONTROL_PLANE_NAMESPACE,
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    healthy,
)
from extcp_bot.live import namespaces
from extcp_gitops.render.argocd import application_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.live.namespaces import Namespace
    from extcp_bot.target import Target

_EVERY: Final = "*"
"""As a cluster ID in the annotation, any control plane may lead (istio, checkShouldLead)."""
_TRACKING: Final = "argocd.argoproj.io/tracking-id"
_KINDS: Final = (
    ("pods", "", "/api/v1"),
    ("services", "", "/api/v1"),
    ("configmaps", "", "/api/v1"),
    ("serviceaccounts", "", "/api/v1"),
    ("deployments", "apps", "/apis/apps/v1"),
)
# What Kubernetes, OpenShift and istiod put into every namespace.
_EVERYWHERE: Final = frozenset(
    {
        *("configmaps/kube-root-ca.crt", "configmaps/openshift-service-ca.crt"),
        "configmaps/istio-ca-root-cert",
        *(f"serviceaccounts/{name}" for name in ("default", "builder", "deployer")),
    }
)

TERMINATING = Problem(
    "terminating",
    "The namespace is being deleted, with all that would be put into it.",
    "wait until it is gone, or see which finalizer keeps it",
    "kubectl --context {context} get namespace {namespace} --output yaml",
)
LED = Problem(
    "led-by-another",
    "The namespace says that another control plane leads the cluster.",
    "take the cluster out of the other mesh, and then the annotation; or give this control plane "
    "another name",
    "kubectl --context {context} annotate namespace {namespace} "
    f"{namespaces.CONTROL_PLANE_CLUSTERS}-",
)
WRONG_NETWORK = Problem(
    "wrong-network",
    "The namespace says that the cluster is in another network than it is to join with.",
    "propose the cluster with the network that its Pods are really in, or take the label away",
    "kubectl --context {context} label namespace {namespace} topology.istio.io/network-",
)
NOT_EMPTY = Problem(
    "not-empty",
    "The namespace is in use for something else.",
    "move what is in it, or give the control plane a name that no cluster has as a namespace",
    "kubectl --context {context} --namespace {namespace} get all",
)


@check(
    "EXTCP-P04",
    "namespace",
    title="Is the control plane's namespace free in the candidate?",
    scope=Scope.CANDIDATE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.CANDIDATE, "namespaces"),
        *(
            Permission(Side.CANDIDATE, resource, group=group, namespace=CONTROL_PLANE_NAMESPACE)
            for resource, group, _ in _KINDS
        ),
    ),
    problems=(TERMINATING, LED, WRONG_NETWORK, NOT_EMPTY),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """The namespace is the control plane's name, and becomes istiod's own in every cluster.

    It may be absent, empty, or prepared for this control plane: by the annotation
    `topology.istio.io/controlPlaneClusters` with the config cluster's name, or by Argo CD, where
    the cluster was in the mesh before. Looked at are also its network, which istiod believes, and
    whether it is being deleted.
    """
    place = f"Namespace {target.plane.namespace}"
    found = await namespaces.of_control_plane(target)
    if found is None:
        yield healthy(place, "none")
        return
    if found.is_leaving:
        yield TERMINATING.at(target, place, found="being deleted", wanted="gone, or there")
        return
    is_fine = True
    async for seen in _of(target, place, found):
        is_fine = False
        yield seen
    if is_fine:
        yield healthy(place, "ours" if _is_ours(target, found) else "empty")


async def _of(target: Target, place: str, found: Namespace) -> AsyncIterator[Observation]:
    network = found.labels.get(namespaces.NETWORK)
    if network is not None and network != target.cluster.network:
        label, wanted = f"{place}, label {namespaces.NETWORK}", target.cluster.network or ""
        yield WRONG_NETWORK.at(target, label, found=network, wanted=wanted)
    leaders = _leaders(found)
    if leaders and not leaders & {target.plane.config_cluster, _EVERY}:
        yield LED.at(
            target,
            f"{place}, annotation {namespaces.CONTROL_PLANE_CLUSTERS}",
            found=", ".join(sorted(leaders)),
            wanted=target.plane.config_cluster,
        )
    elif not _is_ours(target, found) and (things := await _content(target)):
        yield NOT_EMPTY.at(target, place, found=listed.first(things), wanted="nothing of others")


def _leaders(found: Namespace) -> set[str]:
    named = found.annotations.get(namespaces.CONTROL_PLANE_CLUSTERS, "")
    return set(filter(None, (name.strip() for name in named.split(","))))


def _is_ours(target: Target, found: Namespace) -> bool:
    """Whether it was made for this control plane."""
    application = application_name(target.fleet.inventory, target.cluster)
    tracked = found.annotations.get(_TRACKING, "").partition(":")[0]
    return tracked == application or target.plane.config_cluster in _leaders(found)


async def _content(target: Target) -> list[str]:
    """What is in the namespace and not in every other one."""
    found = []
    for resource, _, base in _KINDS:
        path = f"{base}/namespaces/{target.plane.namespace}/{resource}"
        for item in await target.api.list(path, metadata_only=True):
            name = f"{resource}/{item['metadata']['name']}"
            if name not in _EVERYWHERE:
                found.append(name)
    return found
