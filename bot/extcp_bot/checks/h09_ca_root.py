"""EXTCP-H09: istiod writes the root of trust into the cluster, where sidecars need it to start."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import (
    CONTROL_PLANE_NAMESPACE,
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    State,
    check,
    healthy,
    unknown,
)
from extcp_bot.checks.remedies import RESTORE, RESTORE_COMMAND
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import credentials, identity, istiod, namespaces, roots, times

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from datetime import datetime

    from extcp_bot.kube.client import Client
    from extcp_bot.live.namespaces import Namespace
    from extcp_bot.live.roots import Leader
    from extcp_bot.target import Target

GONE: Final = 90.0
"""Seconds since a leader's last word; it says one every 7.5 s. Who takes over waits until there
was none for 30 s, looks only now and then, and was seen to be there after 63 s."""
RENEWING: Final = 15.0
"""Seconds since the last word of a leader that may well be alive."""
NEW: Final = 30.0
"""Seconds in which istiod may not have come to a new namespace yet."""
GIVEN: Final = 60.0
"""Seconds in which istiod may not lead yet in a cluster whose credential it has been given."""
_SHOWN: Final = 5
_ANY: Final = "*"
_BEGIN: Final = "-----BEGIN CERTIFICATE-----"

NO_NAMESPACE = Problem(
    "no-namespace",
    "The control plane's namespace, where istiod looks whether to lead, is not on the cluster.",
    RESTORE,
    RESTORE_COMMAND,
)
NOT_ANNOTATED = Problem(
    "not-annotated",
    "The control plane's namespace does not name istiod's config cluster, so that istiod, when it "
    "looks next, does not write roots into the cluster any more.",
    f"{RESTORE}. Where no namespace has the root, deliver the remote secret again afterwards",
    RESTORE_COMMAND,
)
JOIN_ORDER_TRAP = Problem(
    "join-order-trap",
    "istiod was given the remote secret before the namespace had its annotation, looked once, and "
    "will not look again; no sidecar starts in the cluster.",
    "where EXTCP-H06 is healthy, take the remote secret away and deliver it again, whereupon "
    "istiod looks once more",
    'kept="$(kubectl --context {external} --namespace {namespace} get secret {secret} '
    '--output json)" && kubectl --context {external} --namespace {namespace} delete secret '
    '{secret} && sleep 5 && printf %s "$kept" | kubectl --context {external} create '
    "--filename -",
    severity=Severity.CRITICAL,
)
NO_CREDENTIAL = Problem(
    "no-credential",
    "No istiod writes roots into the cluster, for it has no credential for it.",
    "see EXTCP-H05",
)
NO_LEADER = Problem(
    "no-leader",
    "No istiod writes roots into the cluster any more: new namespaces get none, and a new root "
    "does not arrive.",
    "where EXTCP-H06 and EXTCP-H07 are healthy, restart istiod, which then looks again",
    "kubectl --context {external} --namespace {namespace} rollout restart deployment istiod",
)
FOREIGN_LEADER = Problem(
    "foreign-leader",
    "An istiod that is none of this control plane writes the roots of the cluster.",
    "take that istiod out of the cluster; EXTCP-H15 says more of it",
    "kubectl --context {context} --namespace {namespace} get configmap "
    "istio-namespace-controller-election --output yaml",
)
NO_ROOT = Problem(
    "no-root",
    "An injected namespace has no root, so that no sidecar starts there.",
    "istiod writes it within seconds where it may: see EXTCP-H07. A namespace that the mesh's "
    "discoverySelectors leave out gets none",
    "kubectl --context {context} --namespace {where} auth can-i create configmaps "
    "--as system:serviceaccount:{namespace}:{account}",
    severity=Severity.CRITICAL,
)
DIFFERING = Problem(
    "differing",
    "Namespaces of the cluster have different roots, so that their workloads refuse each other.",
    "delete the ConfigMap; istiod writes it anew within seconds. Where the other root comes back, "
    "a second istiod writes it: see EXTCP-H15",
    "kubectl --context {context} --namespace {where} delete configmap istio-ca-root-cert",
)


class _State(enum.Enum):
    """Of the lock that the writer of the roots holds."""

    LED = "by this control plane"
    FOREIGN = "by somebody else"
    CHANGING = "one takes over from another"
    GONE = "by nobody"


@dataclass(frozen=True, slots=True)
class _Pods:
    """Those of this istiod."""

    names: set[str]
    youngest: datetime | None
    age: float

    def were_settled(self, time: datetime) -> bool:
        """Whether at that time none had just taken the place of one that is gone by now."""
        if not self.names:
            return False
        return self.youngest is None or (time - self.youngest).total_seconds() > GONE


@dataclass(frozen=True, slots=True)
class _Lock:
    """What the lock says, and in words for people."""

    place: str
    state: _State
    found: str


@check(
    "EXTCP-H09",
    "ca-root",
    title="Does istiod write the root of trust into the cluster's namespaces?",
    scope=Scope.REMOTE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.REMOTE, "namespaces"),
        Permission(Side.REMOTE, "configmaps", names=(roots.CONFIG_MAP,)),
        Permission(
            Side.REMOTE,
            "configmaps",
            ("get",),
            namespace=CONTROL_PLANE_NAMESPACE,
            names=(roots.ELECTION,),
        ),
        Permission(Side.EXTERNAL, "pods", namespace=CONTROL_PLANE_NAMESPACE),
        Permission(Side.EXTERNAL, "secrets", ("get", "list"), namespace=CONTROL_PLANE_NAMESPACE),
    ),
    problems=(
        NO_NAMESPACE,
        NOT_ANNOTATED,
        JOIN_ORDER_TRAP,
        NO_CREDENTIAL,
        NO_LEADER,
        FOREIGN_LEADER,
        NO_ROOT,
        DIFFERING,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Each sidecar mounts `istio-ca-root-cert` of its namespace, and does not start without it.

    One replica of istiod writes it, and holds the lock `istio-namespace-controller-election` in the
    control plane's namespace of the cluster while it does. On a cluster that is not the config
    cluster, istiod wants its own config cluster, or `*`, in the annotation
    `topology.istio.io/controlPlaneClusters` of that namespace. It looks there once, when it is
    given the remote secret: where the namespace or its annotation comes later, the cluster is
    `synced` and never gets a root (the join-order trap). Looked at are the annotation; whether the
    lock's holder is a Pod of this istiod and has renewed it within the last minute, where the
    holder may have been a Pod that is gone if istiod was restarted just then; and whether each
    injected namespace has a root, and the same one. User reports: istio#22463, #29659, #32244,
    #41389.
    """
    own = await namespaces.of_control_plane(target)
    if own is None:
        place = f"Namespace {target.plane.namespace}"
        yield NO_NAMESPACE.at(target, place, found="none", wanted="one")
        return
    pods: _Pods | None = None
    try:
        names, youngest = await istiod.names(target), await istiod.youngest(target)
        pods = _Pods(names, youngest, await istiod.age(target))
    except CannotLookError as error:
        yield unknown(error.looked_at, error.why, error.remedy)
    found = {name: pem.strip() for name, pem in (await roots.of(target)).items() if _BEGIN in pem}
    if _is_named(target, own):
        lock = _lock(target, await roots.leader(target), pods)
        lead = await _of_the_lock(target, lock, has_roots=bool(found))
    else:
        lead = _not_annotated(target, own, has_roots=bool(found))
    yield lead
    if found or lead.state is State.HEALTHY:  # else all has been said
        for seen in _of_the_roots(target, found, await _needing(target)):
            yield seen


def _is_named(target: Target, own: Namespace) -> bool:
    """Whether istiod leads there; it does on its config cluster without being named."""
    named = own.annotations.get(namespaces.CONTROL_PLANE_CLUSTERS, "").split(",")
    return target.is_config or not {_ANY, target.plane.config_cluster}.isdisjoint(named)


def _not_annotated(target: Target, own: Namespace, *, has_roots: bool) -> Observation:
    value = own.annotations.get(namespaces.CONTROL_PLANE_CLUSTERS) or "none"
    return NOT_ANNOTATED.at(
        target,
        f"Namespace {own.name}, annotation {namespaces.CONTROL_PLANE_CLUSTERS}",
        found=value if has_roots else f"{value}, and no namespace has a root",
        wanted=target.plane.config_cluster,
    )


def _lock(target: Target, leader: Leader | None, pods: _Pods | None) -> _Lock:
    """What is to be made of the leader.

    Args:
        target: The cluster.
        leader: Who has led there last.
        pods: Those of istiod; None where they cannot be seen.
    """
    place = f"ConfigMap {target.plane.namespace}/{roots.ELECTION}, leader"
    if leader is None or leader.renewed is None:
        return _Lock(place, _State.GONE, "none")
    # istiod writes its own time, which is that of its cluster.
    clock = target.api if pods is None else target.external
    ahead = clock.clock_skew or 0.0
    age = abs((target.fleet.now() - leader.renewed).total_seconds() + ahead)
    holder = f"{leader.holder} as {leader.key}" if leader.holder else "nobody"
    found = f"{holder}, {age:.0f} s ago"
    if age >= GONE:
        # Whoever has just come waits until the time of a leader before it is over.
        is_awaited = pods is not None and pods.age < GONE
        return _Lock(place, _State.CHANGING if is_awaited else _State.GONE, found)
    if leader.holder and (pods is None or leader.holder in pods.names):
        return _Lock(place, _State.LED, found)
    # A Pod that was ended leaves its name in the lock.
    is_foreign = leader.holder and age < RENEWING and pods and pods.were_settled(leader.renewed)
    return _Lock(place, _State.FOREIGN if is_foreign else _State.CHANGING, found)


async def _of_the_lock(target: Target, lock: _Lock, *, has_roots: bool) -> Observation:
    wanted = f"a Pod of istiod of {target.plane.name}, less than {GONE:.0f} s ago"
    match lock.state:
        case _State.LED:
            return healthy(lock.place, lock.found)
        case _State.FOREIGN:
            return FOREIGN_LEADER.at(target, lock.place, found=lock.found, wanted=wanted)
        case _State.CHANGING:
            why = f"one leader takes over from another: {lock.found}"
            return unknown(lock.place, why, "look again in a minute")
        case _State.GONE:
            return await _of_no_leader(target, lock, wanted, has_roots=has_roots)


async def _of_no_leader(
    target: Target, lock: _Lock, wanted: str, *, has_roots: bool
) -> Observation:
    secret = f"istio-remote-secret-{target.cluster.name}"
    try:
        given = await credentials.of_cluster(target)
    except CannotLookError:  # EXTCP-H05 says so
        pass
    else:
        if not given:
            return NO_CREDENTIAL.at(target, lock.place, found=lock.found, wanted=wanted)
        secret = given[0].secret
        if _is_new(target, times.parse(given[0].created), target.external, GIVEN):
            why = "istiod has been given the cluster's credential just now"
            return unknown(lock.place, why, "look again in a minute")
    if has_roots or target.is_config:
        return NO_LEADER.at(target, lock.place, found=lock.found, wanted=wanted)
    seen = f"{lock.found}; no namespace has a root"
    return JOIN_ORDER_TRAP.at(target, lock.place, found=seen, wanted=wanted, secret=secret)


async def _needing(target: Target) -> list[str]:
    """The namespaces in which sidecars start, and the control plane's own, where gateways do."""
    return [
        each.name
        for each in await namespaces.of(target.api)
        if (each.is_injected or each.name == target.plane.namespace)
        and each.name not in namespaces.SYSTEM
        and not each.is_leaving
        and not _is_new(target, each.created, target.api)
    ]


def _of_the_roots(
    target: Target, found: Mapping[str, str], needing: list[str]
) -> Iterator[Observation]:
    place = f"ConfigMap {roots.CONFIG_MAP}"
    lacking = [name for name in needing if name not in found]
    if lacking:
        yield NO_ROOT.at(
            target,
            place,
            found=f"none in {_named(lacking)}",
            wanted="one in each injected namespace",
            where=lacking[0],
            account=identity.account(target).name,
        )
    written = {name: root for name, root in found.items() if name not in roots.SKIPPED}
    usual = written.get(target.plane.namespace) or next(iter(written.values()), "")
    others = [name for name, root in sorted(written.items()) if root != usual]
    if others:
        yield DIFFERING.at(
            target,
            place,
            found=f"another root in {_named(others)}",
            wanted=f"that of {target.plane.namespace}",
            where=others[0],
        )
    if not lacking and not others:
        yield healthy(place, f"the same root in {len(written)} namespaces")


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if names[_SHOWN:] else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _is_new(target: Target, created: datetime | None, api: Client, seconds: float = NEW) -> bool:
    """Whether istiod may not have come to an object of a cluster yet."""
    if created is None:
        return False
    return (target.fleet.now() - created).total_seconds() + (api.clock_skew or 0.0) < seconds
