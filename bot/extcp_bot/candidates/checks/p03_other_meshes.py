"""EXTCP-P03: no other Istio, and no other mesh, is in the candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot import listed
from extcp_bot.candidates.checks.registry import check
from extcp_bot.checks import parts
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
from extcp_bot.live import (
    certificates,
    crds,
    mesh_root,
    namespaces,
    roots,
    versions,
    webhooks,
    workloads,
)
from extcp_bot.live.versions import Version
from extcp_gitops.render.argocd import crds_application_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from extcp_bot.live.certificates import Certificate
    from extcp_bot.live.crds import Crd
    from extcp_bot.live.webhooks import Webhook
    from extcp_bot.target import Target

_OTHERS: Final = (".linkerd.io", ".consul.hashicorp.com", ".kuma.io", ".openservicemesh.io")
"""How the names of the webhooks of other meshes' injectors end."""
_CRDS: Final = "let one of the two apply them: remove the other Istio, or take its CRDs out of it"
_CRDS_COMMAND: Final = (
    "kubectl --context {context} get customresourcedefinition {crd} --output yaml"
)

ISTIOD = Problem(
    "istiod",
    "An istiod is installed in the candidate, which the external one is to lead.",
    "remove that Istio, with what it was installed with, before the cluster joins",
    "kubectl --context {context} --namespace {of_istiod} get deployment {istiod}",
)
WEBHOOK = Problem(
    "webhook",
    "A webhook of another Istio is in the candidate, and would be asked about the same objects.",
    "remove that Istio, or what it has left behind, before the cluster joins",
    "kubectl --context {context} get mutatingwebhookconfigurations,validatingwebhookconfigurations",
)
OTHER_MESH = Problem(
    "other-mesh",
    "Another service mesh puts its own sidecars into the candidate's Pods.",
    "keep the two apart by namespace: no Pod may get both sidecars",
    "kubectl --context {context} get mutatingwebhookconfigurations",
    severity=Severity.WARNING,
)
LED = Problem(
    "led-by-another",
    "A namespace of the candidate says that another control plane leads the cluster.",
    "take the cluster out of the other mesh, and then the annotation",
    "kubectl --context {context} annotate namespace {other} "
    f"{namespaces.CONTROL_PLANE_CLUSTERS}-",
)
OTHER_ROOT = Problem(
    "other-root",
    "Namespaces of the candidate hold the root certificate of another mesh.",
    "make sure that no proxy of that mesh is left; istiod will write its own root over it",
    "kubectl --context {context} get configmaps --all-namespaces "
    f"--field-selector metadata.name={roots.CONFIG_MAP}",
    severity=Severity.WARNING,
)
CRDS_NEWER = Problem(
    "crds-newer",
    "The candidate has CRDs of a later release of Istio, which ours would take the place of.",
    "upgrade the mesh first, or remove what brought them",
    _CRDS_COMMAND,
)
CRDS_MANAGED = Problem(
    "crds-managed",
    "Something else keeps applying Istio's CRDs to the candidate, and would fight with Argo CD.",
    _CRDS,
    _CRDS_COMMAND,
)
CRDS_RELEASED = Problem(
    "crds-released",
    "Istio's CRDs in the candidate came from Helm, which would take them away with its release.",
    _CRDS,
    "helm --kube-context {context} list --all-namespaces",
    severity=Severity.WARNING,
)


@check(
    "EXTCP-P03",
    "other-meshes",
    title="Is there no other Istio, and no other mesh, in the candidate?",
    scope=Scope.CANDIDATE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.CANDIDATE, workloads.RESOURCE, group=workloads.GROUP),
        Permission(Side.CANDIDATE, webhooks.MUTATING, group=webhooks.GROUP),
        Permission(Side.CANDIDATE, webhooks.VALIDATING, group=webhooks.GROUP),
        Permission(Side.CANDIDATE, "namespaces"),
        Permission(Side.CANDIDATE, "configmaps", names=(roots.CONFIG_MAP,)),
        Permission(Side.CANDIDATE, versions.CRDS, group=versions.CRD_GROUP),
        Permission(
            Side.CONFIG,
            "configmaps",
            ("get",),
            "",
            CONTROL_PLANE_NAMESPACE,
            (mesh_root.CONFIG_MAP,),
        ),
    ),
    problems=(
        ISTIOD,
        WEBHOOK,
        OTHER_MESH,
        LED,
        OTHER_ROOT,
        CRDS_NEWER,
        CRDS_MANAGED,
        CRDS_RELEASED,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Two control planes in one cluster overwrite each other's sidecars, roots and CRDs in turns.

    Looked at are Deployments of istiod; webhooks of Istio's injector and validator that lead to
    somebody else, and those of other meshes; namespaces with the annotation
    `topology.istio.io/controlPlaneClusters`; the root certificates that an istiod has left in
    namespaces; and the version and the owner of Istio's CRDs, which are one for the whole cluster.
    User reports: istio#32370, #36858, #44368, sail#97.
    """
    async for seen in parts.each(
        _istiods(target), _webhooks(target), _leaders(target), _roots(target), _crds(target)
    ):
        yield seen


async def _istiods(target: Target) -> AsyncIterator[Observation]:
    found = await workloads.istiods(target)
    for each in found:
        yield ISTIOD.at(
            target,
            each.place,
            found=f"{each.wanted} replicas",
            wanted="none",
            of_istiod=each.namespace,
            istiod=each.name,
        )
    if not found:
        yield healthy("Deployments of istiod", "none")


async def _webhooks(target: Target) -> AsyncIterator[Observation]:
    of_istio = [*await webhooks.injecting(target), *await webhooks.validating(target)]
    strange = [hook for hook in of_istio if not _is_ours(target, hook)]
    others = [hook for hook in await webhooks.of_all(target) if hook.name.endswith(_OTHERS)]
    for problem, hooks in ((WEBHOOK, strange), (OTHER_MESH, others)):
        for place, hook in {hook.configuration: hook for hook in hooks}.items():
            leads = hook.host or f"a Service in {(hook.service or {}).get('namespace')}"
            yield problem.at(target, place, found=f"{hook.name} leads to {leads}", wanted="none")
    if not (strange or others):
        yield healthy("webhooks of Istio and of other meshes", "none")


def _is_ours(target: Target, hook: Webhook) -> bool:
    """Whether it leads to the control plane that the candidate is to belong to."""
    plane = target.plane
    if hook.service is not None:
        return plane.is_ip_address and hook.service.get("namespace") == plane.namespace
    return hook.host == plane.address


async def _leaders(target: Target) -> AsyncIterator[Observation]:
    is_alone = True
    for namespace in await namespaces.of(target.api):
        named = namespace.annotations.get(namespaces.CONTROL_PLANE_CLUSTERS)
        if named is not None and namespace.name != target.plane.namespace:
            is_alone = False
            place = f"Namespace {namespace.name}, annotation {namespaces.CONTROL_PLANE_CLUSTERS}"
            yield LED.at(target, place, found=named, wanted="none", other=namespace.name)
    if is_alone:
        yield healthy(f"annotations {namespaces.CONTROL_PLANE_CLUSTERS}", "none of others")


async def _roots(target: Target) -> AsyncIterator[Observation]:
    place, found = f"ConfigMaps {roots.CONFIG_MAP}", await roots.of(target)
    if not found:
        yield healthy(place, "none")
        return
    own = set(_parsed(await mesh_root.published(target)))
    strange = [name for name, pem in found.items() if not own & set(_parsed(pem))]
    if strange:
        where = f"another root in {listed.first(strange)}"
        yield OTHER_ROOT.at(target, place, found=where, wanted="none, or that of this mesh")
    else:
        yield healthy(place, f"the root of this mesh in {len(found)} namespaces")


async def _crds(target: Target) -> AsyncIterator[Observation]:
    found, place = await crds.of(target.api), "CRDs of Istio"
    problems = list(_of_crds(target, place, found))
    for seen in problems:
        yield seen
    if not problems:
        told = sorted({each.version.text if each.version else "none" for each in found})
        yield healthy(place, f"{len(found)} of version {', '.join(told)}" if found else "none")


def _of_crds(target: Target, place: str, found: list[Crd]) -> Iterator[Observation]:
    inventory = target.fleet.inventory
    wanted = Version.parse(inventory.mesh.istio_version)
    own = crds_application_name(inventory, target.cluster)
    newer = [c for c in found if c.version and wanted and c.version.minors_before(wanted) < 0]
    managed = [c for c in found if c.controller or c.application not in ("", own)]
    released = [c for c in found if c.release and c not in managed]
    for problem, those, what in (
        (CRDS_NEWER, newer, "version {0.version.text}"),
        (CRDS_MANAGED, managed, "by {0.controller}{0.application}"),
        (CRDS_RELEASED, released, "by the release {0.release}"),
    ):
        if those:
            said = f"{listed.first([c.name for c in those])}, {what.format(those[0])}"
            yield problem.at(
                target,
                place,
                found=said,
                wanted=f"none, or our {wanted and wanted.text}",
                crd=those[0].name,
            )


def _parsed(bundle: str) -> tuple[Certificate, ...]:
    try:
        return certificates.of_pem(bundle)
    except ValueError:
        return ()
