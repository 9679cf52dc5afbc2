"""EXTCP-H18: Argo CD brings the cluster what the repository says, and it is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from extcp_bot.checks import applications, parts
from extcp_bot.checks.model import (
    ARGOCD_NAMESPACE,
    CONTROL_PLANE_NAMESPACE,
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    check,
    healthy,
)
from extcp_bot.checks.remedies import RESTORE, RESTORE_COMMAND
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import (
    argocd,
    deployed,
    deployments,
    drift,
    gateway,
    namespaces,
    repository,
    webhooks,
)
from extcp_gitops.inventory.model import INGRESS_NAMESPACE
from extcp_gitops.render.external_cluster import ROOT_CONFIG_MAP
from extcp_gitops.render.operators import INGRESS_GATEWAY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from extcp_bot.checks.applications import Wanted
    from extcp_bot.live.argocd import Application
    from extcp_bot.live.repository import Tree
    from extcp_bot.target import Fleet, Target
    from extcp_gitops.verify.objects import Document

_MOST_BUILDS: Final = 25
_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}")

DRIFT = Problem(
    "drift",
    "A live object is not as the repository's main branch has it, whatever Argo CD says.",
    RESTORE,
    RESTORE_COMMAND,
)


def _external() -> Iterator[Permission]:
    """What is read of the external cluster to compare it."""

    def objects(resource: str, group: str, namespace: str, *names: str) -> Permission:
        return Permission(Side.EXTERNAL, resource, ("get",), group, namespace, names)

    plane = CONTROL_PLANE_NAMESPACE
    yield objects(deployments.RESOURCE, deployments.GROUP, plane, deployments.ISTIOD)
    names = (INGRESS_GATEWAY, deployments.ISTIOD)
    yield objects(deployments.RESOURCE, deployments.GROUP, INGRESS_NAMESPACE, *names)
    yield objects("services", "", INGRESS_NAMESPACE, INGRESS_GATEWAY)
    yield objects("configmaps", "", plane, ROOT_CONFIG_MAP)
    yield objects(gateway.GATEWAYS, gateway.GROUP, plane, f"{plane}-gw")
    yield objects(gateway.VIRTUAL_SERVICES, gateway.GROUP, plane, f"{plane}-vs")
    yield objects(gateway.DESTINATION_RULES, gateway.GROUP, plane, f"{plane}-dr")


def _everywhere(side: Side) -> Iterator[Permission]:
    yield Permission(side, "namespaces")
    yield Permission(side, webhooks.MUTATING, group=webhooks.GROUP)


@check(
    "EXTCP-H18",
    "gitops",
    title="Does Argo CD bring the cluster what the repository says?",
    scope=Scope.CLUSTER,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.ARGOCD, argocd.RESOURCE, group=argocd.GROUP, namespace=ARGOCD_NAMESPACE),
        *_everywhere(Side.EXTERNAL),
        *_external(),
        *_everywhere(Side.REMOTE),
        Permission(Side.EXTERNAL, webhooks.VALIDATING, group=webhooks.GROUP),
        Permission(Side.CONFIG, webhooks.VALIDATING, group=webhooks.GROUP),
    ),
    problems=(*applications.PROBLEMS, DRIFT),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Argo CD can be told to overlook things, be stopped, or be stuck, and still say Synced.

    Looked at are the cluster's two Applications, and with the external cluster the root: that they
    are there, are as the repository has them, delete nothing with them, are Synced and Healthy,
    and have seen the main branch. Then live objects are compared with what Kustomize builds from
    that branch, without asking Argo CD: on each cluster the webhook configurations and the control
    plane's namespace, on the external one also istiod, the gateway, and the way between them. In a
    mesh of more than 25 clusters that is done for the external cluster and for the first 25 that
    Argo CD finds out of sync, for a thousand builds take longer than all other checks together.
    While Argo CD syncs, for ten minutes at most, what is live is neither the old nor the new, and
    is not compared. What AKS and GKE Autopilot add to the selectors of webhooks is no difference
    here, but it is one for Argo CD: docs/tutorial.md, step 5, says what keeps AKS from it.

    The main branch is what this checkout knows of it: origin's as last fetched, else the local one,
    else the working tree. User reports: argo-cd#1487, #9227, #18480, #25447.
    """
    async for seen in parts.each(_applications(target), _objects(target)):
        yield seen


async def _applications(target: Target) -> AsyncIterator[Observation]:
    fleet = target.fleet
    main = await repository.main(fleet)
    found = await argocd.applications(fleet)
    root = applications.root(fleet.inventory, main)
    # The root brings the others their specs, so they are as new as what it has seen.
    specs = await _seen(target, main, root, found.get(root.name))
    for each in applications.wanted(target, specs):
        application = found.get(each.name)
        is_behind = await _is_behind(target, main, each, application) is True
        wrong = list(applications.problems(target, each, application, is_behind=is_behind))
        for seen in wrong:
            yield seen
        if application and not wrong:
            yield applications.in_order(target, each, application)


async def _objects(target: Target) -> AsyncIterator[Observation]:
    fleet, directory = target.fleet, target.cluster.directory
    main = await repository.main(fleet)
    own = applications.own(target, main)
    found = (await _applications_or_none(fleet)).get(own.name)
    place = f"objects of {target.cluster.name}"
    if found is not None and applications.is_syncing(target, found):
        yield healthy(place, "not compared while Argo CD's sync runs")
        return
    is_synced = found is not None and found.sync == argocd.SYNCED
    if len(fleet.inventory.clusters) > _MOST_BUILDS and not target.is_external:
        if is_synced:
            said = f"Synced; not compared one by one in a mesh of more than {_MOST_BUILDS} clusters"
            yield healthy(place, said)
            return
        await _take_turn(target, place)
    tree = await _seen(target, main, own, found)
    if tree is None:
        why = f"{place}: this checkout does not have the commit that Argo CD has seen"
        raise CannotLookError(why, "bring it up to date: git fetch origin", place)
    if not tree.inputs.is_there(directory):
        why = f"{place}: {tree.words} does not have {directory}"
        raise CannotLookError(why, "merge it, or bring the checkout up to date", place)
    await namespaces.of(target.api)  # before anything is built for a cluster that is not there
    built = await repository.build(fleet, tree, directory)
    documents = deployed.compared(target, built)
    wrong = [seen async for seen in _drift(target, documents, own, tree)]
    for seen in wrong:
        yield seen
    if not wrong:
        yield healthy(place, f"{len(documents)} compared, all as in {tree.words}")


async def _take_turn(target: Target, place: str) -> None:
    """Be one of the first few in a large mesh of which Argo CD does not say that they are synced.

    Raises:
        CannotLookError: The others have been, or Argo CD says nothing of any.
    """
    await argocd.applications(target.fleet)
    turns: set[str] = await target.fleet.once("objects compared one by one", _no_turns)
    if len(turns) >= _MOST_BUILDS:
        why = f"{place}: {_MOST_BUILDS} other clusters are compared one by one, and no more at once"
        raise CannotLookError(why, f"look at it alone: --cluster {target.cluster.name}", place)
    turns.add(target.cluster.name)


async def _no_turns() -> set[str]:
    return set()


async def _applications_or_none(fleet: Fleet) -> Mapping[str, Application]:
    try:
        return await argocd.applications(fleet)
    except CannotLookError:
        return {}  # said already, and no reason not to compare


async def _seen(target: Target, main: Tree, each: Wanted, found: Application | None) -> Tree | None:
    """The files that should be live: the main branch's, unless Argo CD has yet to look at it.

    Returns:
        None where this checkout does not have the commit that Argo CD has seen.
    """
    is_behind = await _is_behind(target, main, each, found)
    if is_behind is None:
        return None
    if is_behind and found is not None and not applications.is_late(target, found):
        return await repository.at(target.fleet, found.revision)
    return main


async def _is_behind(
    target: Target, main: Tree, each: Wanted, found: Application | None
) -> bool | None:
    """Whether what an Application deploys has changed since the commit that it has seen.

    Where other files alone have changed, Argo CD need not look (manifest-generate-paths).

    Returns:
        None where this checkout does not have that commit.
    """
    if found is None or not main.commit or found.revision in ("", main.commit):
        return False
    if not _COMMIT.fullmatch(found.revision):
        return None
    changed = await repository.changed(target.fleet, found.revision, main.commit)
    return None if changed is None else not each.inputs(main).isdisjoint(changed)


async def _drift(
    target: Target, documents: Sequence[Document], own: Wanted, tree: Tree
) -> AsyncIterator[Observation]:
    for document in documents:
        live = await deployed.find(target, document)
        expected = drift.without_ignored(document.data, own.spec.get("ignoreDifferences"))
        if live is None:
            said = ["not there"]
        else:
            live = drift.without_clouds(live, expected)
            said = [
                f"{each.path} is {each.found}, not {each.wanted}"
                for each in drift.differences(deployed.content(expected), live)
            ]
        if said:
            yield DRIFT.at(
                target, str(document), found=applications.some(said), wanted=f"as in {tree.words}"
            )
