"""EXTCP-H17: istiod, proxies, CRDs and Kubernetes are of versions that go together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from extcp_bot.checks import parts
from extcp_bot.checks.model import (
    CONTROL_PLANE_NAMESPACE,
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    check,
    healthy,
    unknown,
)
from extcp_bot.checks.remedies import RESTORE, RESTORE_EXTERNAL_COMMAND
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import deployments, fields, proxies, versions
from extcp_bot.live.versions import Version
from extcp_gitops import plan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from extcp_bot.live.proxies import Proxy
    from extcp_bot.target import Target

# "The Istio control plane can be one version ahead of the data plane. However, the data plane
# cannot be ahead of control plane." istio.io, Supported Releases, Control Plane/Data Plane Skew.
_MINORS_BEHIND: Final = 1

_DISCOVERY: Final = "discovery"
_RESTART: Final = (
    "create its Pods anew, and they get the proxy that istiod brings; a Pod of no Deployment by "
    "whatever made it"
)
_RESTART_COMMAND: Final = (
    "kubectl --context {context} --namespace {where} rollout restart deployment"
)
_CRDS: Final = "Argo CD applies the repository's CRDs once it syncs; or apply them"
_CRDS_COMMAND: Final = (
    "kubectl --context {context} apply --server-side --force-conflicts --kustomize {crds}"
)

OTHER_VERSION = Problem(
    "other-version",
    "istiod is of another version than mesh.yaml says.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
PROXY_TOO_OLD = Problem(
    "proxy-too-old",
    "Proxies are more than one minor release behind istiod, which Istio does not support.",
    _RESTART,
    _RESTART_COMMAND,
)
PROXY_NEWER = Problem(
    "proxy-newer",
    "Proxies are of a later minor release than istiod, which Istio does not support.",
    _RESTART,
    _RESTART_COMMAND,
    severity=Severity.ERROR,
)
CRDS_MISSING = Problem(
    "crds-missing",
    "The cluster whose configuration istiod reads does not have the repository's CRDs of Istio.",
    _CRDS,
    _CRDS_COMMAND,
    severity=Severity.ERROR,
)
CRDS_TOO_OLD = Problem(
    "crds-too-old",
    "Istio's CRDs are of an earlier minor release than istiod, which may know fields that the API "
    "server drops.",
    _CRDS,
    _CRDS_COMMAND,
    severity=Severity.ERROR,
)
KUBERNETES_TOO_OLD = Problem(
    "kubernetes-too-old",
    "Kubernetes is older than what this release of Istio supports.",
    "upgrade the cluster",
    "kubectl --context {context} version",
)


@check(
    "EXTCP-H17",
    "skew",
    title="Do the versions of istiod, proxies, CRDs and Kubernetes go together?",
    scope=Scope.CLUSTER,
    severity=Severity.WARNING,
    permissions=(
        Permission(
            Side.EXTERNAL,
            deployments.RESOURCE,
            ("get",),
            deployments.GROUP,
            CONTROL_PLANE_NAMESPACE,
            (deployments.ISTIOD,),
        ),
        Permission(Side.EXTERNAL, "pods"),
        Permission(Side.REMOTE, "pods"),
        Permission(Side.EXTERNAL, versions.CRDS, group=versions.CRD_GROUP),
        Permission(Side.CONFIG, versions.CRDS, group=versions.CRD_GROUP),
    ),
    problems=(
        OTHER_VERSION,
        PROXY_TOO_OLD,
        PROXY_NEWER,
        CRDS_MISSING,
        CRDS_TOO_OLD,
        KUBERNETES_TOO_OLD,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """An upgrade goes through many clusters, and each of them can be left behind.

    Looked at are the tag of istiod's image and the version that mesh.yaml asks for; the tags of the
    proxies' images, of which istiod supports its own minor release and the one before it; the
    version that the CRDs of the clusters bear whose configuration istiod reads; and the version of
    Kubernetes, which must not be older than what this release of Istio supports. A newer Kubernetes
    than Istio was tested with is told, and healthy. User reports: istio#17172, #34867.
    """
    looks = [_kubernetes(target), _proxies(target)]
    if target.is_external:
        planes = target.fleet.inventory.mesh.control_planes
        looks += [_istiod(replace(target, plane=plane)) for plane in planes]
    if target.is_external or target.is_config:
        looks.append(_crds(target))
    async for seen in parts.each(*looks):
        yield seen


async def _istiod(target: Target) -> AsyncIterator[Observation]:
    wanted = target.fleet.inventory.mesh.istio_version
    running = await _running(target)
    place = f"Deployment {target.plane.namespace}/{deployments.ISTIOD}, image"
    if running.text != wanted and Version.parse(wanted) != running:
        yield OTHER_VERSION.at(target, place, found=running.text, wanted=wanted)
    else:
        yield healthy(place, running.text)


async def _running(target: Target) -> Version:
    """The version of the control plane's istiod.

    Raises:
        CannotLookError: There is no istiod, or its image does not tell.
    """
    found = await deployments.istiod(target)
    place = f"Deployment {target.plane.namespace}/{deployments.ISTIOD}"
    if found is None:
        raise CannotLookError(f"{place} is not there", "bring it back: EXTCP-H16", place)
    containers = fields.items(found.pod.get("containers"))
    image = next((each.get("image") for each in containers if each.get("name") == _DISCOVERY), "")
    version = versions.of_image(fields.string(image))
    if version is None:
        why = f"{place}: the tag of its image names no version"
        raise CannotLookError(why, "name the image by a tag with the version", place)
    return version


async def _proxies(target: Target) -> AsyncIterator[Observation]:
    found = await proxies.of(target)
    place = f"proxies of {target.cluster.name}"
    if not found.found:
        yield healthy(place, "none")
        return
    istiod = await _running(target)
    known = [(proxy, versions.of_image(proxy.image)) for proxy in found.found]
    behind = [(each, version.minors_before(istiod)) for each, version in known if version]
    problems = [
        *_of_proxies(PROXY_TOO_OLD, target, [p for p, n in behind if n > _MINORS_BEHIND], istiod),
        *_of_proxies(PROXY_NEWER, target, [p for p, n in behind if n < 0], istiod),
    ]
    if nameless := [each for each, version in known if version is None]:
        why = f"the tag of the image of {_first(nameless)} names no version"
        problems.append(unknown(place, why, "name the image by a tag with the version"))
    for seen in problems:
        yield seen
    if not problems:
        told = sorted({version.text for _, version in known if version})
        yield healthy(place, f"{found.words}: {', '.join(told)}; istiod {istiod.text}")


def _of_proxies(
    problem: Problem, target: Target, wrong: Sequence[Proxy], istiod: Version
) -> Iterator[Observation]:
    if wrong:
        tags = sorted({each.image.rpartition(":")[2] for each in wrong})
        yield problem.at(
            target,
            f"proxies of {target.cluster.name}",
            found=f"{_first(wrong)}: {', '.join(tags)}",
            wanted=f"{istiod.major}.{istiod.minor - _MINORS_BEHIND} or {istiod.release}",
            where=wrong[0].namespace,
        )


def _first(several: Sequence[Proxy]) -> str:
    """How many there are and which is the first, for people."""
    more = f" and {len(several) - 1} more" if len(several) > 1 else ""
    return f"{several[0].place}{more}"


async def _crds(target: Target) -> AsyncIterator[Observation]:
    inventory = target.fleet.inventory
    place, crds = f"CRDs of {target.cluster.name}", plan.crds_path(inventory)
    wanted = Version.parse(inventory.mesh.istio_version)
    found = await versions.of_crds(target.api)
    told = sorted({version.text if version else "none" for version in found.values()})
    old = [
        name
        for name, version in found.items()
        if wanted and (version is None or version.minors_before(wanted) > 0)
    ]
    if not found:
        said = "none with the label app.kubernetes.io/part-of=istio"
        yield CRDS_MISSING.at(target, place, found=said, wanted=f"those of {crds}", crds=crds)
    elif old:
        said = f"version {', '.join(told)}; {old[0]} and {len(old) - 1} more"
        version = inventory.mesh.istio_version
        yield CRDS_TOO_OLD.at(target, place, found=said, wanted=version, crds=crds)
    else:
        yield healthy(place, f"{len(found)} of version {', '.join(told)}")


async def _kubernetes(target: Target) -> AsyncIterator[Observation]:
    istio = Version.parse(target.fleet.inventory.mesh.istio_version)
    running = await versions.of_kubernetes(target.api)
    place = f"Kubernetes of {target.cluster.name}"
    oldest, newest = versions.KUBERNETES_OF_ISTIO.get(istio.release if istio else "", (0, 0))
    release = istio.release if istio else "?"
    if running.minor < oldest:
        wanted = f"1.{oldest} to 1.{newest}, for Istio {release}"
        yield KUBERNETES_TOO_OLD.at(target, place, found=running.text, wanted=wanted)
    elif not newest:
        yield healthy(place, f"{running.text}; Istio {release} is later than this check")
    elif running.minor > newest:
        yield healthy(place, f"{running.text}; Istio {release} was tested with up to 1.{newest}")
    else:
        yield healthy(place, running.text)
