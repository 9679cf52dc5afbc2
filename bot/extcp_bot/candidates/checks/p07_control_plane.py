"""EXTCP-P07: the candidate's API server reaches istiod at the control plane's address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.candidates import model, probe
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
    unknown,
)
from extcp_bot.live import mesh_root, presented, verification, webhooks
from extcp_gitops.render.operators import WEBHOOK_PORT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from extcp_bot.candidates.probe import Answer
    from extcp_bot.target import Target

_TRUST: Final = frozenset({"EXTCP-H02", "EXTCP-H03"})
"""The checks that look at what is behind a certificate that is not taken."""
_NO_IP: Final = "doesn't contain any IP SANs"
_SLOW: Final = 2.5
"""Seconds: a quarter of what an injection webhook may take."""

UNREACHABLE = Problem(
    "unreachable",
    "The candidate's API server does not get an answer from istiod, so that no Pod with a sidecar "
    "could be created.",
    "where {see} finds nothing wrong with the address, it is this cluster's way there: the DNS of "
    "its control plane, a firewall, a proxy, its route out of its network",
    "extcp-bot check --check {see}",
)
UNTRUSTED = Problem(
    "untrusted",
    "The candidate's API server does not trust the certificate at the control plane's address.",
    "where {see} finds nothing wrong with the certificate, the roots of this cluster's API server "
    "do not have its CA, or something on the way presents another one: name the CA as caBundle of "
    "the control plane in mesh.yaml",
    "extcp-bot check --check {see}",
)
OTHER_ANSWER = Problem(
    "other-answer",
    "Something else than istiod answers the candidate's API server at the control plane's address.",
    "see where the address leads from this cluster",
)
SLOW = Problem(
    "slow",
    "istiod's answer took long; each new Pod will wait for it.",
    "look for what is slow on the way: the distance, the gateway, istiod's CPU limit",
    severity=Severity.WARNING,
)


@check(
    "EXTCP-P07",
    "control-plane",
    title="Does the candidate's API server reach istiod, and trust what it presents?",
    scope=Scope.CANDIDATE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.CANDIDATE, webhooks.VALIDATING, ("create",), webhooks.GROUP),
        Permission(
            Side.CANDIDATE,
            webhooks.VALIDATING,
            ("get", "delete"),
            webhooks.GROUP,
            names=(probe.CONFIGURATION,),
        ),
        Permission(Side.CANDIDATE, "configmaps", ("create",), namespace=probe.NAMESPACE),
        Permission(
            Side.CONFIG,
            "configmaps",
            ("get",),
            "",
            CONTROL_PLANE_NAMESPACE,
            (mesh_root.CONFIG_MAP,),
        ),
    ),
    problems=(UNREACHABLE, UNTRUSTED, OTHER_ANSWER, SLOW),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Once the cluster has joined, its API server asks istiod about each Pod, or refuses the Pod.

    The one preflight check that changes something: for some seconds there is a
    ValidatingWebhookConfiguration `extcp-bot-probe` in the candidate, for a single ConfigMap with a
    random label in the namespace `default`, which is asked for as a dry run and never stored. So
    the candidate's own API server, with its own DNS, routes and roots, calls istiod by the URL that
    the injection webhook will have, and says how that went. The configuration is deleted whatever
    happens; what a killed run left behind, the next one deletes.

    By IP address, for experiments, the webhook will name a Service that is not there yet: the call
    then proves the route, and the certificate is verified from where the bot runs.
    User reports: istio#39905, #46573, #19532, #29912, #52393, #30899.
    """
    if not model.may_probe(target):
        why = f"a dry run makes no webhook in {target.cluster.name}"
        yield unknown(_place(target), why, "run it without --dry-run")
        return
    wanted = await verification.wanted(target)
    answer = await probe.call(target, wanted.roots)
    if target.plane.is_ip_address and answer.refusal and _NO_IP in answer.refusal.words:
        yield healthy(_place(target), "istiod is there, by a certificate for its name")
        yield await _from_here(target, wanted)
        return
    yield _judged(target, answer)
    if answer.refusal is None and answer.seconds > _SLOW:
        found, limit = f"{answer.seconds:.1f} s", f"at most {_SLOW:g} s"
        yield SLOW.at(target, f"{_place(target)}, time", found=found, wanted=limit)


def _place(target: Target) -> str:
    return f"a call from the API server of {target.cluster.name} to {target.plane.address}"


def _judged(target: Target, answer: Answer) -> Observation:
    place, refusal, wanted = f"{_place(target)}, {answer.url}", answer.refusal, "istiod's answer"
    if refusal is None:
        return healthy(place, f"istiod has answered in {answer.seconds:.2f} s")
    if refusal.cause is None:
        return OTHER_ANSWER.at(target, place, found=refusal.words, wanted=wanted)
    see = refusal.cause.check
    problem = UNTRUSTED if see in _TRUST else UNREACHABLE
    return problem.at(target, place, found=refusal.reason, wanted=wanted, see=see)


async def _from_here(target: Target, wanted: verification.Verification) -> Observation:
    host = target.plane.address
    place = f"certificate at {host}:{WEBHOOK_PORT}, from where the bot runs"
    seen = await presented.presented(target.fleet, host, WEBHOOK_PORT)
    verdict = await presented.verdict(target.fleet, host, WEBHOOK_PORT, wanted.roots)
    if verdict.is_trusted and seen.certificate.is_for(wanted.host):
        return healthy(place, f"for {wanted.host}, by {wanted.words}")
    return UNTRUSTED.at(
        target,
        place,
        found=f"not one for {wanted.host}" if verdict.is_trusted else verdict.words,
        wanted=f"one for {wanted.host}, by {wanted.words}",
        see="EXTCP-H02",
    )
