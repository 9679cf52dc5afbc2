"""The objects between the load balancer and istiod, judged for EXTCP-H01."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import Problem, Severity, healthy
from extcp_bot.checks.remedies import RESTORE, RESTORE_EXTERNAL_COMMAND
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import certificates, gateway, mesh_root
from extcp_gitops.render.external_cluster import ROOT_CONFIG_MAP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from extcp_bot.checks.model import Observation
    from extcp_bot.live.certificates import Certificate
    from extcp_bot.live.gateway import Hop, Server
    from extcp_bot.target import Target

_PIN: Final = "pin the root of istiod's CA in the inventory, and merge that"
_PIN_COMMAND: Final = "extcp-gitops control-plane pin-root {plane} --context {config}"

PORT_MISSING = Problem(
    "port-missing",
    "The ingress gateway lacks a port of istiod.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
NO_ADDRESS = Problem(
    "no-load-balancer-address",
    "The ingress gateway's Service has no address outside the cluster.",
    "see what the cloud says of the load balancer",
    "kubectl --context {external} --namespace istio-system describe service istio-ingressgateway",
)
NOT_CONFIGURED = Problem(
    "not-configured",
    "An object on the way to istiod is missing.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
WRONG_HOST = Problem(
    "wrong-host",
    "The Gateway or the VirtualService is for other hosts than the control plane's address.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
WRONG_TLS = Problem(
    "wrong-tls",
    "The Gateway ends TLS in another way, or with another Secret, than the repository says.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
WRONG_ROUTE = Problem(
    "wrong-route",
    "The VirtualService does not lead from the gateway to istiod.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
HOP_WRONG = Problem(
    "hop-wrong",
    "The gateway speaks to istiod in another way than the repository says.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
HOP_UNVERIFIED = Problem(
    "hop-unverified",
    "The gateway does not verify istiod, although the repository says that it should.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
    severity=Severity.ERROR,
)
HOP_ROOT_MISSING = Problem(
    "hop-root-missing",
    "The gateway is given no root to verify istiod with; it tries public ones, and answers 503.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
HOP_ROOT_NOT_PINNED = Problem(
    "hop-root-not-pinned",
    "The repository does not say yet with which root the gateway verifies istiod.",
    _PIN,
    _PIN_COMMAND,
)
HOP_ROOT_WRONG = Problem(
    "hop-root-wrong",
    "The root that the gateway verifies istiod with is not that of istiod's CA.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
)
HOP_ROOT_OUTDATED = Problem(
    "hop-root-outdated",
    "The root in the repository is not that of istiod's CA, which has another one by now.",
    _PIN,
    _PIN_COMMAND,
)

TO_THE_GATEWAY: Final = (PORT_MISSING, NO_ADDRESS, NOT_CONFIGURED, WRONG_HOST, WRONG_TLS)
"""What keeps a client from finishing a TLS handshake with the gateway."""
TO_ISTIOD: Final = (
    WRONG_ROUTE,
    HOP_WRONG,
    HOP_UNVERIFIED,
    HOP_ROOT_MISSING,
    HOP_ROOT_NOT_PINNED,
    HOP_ROOT_WRONG,
    HOP_ROOT_OUTDATED,
)
"""What keeps a request from getting through the gateway."""


async def service(target: Target) -> AsyncIterator[Observation]:
    """The ingress gateway's Service."""
    place, found = gateway.SERVICE, await gateway.service(target)
    if found is None:
        yield NOT_CONFIGURED.at(target, place, found="none", wanted="one")
        return
    missing = [port for port in gateway.PORTS if port not in found.ports]
    addresses = (*found.addresses, *found.host_names)
    if missing:
        yield PORT_MISSING.at(
            target,
            f"{place}, ports",
            found=f"{_numbers(found.ports)}; not {_numbers(missing)}",
            wanted=_numbers(gateway.PORTS),
        )
    if found.is_load_balancer and not addresses:
        yield NO_ADDRESS.at(target, f"{place}, addresses", found="none", wanted="one")
    elif not missing:
        where = ", ".join(addresses) or "an address that the cluster does not know of"
        yield healthy(place, f"{_numbers(gateway.PORTS)} at {where}")


async def servers(target: Target) -> AsyncIterator[Observation]:
    """The control plane's Gateway."""
    place = gateway.place(target, gateway.GATEWAYS)
    found = await gateway.servers(target)
    if found is None:
        yield NOT_CONFIGURED.at(target, place, found="none", wanted="one")
        return
    wanted = gateway.wanted(target.plane).servers
    problems = [seen for server in wanted for seen in _server(target, place, found, server)]
    for seen in problems:
        yield seen
    if not problems:
        yield healthy(place, f"{_numbers(gateway.PORTS)} for {', '.join(wanted[0].hosts)}")


def _server(
    target: Target, place: str, found: tuple[Server, ...], wanted: Server
) -> Iterator[Observation]:
    here, host = f"{place}, port {wanted.port}", wanted.hosts[0]
    at_port = [server for server in found if server.port == wanted.port]
    for_host = [server for server in at_port if gateway.covers(server.hosts, host)]
    if not at_port:
        yield PORT_MISSING.at(target, here, found="no server", wanted=f"one for {host}")
    elif not for_host:
        hosts = ", ".join(name for server in at_port for name in server.hosts)
        yield WRONG_HOST.at(target, f"{here}, hosts", found=hosts or "none", wanted=host)
    elif wanted.tls not in [server.tls for server in for_host]:
        yield WRONG_TLS.at(target, f"{here}, tls", found=for_host[0].tls, wanted=wanted.tls)


async def routes(target: Target) -> AsyncIterator[Observation]:
    """The control plane's VirtualService."""
    place = gateway.place(target, gateway.VIRTUAL_SERVICES)
    found, wanted = await gateway.virtual_service(target), gateway.wanted(target.plane)
    if found is None:
        yield NOT_CONFIGURED.at(target, place, found="none", wanted="one")
        return
    said, route = False, wanted.virtual_service
    if not gateway.covers(found.hosts, route.hosts[0]):
        hosts = ", ".join(found.hosts) or "none"
        yield WRONG_HOST.at(target, f"{place}, hosts", found=hosts, wanted=route.hosts[0])
        said = True
    pairs = {"gateways": (found.gateways, route.gateways)}
    for port in gateway.PORTS:
        pairs[f"port {port}"] = (found.destinations(port), route.destinations(port))
    for what, (is_there, should_be) in pairs.items():
        if is_there != should_be:
            said, words = True, ", ".join(is_there) or "none"
            yield WRONG_ROUTE.at(
                target, f"{place}, {what}", found=words, wanted=", ".join(should_be)
            )
    if not said:
        yield healthy(place, f"{_numbers(gateway.PORTS)} to istiod")


async def hop(target: Target) -> AsyncIterator[Observation]:
    """The control plane's DestinationRule; none with an IP address, where TLS is passed through."""
    wanted = gateway.wanted(target.plane).destination_rule
    if wanted is None:
        return
    place = gateway.place(target, gateway.DESTINATION_RULES)
    found = await gateway.destination_rule(target)
    if found is None:
        yield NOT_CONFIGURED.at(target, place, found="none", wanted="one")
        return
    if found.host != wanted.host:
        yield HOP_WRONG.at(target, f"{place}, host", found=found.host, wanted=wanted.host)
        return
    problems = [
        seen
        for port, should_be in wanted.hops.items()
        for seen in _hop(target, f"{place}, port {port}", found.hops.get(port), should_be)
    ]
    for seen in problems:
        yield seen
    if not problems:
        yield healthy(place, next(iter(wanted.hops.values())).trust)


def _hop(target: Target, here: str, found: Hop | None, wanted: Hop) -> Iterator[Observation]:
    if found is None:
        yield HOP_WRONG.at(target, here, found="nothing", wanted=wanted.words)
    elif found.is_unverified and not wanted.is_unverified:
        yield HOP_UNVERIFIED.at(target, here, found=found.trust, wanted=wanted.trust)
    elif not found.is_unverified and not found.root:
        yield HOP_ROOT_MISSING.at(target, here, found=found.trust, wanted=wanted.trust)
    elif (found.words, found.trust) != (wanted.words, wanted.trust):
        yield HOP_WRONG.at(
            target,
            here,
            found=f"{found.words}, {found.trust}",
            wanted=f"{wanted.words}, {wanted.trust}",
        )


async def root(target: Target) -> AsyncIterator[Observation]:
    """The root that the gateway verifies istiod with, beside that of istiod's CA."""
    plane = target.plane
    if plane.is_ip_address or plane.ca.insecure_skip_verify:
        return
    place = f"ConfigMap {plane.namespace}/{ROOT_CONFIG_MAP}"
    found, wanted = _parsed(await gateway.pinned_root(target)), "the root of istiod's CA"
    pinned = _parsed(plane.ca.root_certificate or "")
    if not found:
        missing = HOP_ROOT_MISSING if pinned else HOP_ROOT_NOT_PINNED
        yield missing.at(target, place, found="no certificate", wanted=wanted)
        return
    roots = await _roots_of_istiod(target, pinned)
    if roots and not set(found) & set(roots):
        wrong = HOP_ROOT_OUTDATED if set(found) == set(pinned) else HOP_ROOT_WRONG
        names = certificates.named(found), certificates.named(roots)
        yield wrong.at(target, place, found=names[0], wanted=names[1])
        return
    yield healthy(place, certificates.named(found))


async def _roots_of_istiod(
    target: Target, pinned: tuple[Certificate, ...]
) -> tuple[Certificate, ...]:
    """What istiod publishes; while nobody sees that, what the repository names."""
    try:
        published = _parsed(await mesh_root.published(target))
    except CannotLookError:
        if not pinned:
            raise
        return pinned
    return published or pinned


def _parsed(bundle: str) -> tuple[Certificate, ...]:
    try:
        return certificates.of_pem(bundle)
    except ValueError:
        return ()


def _numbers(ports: Sequence[int]) -> str:
    return f"ports {', '.join(map(str, ports)) or 'none'}"
