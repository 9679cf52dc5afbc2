"""EXTCP-H08: every replica of istiod knows the clusters that it should, as they are now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from extcp_bot.checks import asking_istiod, parts
from extcp_bot.checks.model import (
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
from extcp_bot.live import credentials, istiod, metrics, namespaces, registry, services

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping

    from extcp_bot.live.istiod import Replica
    from extcp_bot.live.registry import Endpoints, Member
    from extcp_bot.live.services import Backends
    from extcp_bot.target import Target

SETTLED: Final = 15.0
"""Seconds; what changed later than this before istiod was asked may still be on its way."""
_SHOWN: Final = 3
_ERRORS: Final = "controller_sync_errors_total"
_Difference = tuple[str, str]
"""A Service, and what is wrong with it; for people."""
_RESTART: Final = "kubectl --context {external} --namespace {namespace} delete pod {pod}"

NO_REPLICA = Problem(
    "no-replica",
    "No replica of istiod is ready.",
    "see what keeps it from starting",
    "kubectl --context {external} --namespace {namespace} describe pods --selector app=istiod",
    severity=Severity.CRITICAL,
)
FOREIGN = Problem(
    "foreign",
    "istiod has a cluster in its registry that the inventory does not have.",
    "delete the Secret that brought it, or add the cluster to the inventory",
    "kubectl --context {external} --namespace {namespace} delete secret {secret}",
)
CONFIG_TWICE = Problem(
    "config-twice",
    "istiod has its config cluster in its registry a second time, because the Secret with its own "
    "kubeconfig bears the label of remote secrets.",
    "take the label off; the Secret itself is needed",
    "kubectl --context {external} --namespace {namespace} label secret {secret} "
    "istio/multiCluster-",
)
CONFIG_RENAMED = Problem(
    "config-renamed",
    "istiod calls its config cluster by a name that the inventory does not have (EXTCP-H04).",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
NOT_REGISTERED = Problem(
    "not-registered",
    "No replica of istiod knows the cluster.",
    "see EXTCP-H05 for its Secret, or for the config cluster EXTCP-H04; where nothing is wrong "
    "there, deliver the Secret again as README.md says, under 'Add a remote cluster'; where istiod "
    "takes no notice of it, restart istiod (istio#59875)",
    "kubectl --context {external} --namespace {namespace} get secret "
    "--selector istio/multiCluster=true",
)
REPLICA_LACKS = Problem(
    "replica-lacks",
    "One replica of istiod does not know a cluster that others know, and so half of the proxies "
    "lose its endpoints.",
    "restart that replica",
    _RESTART,
)
SYNCING = Problem(
    "syncing",
    "istiod has not yet read all of the cluster.",
    "look again in half a minute; where it stays so, see EXTCP-H06 and EXTCP-H07",
    severity=Severity.WARNING,
)
NOT_SYNCED = Problem(
    "not-synced",
    "istiod could not read the cluster.",
    "EXTCP-H06 and EXTCP-H07 say what keeps it from that; where they are healthy, and it does not "
    "go on by itself, restart the replica",
    _RESTART,
)
STOPPED = Problem(
    "stopped",
    "istiod has stopped reading the cluster: it could not take up a new kubeconfig in the remote "
    "secret. Istio 1.29.1 never can, and then looks at no other remote secret (istio#59875).",
    "where EXTCP-H05 and EXTCP-H06 are healthy, restart istiod; proxies keep what they know "
    "meanwhile. A remote secret that is deleted and made anew does not lead there",
    "kubectl --context {external} --namespace {namespace} rollout restart deployment/istiod",
)
STALE = Problem(
    "stale",
    "istiod says that the cluster is synced and has other addresses of its Pods than it has.",
    "mend what EXTCP-H06 and EXTCP-H07 find first, for a restarted istiod that cannot read a "
    "cluster loses all of its endpoints; then restart the replica",
    _RESTART,
)

_OF_STATUS: Final = {registry.SYNCING: SYNCING, registry.CLOSED: STOPPED}


@check(
    "EXTCP-H08",
    "registry",
    title="Does every replica of istiod know the clusters that it should, as they are now?",
    scope=Scope.MEMBER,
    severity=Severity.ERROR,
    permissions=(
        *asking_istiod.PERMISSIONS,
        Permission(Side.REMOTE, services.RESOURCE, group=services.GROUP),
        Permission(Side.REMOTE, "namespaces"),
    ),
    problems=(
        NO_REPLICA,
        FOREIGN,
        CONFIG_TWICE,
        CONFIG_RENAMED,
        NOT_REGISTERED,
        REPLICA_LACKS,
        SYNCING,
        NOT_SYNCED,
        STOPPED,
        STALE,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Each replica of istiod has a registry of its own, and one of several may lack a cluster.

    `istioctl remote-clusters` asks one replica, and says `synced` of a cluster that has been read
    once, whatever has come since: a credential that was revoked, or renewed in a way that istiod
    did not take up. Looked at are `/debug/clusterz` of every replica, through port-forwarding, for
    clusters that are missing or too many; then, for each cluster, whether the addresses behind its
    Services that `/debug/endpointShardz` shows are those of its EndpointSlices now. Where they
    are not, istiod is asked again a moment later. Services that changed in the last 15 seconds are
    left out, and of a large cluster the first 100 EndpointSlices are compared. User reports:
    istio#33799, #38440, #45992, #58047, #59875, #60612, #60920, #61043.
    """
    look_at = _of_the_plane if target.is_external else _of_the_cluster
    async for seen in look_at(target):
        yield seen


async def _of_the_plane(target: Target) -> AsyncIterator[Observation]:
    replicas = await istiod.ready(target)
    if not replicas:
        place = f"Pods of istiod in {target.plane.namespace}"
        yield NO_REPLICA.at(target, place, found="none is ready", wanted="at least one")
    await _members(target, replicas)
    async for seen in parts.each(*(_of_the_replica(target, each) for each in replicas)):
        yield seen


async def _members(
    target: Target, replicas: list[Replica]
) -> list[Mapping[str, Member] | CannotLookError]:
    """The registry of each replica, or why it cannot be seen; all are asked at once."""

    async def one(replica: Replica) -> Mapping[str, Member] | CannotLookError:
        try:
            return await registry.members(target, replica)
        except CannotLookError as error:
            return error

    return await asyncio.gather(*map(one, replicas))


async def _of_the_replica(target: Target, replica: Replica) -> AsyncIterator[Observation]:
    known = await registry.members(target, replica)
    wanted = {
        cluster.name
        for cluster in target.fleet.inventory.remotes
        if cluster.control_plane == target.plane.name
    }
    place = f"{replica.place}, {registry.CLUSTERS}"
    foreign = [member for name, member in known.items() if name not in wanted]
    for member in foreign:
        secret = member.secret.rpartition("/")[2]
        if not secret:
            problem = CONFIG_RENAMED
        else:
            problem = CONFIG_TWICE if secret == credentials.CONFIG_SECRET else FOREIGN
        found = f"{member.cluster}, from {f'Secret {member.secret}' if secret else 'CLUSTER_ID'}"
        yield problem.at(
            target, place, found=found, wanted="clusters of the inventory alone", secret=secret
        )
    if not foreign:
        errors = await _errors(target, replica)
        yield healthy(place, f"{len(known)} of {len(wanted)} clusters, and no others{errors}")


async def _errors(target: Target, replica: Replica) -> str:
    """What a replica has met since it started, for people; nothing follows from it."""
    try:
        text = await istiod.metrics(target, replica)
    except CannotLookError:
        return ""
    counts = {
        sample.labels.get("cluster", "?"): int(sample.value)
        for sample in metrics.samples(text, _ERRORS)
        if 0 < sample.value < float("inf")
    }
    words = [f"{count} of {name}" for name, count in sorted(counts.items())[:_SHOWN]]
    return f"; errors while it read, since it started: {', '.join(words)}" if words else ""


async def _of_the_cluster(target: Target) -> AsyncIterator[Observation]:
    replicas = await istiod.ready(target)
    if not replicas:
        why = f"no replica of istiod of {target.plane.name} is ready"
        yield unknown(registry.CLUSTERS, why, "see EXTCP-H08 of the external cluster")
        return
    known: dict[Replica, Member | None] = {}
    for replica, members in zip(replicas, await _members(target, replicas), strict=True):
        if isinstance(members, CannotLookError):
            yield unknown(members.looked_at, members.why, members.remedy)
        else:
            known[replica] = members.get(target.cluster.name)
    problems = list(_of_the_members(target, known))
    for seen in problems:
        yield seen
    synced = [each for each, member in known.items() if member and member.status == registry.SYNCED]
    if synced and not problems:
        names = ", ".join(each.name for each in synced)
        yield healthy(f"{registry.CLUSTERS} of {names}", registry.SYNCED)
    if synced:
        async for seen in parts.each(_addresses(target, synced)):
            yield seen


def _of_the_members(
    target: Target, known: Mapping[Replica, Member | None]
) -> Iterator[Observation]:
    name = target.cluster.name
    if known and not any(known.values()):
        place = f"{registry.CLUSTERS} of {', '.join(each.name for each in known)}"
        yield NOT_REGISTERED.at(target, place, found="none has it", wanted=name)
        return
    for replica, member in known.items():
        place = f"{replica.place}, {registry.CLUSTERS}"
        if member is None:
            yield REPLICA_LACKS.at(target, place, found="not there", wanted=name, pod=replica.name)
        elif member.status != registry.SYNCED:
            problem = _OF_STATUS.get(member.status, NOT_SYNCED)
            found = f"{name}: {member.status}"
            yield problem.at(target, place, found=found, wanted=registry.SYNCED, pod=replica.name)


async def _addresses(target: Target, replicas: list[Replica]) -> AsyncIterator[Observation]:
    # All of istiod first: what changes in the cluster from then on is too young to be compared.
    asked = [registry.endpoints(target, each) for each in replicas]
    await asyncio.gather(*asked, return_exceptions=True)  # each part meets its error again
    live = await services.backends(target)
    injected = {
        each.name
        for each in await namespaces.of(target.api)
        if each.is_injected or each.name == target.plane.namespace
    }
    compared: set[registry.Service] = set()
    is_all_well = True
    async for seen in parts.each(
        *(_of_its_addresses(target, each, live, injected, compared) for each in replicas)
    ):
        is_all_well = False
        yield seen
    if is_all_well:
        said = f"those of {len(compared)} Services are as in the cluster" if compared else "none"
        yield healthy(f"{registry.ENDPOINTS}, addresses to compare", said)


async def _of_its_addresses(
    target: Target,
    replica: Replica,
    live: list[Backends],
    injected: Collection[str],
    compared: set[registry.Service],
) -> AsyncIterator[Observation]:
    """What a replica has wrong, and has wrong still a moment later; adds to ``compared``."""
    endpoints = await registry.endpoints(target, replica)
    settled = _settled(live, endpoints, target.api.clock_skew or 0.0)
    its = endpoints.of(target.cluster.name)
    compared |= {each.service for each in settled} & its.keys()
    if not (found := list(_differences(settled, its, injected))):
        return
    again = await registry.endpoints(target, replica, again=True)
    still = set(_differences(settled, again.of(target.cluster.name), injected))
    if lasting := [each for each in found if each in still]:
        yield _stale(target, replica, lasting)


def _settled(live: list[Backends], endpoints: Endpoints, ahead: float) -> list[Backends]:
    """Those that had not changed for a while when istiod was asked, by the cluster's clock."""
    return [
        each
        for each in live
        if each.changed and (endpoints.taken - each.changed).total_seconds() + ahead > SETTLED
    ]


def _stale(target: Target, replica: Replica, found: list[_Difference]) -> Observation:
    words: dict[str, list[str]] = {}
    for service, what in found:
        words.setdefault(service, []).append(what)
    said = [f"{service} {', '.join(its[:_SHOWN])}" for service, its in words.items()]
    more = f"; and {len(said) - _SHOWN} more Services" if said[_SHOWN:] else ""
    return STALE.at(
        target,
        f"{replica.place}, {registry.ENDPOINTS}",
        found=f"{'; '.join(said[:_SHOWN])}{more}",
        wanted="the addresses of the cluster's EndpointSlices",
        pod=replica.name,
    )


def _differences(
    live: list[Backends],
    its: Mapping[registry.Service, Mapping[str, bool]],
    injected: Collection[str],
) -> Iterator[_Difference]:
    """What a replica has wrong; it may leave Services out that nobody may see."""
    for each in live:
        name, addresses = "/".join(each.service), its.get(each.service)
        if not its and each.ready and each.service[0] in injected:
            yield name, "has no address"
        if addresses is None:
            continue
        pods = {address for address, is_pod in addresses.items() if is_pod}
        gone = pods - each.ready - each.others if each.is_whole else ()
        yield from ((name, f"lacks {address}") for address in sorted(each.ready - addresses.keys()))
        yield from ((name, f"still has {address}") for address in sorted(gone))
