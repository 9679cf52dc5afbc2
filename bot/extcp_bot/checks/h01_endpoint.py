"""EXTCP-H01: the control plane's address leads to istiod."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.checks import parts, routing
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
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import deployments, gateway, mesh_root, presented
from extcp_bot.live.presented import Presented
from extcp_gitops.inventory.model import INGRESS_NAMESPACE
from extcp_gitops.render.external_cluster import ROOT_CONFIG_MAP
from extcp_gitops.render.operators import INGRESS_GATEWAY, WEBHOOK_PORT, XDS_PORT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from collections.abc import Set as AbstractSet

    from extcp_bot.live.deployments import Deployment
    from extcp_bot.target import Target

_OK: Final = 200
_NO_ROUTE: Final = 404
_VERIFY_FAILED: Final = "CERTIFICATE_VERIFY_FAILED"
_LOGS: Final = "kubectl --context {external} --namespace {namespace} logs deployment/istiod"
_GATEWAY_STATE: Final = (
    "kubectl --context {external} --namespace istio-system describe deployment/istio-ingressgateway"
)
_ISTIOD_STATE: Final = (
    "kubectl --context {external} --namespace {namespace} describe deployment/istiod"
)

NOT_RESOLVED = Problem(
    "not-resolved",
    "DNS knows no address for the control plane's host name.",
    "make a DNS record of the ingress gateway's load balancer",
    "kubectl --context {external} --namespace istio-system get service istio-ingressgateway",
)
OTHER_ADDRESS = Problem(
    "other-address",
    "DNS leads to other addresses than the load balancer's.",
    "make the DNS record that of the load balancer, unless a proxy stands before it on purpose",
    "kubectl --context {external} --namespace istio-system get service istio-ingressgateway",
    severity=Severity.WARNING,
)
REFUSED = Problem(
    "refused",
    "Nobody listens at the control plane's address.",
    "see whether the ingress gateway runs, and its load balancer",
    _GATEWAY_STATE,
)
NO_TLS = Problem(
    "no-tls",
    "What listens at the control plane's address finishes no TLS handshake.",
    "see whether the gateway has its certificate (EXTCP-H02), and its log",
    "kubectl --context {external} --namespace istio-system logs deployment/istio-ingressgateway",
)
NO_H2 = Problem(
    "no-h2",
    "What listens on port 15012 does not speak HTTP/2, which xDS needs.",
    "let whatever stands before the ingress gateway pass TLS through, or offer h2 by ALPN",
)
GATEWAY_NOT_READY = Problem(
    "gateway-not-ready",
    "No replica of the ingress gateway is ready.",
    "see why",
    _GATEWAY_STATE,
)
ISTIOD_NOT_READY = Problem(
    "istiod-not-ready",
    "No replica of istiod is ready.",
    "see why",
    _ISTIOD_STATE,
)
NO_ROUTE = Problem(
    "no-route",
    "The gateway knows no route for the control plane's address (404).",
    "see whether another Gateway or VirtualService takes the address",
    "kubectl --context {external} get gateways.networking.istio.io,"
    "virtualservices.networking.istio.io --all-namespaces",
)
NOT_READY = Problem(
    "not-ready",
    "istiod does not say at the control plane's address that it is ready.",
    "see istiod's log, and that of the ingress gateway",
    _LOGS,
)

# What has been named by its cause is not named again by what it leads to.
_BEFORE_TLS: Final = {problem.name for problem in routing.TO_THE_GATEWAY}
_BEFORE_ISTIOD: Final = _BEFORE_TLS | {
    problem.name for problem in routing.TO_ISTIOD if problem is not routing.HOP_UNVERIFIED
}


def _objects(resource: str, group: str, namespace: str, *names: str) -> Permission:
    return Permission(Side.EXTERNAL, resource, ("get",), group, namespace, names)


@check(
    "EXTCP-H01",
    "endpoint",
    title="Does the control plane's address lead to istiod?",
    scope=Scope.CONTROL_PLANE,
    severity=Severity.CRITICAL,
    permissions=(
        _objects("services", "", INGRESS_NAMESPACE, INGRESS_GATEWAY),
        *(
            _objects(resource, gateway.GROUP, CONTROL_PLANE_NAMESPACE)
            for resource in (gateway.GATEWAYS, gateway.VIRTUAL_SERVICES, gateway.DESTINATION_RULES)
        ),
        _objects("configmaps", "", CONTROL_PLANE_NAMESPACE, ROOT_CONFIG_MAP),
        _objects("deployments", deployments.GROUP, INGRESS_NAMESPACE, INGRESS_GATEWAY),
        _objects("deployments", deployments.GROUP, CONTROL_PLANE_NAMESPACE, deployments.ISTIOD),
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
        *routing.TO_THE_GATEWAY,
        *routing.TO_ISTIOD,
        NOT_RESOLVED,
        OTHER_ADDRESS,
        REFUSED,
        NO_TLS,
        NO_H2,
        GATEWAY_NOT_READY,
        ISTIOD_NOT_READY,
        NO_ROUTE,
        NOT_READY,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Proxies and API servers reach istiod by one address, and each step on the way can be missing.

    Looked at are, from the outside in: the ingress gateway's Service with its load balancer and
    the ports 15012 and 15017; the Gateway, the VirtualService and the DestinationRule with the
    root that it verifies istiod with; DNS; a TLS handshake on both ports, and HTTP/2 on 15012;
    `GET /ready` on 15017, which istiod itself answers. Its answers mean: 404, no route; 503, the
    hop from the gateway to istiod fails. The DestinationRule of Istio's guide names no root, so
    that the gateway tries public ones on istiod's own certificate, and answers 503.

    The certificate itself is EXTCP-H02's. DNS and connections are tried from where the bot runs: a
    connection that gets no answer in time may be its own route's fault, and is unknown.
    User reports: istio#39905, #39691, #33322, #27921.
    """
    said: set[str] = set()
    async for seen in parts.each(
        routing.service(target),
        routing.servers(target),
        routing.routes(target),
        routing.hop(target),
        routing.root(target),
        _dns(target),
        _reached(target, said),
    ):
        said.add(seen.problem)
        yield seen


async def _dns(target: Target) -> AsyncIterator[Observation]:
    fleet, address = target.fleet, target.plane.address
    if not _needs_dns(target):
        return
    place = f"DNS of {address}"
    try:
        found = await presented.addresses(fleet, address)
    except presented.NotResolvedError:
        yield NOT_RESOLVED.at(target, place, found="no address", wanted="the load balancer's")
        return
    wanted = await _load_balancer(target)
    if wanted and not set(found) & set(wanted):
        yield OTHER_ADDRESS.at(target, place, found=", ".join(found), wanted=", ".join(wanted))
    else:
        yield healthy(place, ", ".join(found))


def _needs_dns(target: Target) -> bool:
    """Whether no person has said where the address leads."""
    return all(host != target.plane.address for host, _ in target.fleet.connect_to)


async def _load_balancer(target: Target) -> tuple[str, ...]:
    """Its IP addresses; none where it has names, or is out of sight, which is said elsewhere."""
    try:
        service = await gateway.service(target)
    except CannotLookError:
        return ()
    return service.addresses if service else ()


async def _reached(target: Target, said: AbstractSet[str]) -> AsyncIterator[Observation]:
    """What answers at the address.

    Args:
        target: Where.
        said: The problems that have been named so far.
    """
    if NOT_RESOLVED.name in said:
        return
    if _needs_dns(target):  # whose silence has been told already
        await presented.addresses(target.fleet, target.plane.address)
    found = await presented.on_ports(target.fleet, target.plane.address, gateway.PORTS)
    for port, one in found.items():
        if isinstance(one, Presented):
            yield _protocol(target, port, one)
    failures = [one for one in found.values() if isinstance(one, CannotLookError)]
    if failures and not said & _BEFORE_TLS:
        for seen in await _unreachable(target, failures):
            yield seen
    if isinstance(found[WEBHOOK_PORT], Presented):
        async for seen in _ready(target, said):
            yield seen


def _protocol(target: Target, port: int, found: Presented) -> Observation:
    place = f"{target.plane.address}:{port}"
    protocol = found.protocol or "no protocol"
    if port == XDS_PORT and not found.speaks_h2:
        return NO_H2.at(target, f"{place}, ALPN", found=protocol, wanted="h2")
    return healthy(place, f"TLS with {protocol} at {found.place.host}")


async def _unreachable(target: Target, failures: list[CannotLookError]) -> list[Observation]:
    seen = await _idle(target, GATEWAY_NOT_READY, deployments.gateway)
    if seen is None and target.plane.is_ip_address:  # TLS is passed through to istiod
        seen = await _idle(target, ISTIOD_NOT_READY, deployments.istiod)
    return [seen] if seen else [_unreached(target, failure) for failure in failures]


def _unreached(target: Target, failure: CannotLookError) -> Observation:
    match failure:
        case presented.ConnectionRefusedByHostError():
            return REFUSED.at(target, failure.looked_at, found=failure.why, wanted="a connection")
        case presented.NoTLSError():
            return NO_TLS.at(target, failure.looked_at, found=failure.why, wanted="a handshake")
        case _:
            return unknown(failure.looked_at, failure.why, failure.remedy)


async def _idle(
    target: Target, problem: Problem, read: Callable[[Target], Awaitable[Deployment | None]]
) -> Observation | None:
    """The problem, where a Deployment has no ready replica; None also where nobody may look."""
    try:
        found = await read(target)
    except CannotLookError:
        return None
    if found is None or found.ready:
        return None
    return problem.at(target, found.place, found=found.readiness, wanted="at least one")


async def _ready(target: Target, said: AbstractSet[str]) -> AsyncIterator[Observation]:
    place = f"https://{target.plane.address}:{WEBHOOK_PORT}/ready"
    answer = await presented.ready(target.fleet, target.plane.address, WEBHOOK_PORT)
    if answer.status == _OK:
        yield healthy(place, answer.words)
    elif not said & _BEFORE_ISTIOD:
        if answer.status == _NO_ROUTE:
            problem = NO_ROUTE
        elif _VERIFY_FAILED in answer.text:
            problem = routing.HOP_ROOT_WRONG
        else:
            problem = NOT_READY
            if seen := await _idle(target, ISTIOD_NOT_READY, deployments.istiod):
                yield seen
                return
        yield problem.at(target, place, found=answer.words, wanted=f"HTTP {_OK}")
