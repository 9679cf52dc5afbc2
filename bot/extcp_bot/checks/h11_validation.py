"""EXTCP-H11: istiod refuses configuration that it cannot use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
from extcp_bot.checks.remedies import RESTORE, RESTORE_COMMAND
from extcp_bot.live import validation, webhooks
from extcp_gitops.render.operators import validation_webhook, webhook_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from extcp_bot.live.webhooks import Webhook
    from extcp_bot.target import Target

DEFAULT: Final = "istiod-default-validator"
_PATH: Final = "/validate"
_FAIL: Final = "Fail"
_IGNORE: Final = "Ignore"

MISSING = Problem(
    "missing",
    "A validation webhook is not there, so that istiod is not asked about configuration.",
    RESTORE,
    RESTORE_COMMAND,
)
WRONG_URL = Problem(
    "wrong-url",
    "A validation webhook calls somebody else than the control plane.",
    RESTORE,
    RESTORE_COMMAND,
)
WRONG_POLICY = Problem(
    "wrong-policy",
    "A validation webhook does another thing than the repository wants while istiod is away.",
    RESTORE,
    RESTORE_COMMAND,
    severity=Severity.WARNING,
)
UNREACHABLE = Problem(
    "unreachable",
    "The API server cannot ask istiod, and takes no Istio configuration at all.",
    "mend what {see} finds; where it finds nothing, the way from this cluster's API server is at "
    "fault: its DNS, a firewall, its route out of its network",
)
ACCEPTED = Problem(
    "accepted",
    "Configuration that istiod has to refuse gets in.",
    "with failurePolicy Ignore, an API server that cannot ask istiod says nothing and takes "
    "everything: mend what EXTCP-H01, EXTCP-H02 and EXTCP-H03 find; where they find nothing, the "
    "way from this cluster's API server is at fault. Then look for what got in",
    "istioctl --context {config} analyze --all-namespaces",
)
LEFTOVER = Problem(
    "leftover",
    "A validation webhook of Istio is in a cluster whose configuration nobody reads.",
    "delete it",
    "kubectl --context {context} delete validatingwebhookconfiguration {configuration}",
    severity=Severity.WARNING,
)


@check(
    "EXTCP-H11",
    "validation",
    title="Does istiod refuse configuration that it cannot use?",
    scope=Scope.REMOTE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.REMOTE, webhooks.VALIDATING, group=webhooks.GROUP),
        Permission(
            Side.CONFIG,
            validation.RESOURCE,
            ("create",),
            validation.GROUP,
            CONTROL_PLANE_NAMESPACE,
        ),
    ),
    problems=(MISSING, WRONG_URL, WRONG_POLICY, UNREACHABLE, ACCEPTED, LEFTOVER),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Where nobody is asked, a typing error in a route becomes an outage, and nothing says so.

    Looked at are the two validation webhooks in the config cluster: their URL, which has to be the
    control plane's address with `/validate`, and their failurePolicy, which is `Fail` with a
    private CA, and else `Ignore` because nobody would change it later. Then the cluster's own API
    server is asked, as a server-side dry run, to take a VirtualService whose route leads nowhere:
    its schema is right, so that only istiod refuses it. That it is taken means, with `Ignore`,
    that the API server does not reach istiod. Other remote clusters have no such webhooks, and one
    that was left behind is a warning. User reports: istio#38599, #46189, #55324, #52785.
    """
    hooks = await webhooks.validating(target)
    if not target.is_config:
        for seen in _leftovers(target, hooks):
            yield seen
        return
    own = webhooks.own(target, hooks)
    problems = [*_missing(target, own), *_wrong(target, own)]
    for seen in problems:
        yield seen
    if all(seen.severity is Severity.WARNING for seen in problems):
        yield await _refused(target, own)


def _leftovers(target: Target, hooks: list[Webhook]) -> Iterator[Observation]:
    found = sorted({hook.configuration for hook in hooks})
    for name in found:
        place = f"ValidatingWebhookConfiguration {name}"
        yield LEFTOVER.at(target, place, found="one", wanted="none", configuration=name)
    if not found:
        yield healthy("ValidatingWebhookConfigurations of Istio", "none, not the config cluster")


def _missing(target: Target, hooks: list[Webhook]) -> Iterator[Observation]:
    found = {hook.configuration for hook in hooks}
    for name in (validation_webhook(target.plane), DEFAULT):
        if name not in found:
            place = f"ValidatingWebhookConfiguration {name}"
            yield MISSING.at(target, place, found="none", wanted="one")


def _wrong(target: Target, hooks: list[Webhook]) -> Iterator[Observation]:
    policy = _policy(target)
    for hook in hooks:
        found, wanted = _destination(target, hook)
        if found != wanted:
            yield WRONG_URL.at(target, hook.place, found=found, wanted=wanted)
        if hook.failure_policy != policy:
            place = f"{hook.place}, failurePolicy"
            yield WRONG_POLICY.at(target, place, found=hook.failure_policy, wanted=policy)


def _policy(target: Target) -> str:
    """With an IP address istiod sets ``Fail`` itself, once it has seen itself refuse something."""
    return _FAIL if target.plane.ca_bundle or target.plane.is_ip_address else _IGNORE


def _destination(target: Target, hook: Webhook) -> tuple[str, str]:
    """Where a webhook leads, and where it should."""
    plane = target.plane
    service = hook.service or {}
    found = hook.url or f"Service {service.get('namespace')}/{service.get('name')}{hook.path}"
    if plane.is_ip_address:
        return found, f"Service {plane.namespace}/istiod{_PATH}"
    return found, webhook_url(plane, _PATH)


async def _refused(target: Target, hooks: list[Webhook]) -> Observation:
    place, wanted = "dry run of an invalid VirtualService", "a refusal of istiod"
    refusal = await validation.refusal(target)
    if refusal is None:
        policies = ", ".join(sorted({hook.failure_policy for hook in hooks}))
        return ACCEPTED.at(
            target, place, found=f"it is taken, with failurePolicy {policies}", wanted=wanted
        )
    if not refusal.is_of(validation.WEBHOOKS):
        who = f"webhook {refusal.webhook}" if refusal.webhook else "the API server"
        remedy = "let it take VirtualServices in the control plane's namespace, or look by hand"
        return unknown(place, f"{who} refuses it before istiod can: {refusal.reason}", remedy)
    if refusal.cause is not None:
        return UNREACHABLE.at(
            target, place, found=refusal.reason, wanted=wanted, see=refusal.cause.check
        )
    return healthy(place, f"refused: {refusal.words}")
