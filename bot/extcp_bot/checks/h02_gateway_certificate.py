"""EXTCP-H02: the certificate at the control plane's address is one that clients take."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from extcp_bot.checks import clock, parts
from extcp_bot.checks.model import (
    CONTROL_PLANE_NAMESPACE,
    GATEWAY_SECRET,
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
from extcp_bot.live import certificates, gateway, mesh_root, presented, verification
from extcp_bot.live.presented import Presented
from extcp_gitops.inventory.model import INGRESS_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from extcp_bot.live.certificates import Certificate
    from extcp_bot.live.presented import Verdict
    from extcp_bot.live.verification import Verification
    from extcp_bot.target import Target

_RENEW: Final = (
    "renew it, and put it into the gateway's TLS Secret; where cert-manager does that, see why it "
    "has not; with an IP address it is istiod's own, and a restart of istiod makes another"
)
_SHOW: Final = "openssl s_client -connect {address}:15017 -servername {address} -showcerts"

EXPIRED = Problem("expired", "A certificate of the chain has expired.", _RENEW, _SHOW)
NOT_YET_VALID = Problem(
    "not-yet-valid",
    "A certificate of the chain is not valid yet.",
    "wait, or put one that is valid into the gateway's TLS Secret; look at the clocks, too",
    _SHOW,
)
EXPIRES_SOON = Problem(
    "expires-soon",
    "The certificate expires soon, and should have been renewed by now.",
    _RENEW,
    _SHOW,
    severity=Severity.WARNING,
)
WRONG_NAME = Problem(
    "wrong-name",
    "The certificate is not for the control plane's address. A common name counts for nothing.",
    "put a certificate into the gateway's TLS Secret that has the address as subjectAltName",
    _SHOW,
)
UNTRUSTED = Problem(
    "untrusted",
    "The chain does not end at a root that clients have.",
    "put the certificate with all intermediate ones into the gateway's TLS Secret; where its CA is "
    "a private one, name that as caBundle in mesh.yaml",
    _SHOW,
)
SECRET_MISSING = Problem(
    "secret-missing",
    "The gateway's TLS Secret is not there, or holds no certificate.",
    "make it as README.md says, under 'Give the external cluster its certificates'",
    "kubectl --context {external} --namespace istio-system create secret tls {secret} "
    "--cert fullchain.pem --key privkey.pem",
)
OTHER_CERTIFICATE = Problem(
    "other-certificate",
    "The gateway presents another certificate than its TLS Secret holds.",
    "see whether another Gateway, or something before the gateway, answers for the address",
    "kubectl --context {external} get gateways.networking.istio.io --all-namespaces",
    severity=Severity.WARNING,
)


@check(
    "EXTCP-H02",
    "gateway-certificate",
    title="Is the certificate at the control plane's address one that clients take?",
    scope=Scope.CONTROL_PLANE,
    severity=Severity.CRITICAL,
    permissions=(
        Permission(Side.EXTERNAL, "secrets", ("get",), "", INGRESS_NAMESPACE, (GATEWAY_SECRET,)),
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
        EXPIRED,
        NOT_YET_VALID,
        EXPIRES_SOON,
        WRONG_NAME,
        UNTRUSTED,
        SECRET_MISSING,
        OTHER_CERTIFICATE,
        clock.CLOCK_SKEW,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Every proxy and every API server verifies the certificate at the control plane's address.

    Looked at is what is presented on the ports 15012 and 15017 to a client that asks for the
    address: names, dates, and whether the chain verifies with the inventory's `caBundle`, or else
    with the public roots of the machine that the bot runs on. A certificate should be renewed
    before a third of its life, and `certificateDays`, are left. The gateway's TLS Secret should
    hold what is presented; its key is not looked at. The external cluster's clock should agree
    with that of the machine. With an IP address the certificate is istiod's own, and verified
    with the root of istiod's CA. User reports: istio#52393, #46573, #30899, #32976.
    """
    async for seen in parts.each(_presented(target), _secret(target), _clock(target)):
        yield seen


async def _presented(target: Target) -> AsyncIterator[Observation]:
    found = await presented.on_ports(target.fleet, target.plane.address, gateway.PORTS)
    ports: dict[Certificate, list[int]] = {}
    for port, one in found.items():
        if isinstance(one, Presented):
            ports.setdefault(one.certificate, []).append(port)
        else:
            yield unknown(one.looked_at, one.why, one.remedy)
    for certificate, its in ports.items():
        place = f"{target.plane.address}, ports {', '.join(map(str, its))}"
        problems = list(_of_certificate(target, place, certificate))
        for seen in problems:
            yield seen
        # Whoever cannot be told the roots has been told the rest.
        wanted = await verification.wanted(target)
        verdict = await presented.verdict(target.fleet, target.plane.address, its[0], wanted.roots)
        dates = {EXPIRED.name, NOT_YET_VALID.name} & {seen.problem for seen in problems}
        if not verdict.is_trusted and not (dates and verdict.is_about_time):
            yield _of_chain(target, place, certificate, verdict, wanted)
        elif not problems:
            yield healthy(
                place,
                f"for {', '.join(certificate.hosts)}, until {certificate.end:%Y-%m-%d %H:%M}, "
                f"verified with {wanted.words}",
            )


def _of_certificate(target: Target, place: str, certificate: Certificate) -> Iterator[Observation]:
    now, end = target.fleet.now(), certificate.end
    days = timedelta(days=target.fleet.settings.certificate_days)
    name = verification.host(target.plane)
    if not certificate.is_for(name):
        hosts = ", ".join(certificate.hosts) or f"no name but {certificate.subject}"
        yield WRONG_NAME.at(target, place, found=f"for {hosts}", wanted=f"for {name}")
    if now < certificate.begin:
        yield NOT_YET_VALID.at(target, place, found=f"from {certificate.begin}", wanted="by now")
    elif now >= end:
        yield EXPIRED.at(target, place, found=f"until {end}", wanted="longer")
    elif end - now < min(days, certificate.life / 3):
        yield EXPIRES_SOON.at(target, place, found=f"until {end}", wanted="longer")


def _of_chain(
    target: Target, place: str, certificate: Certificate, verdict: Verdict, wanted: Verification
) -> Observation:
    problem = UNTRUSTED
    if verdict.is_about_time:  # of a certificate behind the first one
        problem = EXPIRED if verdict.code == presented.EXPIRED else NOT_YET_VALID
    found = f"{verdict.words}; signed by {certificate.issuer}"
    return problem.at(target, f"{place}, chain", found=found, wanted=f"one of {wanted.words}")


async def _secret(target: Target) -> AsyncIterator[Observation]:
    tls, address = target.plane.tls, target.plane.address
    if tls is None or target.plane.is_ip_address:
        return
    place = f"Secret {INGRESS_NAMESPACE}/{tls.secret_name}"
    text = await gateway.certificate(target)
    try:
        held = certificates.of_pem(text or "")
    except ValueError:
        held = ()
    if not held:
        what = "none" if text is None else "no certificate in tls.crt, nor in cert beside a key"
        yield SECRET_MISSING.at(
            target, place, found=what, wanted="the chain and its key", secret=tls.secret_name
        )
        return
    found = await presented.on_ports(target.fleet, address, gateway.PORTS)
    shown = {one.certificate for one in found.values() if isinstance(one, Presented)}
    others = tuple(shown - {held[0]})
    if others:
        names = certificates.named(others), certificates.named(held[:1])
        yield OTHER_CERTIFICATE.at(
            target, f"{address} beside {place}", found=names[0], wanted=names[1]
        )
    elif shown:
        yield healthy(place, "holds what is presented")


async def _clock(target: Target) -> AsyncIterator[Observation]:
    for seen in clock.skew(target, target.external):
        yield seen
