"""EXTCP-H12: each proxy of the cluster is ready, connected to one istiod, and follows it."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from extcp_bot.checks import asking_istiod
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
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import connections, istiod, proxies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

    from extcp_bot.live.connections import Connection
    from extcp_bot.live.istiod import Replica
    from extcp_bot.live.proxies import Proxy
    from extcp_bot.target import Target

STARTING: Final = 60.0
"""Seconds that a proxy has to become ready and connect."""
PREPARING: Final = 300.0
"""Seconds that a Pod has, once it has a node, to get its images and its volumes."""
FOLLOWING: Final = 60.0
"""Seconds that a proxy has to say yes to what it is sent."""
RETURNING: Final = 60.0
"""Seconds after a start of istiod until all proxies have tried to connect again."""
_AUTO: Final = "auto"
_SHOWN: Final = 4
_LOGS: Final = (
    "kubectl --context {context} --namespace {where} logs {pod} --container istio-proxy --tail 50"
)
_DELETE: Final = "kubectl --context {context} --namespace {where} delete pod {pod}"

IMAGE_AUTO = Problem(
    "image-auto",
    "A gateway's Pod was made while the injector was away, and waits for an image named auto.",
    "once EXTCP-H10 is healthy, delete the Pod; its Deployment makes another",
    _DELETE,
)
NOT_READY = Problem(
    "not-ready",
    "A proxy is not ready a minute after its start, or was not started within five.",
    "its log says why, or the Events of its Pod where it was never started; a proxy that never was "
    "ready gets no configuration or no certificate (EXTCP-H01, EXTCP-H09)",
    _LOGS,
)
NOT_CONNECTED = Problem(
    "not-connected",
    "A proxy is ready and connected to no replica of istiod, so that it knows of no change.",
    "its log says why: no way to {address}:15012, or a token or a certificate that istiod does "
    "not take",
    _LOGS,
)
WRONG_CLUSTER = Problem(
    "wrong-cluster",
    "istiod counts a proxy among those of another cluster, and gives it that cluster's endpoints "
    "as its nearest.",
    "see EXTCP-H04 for the cluster ID that Pods are told, then restart the Pod",
    _DELETE,
)
TWICE = Problem(
    "twice",
    "A proxy is connected to istiod more than once, and one of the connections is a ghost.",
    "restart the Pod",
    _DELETE,
    severity=Severity.WARNING,
)
REJECTS = Problem(
    "rejects",
    "A proxy rejects what istiod sends it, and goes on with what it had before.",
    "the message names what is wrong; often an EnvoyFilter, or a proxy too old for istiod "
    "(EXTCP-H17)",
    _LOGS,
)
BEHIND = Problem(
    "behind",
    "A proxy has not taken what istiod has for it for more than a minute.",
    "restart the Pod; where many are behind, see whether istiod and the gateway have CPU enough",
    _DELETE,
)


@dataclass
class _Seen:
    """Who is connected to whom.

    Attributes:
        replicas: Those that could be asked, with the connections of each by cluster ID and proxy.
        blocked: Why others could not.
    """

    replicas: dict[Replica, Mapping[tuple[str, str], Sequence[Connection]]] = field(
        default_factory=dict
    )
    blocked: list[CannotLookError] = field(default_factory=list)

    def of(self, cluster: str, proxy: Proxy) -> list[tuple[Replica, Connection]]:
        """The connections of one proxy under one cluster ID."""
        key = (cluster, proxy.id)
        return [(whom, each) for whom, its in self.replicas.items() for each in its.get(key, ())]


@check(
    "EXTCP-H12",
    "proxies",
    title="Is each proxy of the cluster ready, connected to one istiod, and does it follow it?",
    scope=Scope.REMOTE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.REMOTE, "pods"),
        *asking_istiod.PERMISSIONS,
    ),
    problems=(IMAGE_AUTO, NOT_READY, NOT_CONNECTED, WRONG_CLUSTER, TWICE, REJECTS, BEHIND),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """A proxy that has lost istiod works on with what it knew, and nothing shows it from outside.

    Looked at are the Pods with a proxy of this control plane, sidecars and gateways, of a large
    cluster the first 200: whether the proxy's container is ready, and has an image; and
    `/debug/syncz` of every replica of istiod, through port-forwarding: each proxy should be there
    once, under its cluster's ID, and should have said yes to what it was sent. What looks wrong is
    looked at again a moment later, since proxies change from one replica to another every half
    hour. Left out are proxies that have had less than a minute since their start, Pods that have
    had less than five, since they have a node, to get their images and volumes, and those that
    have no sidecar and should (EXTCP-H10). User reports: istio#29900, #33322, #36022, #38541,
    #51663, #53290.
    """
    found = await proxies.of(target)
    # Where another control plane's are, EXTCP-H15 says so.
    own = [each for each in found.found if each.image == _AUTO or each.is_led_by(target.plane)]
    old = [each for each in own if not _is_young(target, each)]
    problems = list(_of_the_pods(target, old))
    for seen in problems:
        yield seen
    ready = [each for each in old if each.is_ready and each.image != _AUTO]
    if ready:
        async for seen in _of_the_connections(target, ready, is_all_well=not problems):
            yield seen
    elif not problems:
        yield healthy(_place(target), "none that has had time to start")
    if not found.complete:
        yield healthy(_place(target), f"{found.words}, and no others were looked at")


def _of_the_pods(target: Target, old: list[Proxy]) -> Iterator[Observation]:
    auto = [(each, each.image) for each in old if each.image == _AUTO]
    others = [each for each in old if not each.is_ready and each.image != _AUTO]
    unready = [(each, f"not ready{each.waiting and f': {each.waiting}'}") for each in others]
    if auto:
        yield _at(IMAGE_AUTO, target, auto, "an image")
    if unready:
        yield _at(NOT_READY, target, unready, "ready")


async def _of_the_connections(
    target: Target, ready: list[Proxy], *, is_all_well: bool
) -> AsyncIterator[Observation]:
    replicas = await istiod.ready(target)
    if not replicas:
        why = f"no replica of istiod of {target.plane.name} is ready"
        yield unknown(connections.PATH, why, "see EXTCP-H08 of the external cluster")
        return
    looks = [await _look(target, replicas)]
    for error in looks[0].blocked:
        yield unknown(error.looked_at, error.why, error.remedy)
    if any(_is_doubtful(looks[0].of(target.cluster.name, each)) for each in ready):
        looks.append(await _look(target, looks[0].replicas, again=True))
    wrong: dict[Problem, list[tuple[Proxy, str]]] = {}
    for proxy in ready:
        if verdict := _verdict(target, proxy, looks):
            wrong.setdefault(verdict[0], []).append((proxy, verdict[1]))
    if NOT_CONNECTED in wrong and await istiod.age(target) < RETURNING:
        its = wrong.pop(NOT_CONNECTED)
        why = f"istiod has just started; proxies that are not back yet: {len(its)}"
        yield unknown(_place(target), why, "look again in a minute")
        is_all_well = False
    for problem, its in wrong.items():
        yield _at(problem, target, its, "connected to one replica, and following it")
    if is_all_well and not wrong and not looks[0].blocked:
        yield healthy(_place(target), _shared(target, ready, looks[-1]))


async def _look(target: Target, replicas: Iterable[Replica], *, again: bool = False) -> _Seen:
    seen = _Seen()

    async def one(replica: Replica) -> None:
        try:
            seen.replicas[replica] = await connections.of(target, replica, again=again)
        except CannotLookError as error:
            seen.blocked.append(error)

    await asyncio.gather(*map(one, replicas))
    return seen


def _is_doubtful(found: list[tuple[Replica, Connection]]) -> bool:
    """Whether it may be otherwise in a moment."""
    return len(found) != 1 or any(each.sent is None for each in found[0][1].behind)


def _verdict(target: Target, proxy: Proxy, looks: list[_Seen]) -> tuple[Problem, str] | None:
    """What is wrong with a proxy in each look, and in words for people; None where nothing is."""
    found = [look.of(target.cluster.name, proxy) for look in looks]
    if not any(found):
        return _of_missing(target, proxy, looks)
    if all(len(each) > 1 for each in found):
        names = ", ".join(sorted(replica.name for replica, _ in found[-1]))
        return TWICE, f"connected to {names}"
    behind = [each for _, connection in found[-1] for each in connection.behind]
    for each in behind:
        if each.error:
            return REJECTS, f"{each.kind}: {each.error}"
    for each in behind:
        if each.sent is None:
            return BEHIND, f"{each.kind} not sent"
        # istiod writes its own time, which is that of its cluster.
        ahead = target.external.clock_skew or 0.0
        if (target.fleet.now() - each.sent).total_seconds() + ahead > FOLLOWING:
            return BEHIND, f"{each.kind} of {each.sent:%H:%M:%S} UTC not acknowledged"
    return None


def _of_missing(target: Target, proxy: Proxy, looks: list[_Seen]) -> tuple[Problem, str] | None:
    said = proxy.cluster_id
    if said != target.cluster.name and any(look.of(said, proxy) for look in looks):
        return WRONG_CLUSTER, f"connected as one of {said}"
    if any(look.blocked for look in looks):  # it may be connected there
        return None
    return NOT_CONNECTED, "not connected"


def _at(
    problem: Problem, target: Target, wrong: list[tuple[Proxy, str]], wanted: str
) -> Observation:
    """One problem of several Pods; the command is for the first of them."""
    (first, words), others = wrong[0], [proxy.id for proxy, _ in wrong[1:]]
    found = f"{first.id} {words}"
    if others:
        more = f" and {len(others) - _SHOWN} more" if others[_SHOWN:] else ""
        found += f"; so are {', '.join(others[:_SHOWN])}{more}"
    return problem.at(
        target, _place(target), found=found, wanted=wanted, where=first.namespace, pod=first.name
    )


def _shared(target: Target, ready: list[Proxy], seen: _Seen) -> str:
    """How many proxies each replica has, for people."""
    names = [
        replica.name for each in ready for replica, _ in seen.of(target.cluster.name, each)[:1]
    ]
    counts = ", ".join(f"{count} to {name}" for name, count in sorted(Counter(names).items()))
    return f"{len(ready)} ready and connected: {counts}"


def _place(target: Target) -> str:
    return f"proxies of {target.cluster.name}"


def _is_young(target: Target, proxy: Proxy) -> bool:
    if proxy.since is None:
        return False
    is_preparing = proxy.waiting in proxies.PREPARING and proxy.image != _AUTO
    ahead = target.api.clock_skew or 0.0
    age = (target.fleet.now() - proxy.since).total_seconds() + ahead
    return age < (PREPARING if is_preparing else STARTING)
