"""EXTCP-H03: the API server of a remote cluster trusts what istiod's webhooks present."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from extcp_bot.checks import clock, parts
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
)
from extcp_bot.checks.remedies import RESTORE, RESTORE_COMMAND, RESTORE_EXTERNAL_COMMAND
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.live import (
    certificates,
    deployments,
    environment,
    fields,
    mesh_root,
    presented,
    verification,
    webhooks,
)
from extcp_gitops.render.operators import (
    WEBHOOK_PORT,
    injection_webhook,
    validation_webhook,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from extcp_bot.live.certificates import Certificate
    from extcp_bot.live.webhooks import Webhook
    from extcp_bot.target import Target

_INJECTORS: Final = tuple(
    f"{name}.sidecar-injector.istio.io"
    for name in ("rev.namespace", "rev.object", "namespace", "object")
)
_HTTPS: Final = 443
_REMOVE: Final = "take it away, and see what writes it: istiod, cert-manager's cainjector, a person"
_REMOVE_COMMAND: Final = (
    "kubectl --context {context} patch {kind} {configuration} --type json --patch {patch}"
)
_REWRITE: Final = "istiod writes it; where it does not, see EXTCP-H07 and H09, and restart istiod"
_REWRITE_COMMAND: Final = (
    "kubectl --context {external} --namespace {namespace} rollout restart deployment/istiod"
)

MISSING = Problem(
    "missing",
    "Webhooks that inject sidecars are missing.",
    RESTORE,
    RESTORE_COMMAND,
)
WRONG_HOST = Problem(
    "wrong-host",
    "A webhook calls something else than the control plane's address.",
    RESTORE,
    RESTORE_COMMAND,
)
FOREIGN_BUNDLE = Problem(
    "foreign-bundle",
    "A webhook trusts another CA than the one of the certificate that it is shown.",
    RESTORE,
    RESTORE_COMMAND,
)
EMPTIED_BUNDLE = Problem(
    "emptied-bundle",
    "A webhook has lost the CA that it should trust, so that the API server trusts public ones.",
    RESTORE,
    RESTORE_COMMAND,
)
BROKEN_BUNDLE = Problem(
    "broken-bundle",
    "What a webhook should trust is no bundle of certificates.",
    RESTORE,
    RESTORE_COMMAND,
)
REFUSED = Problem(
    "refused",
    "The API server refuses the certificate that it is shown at the webhook's address.",
    "see EXTCP-H02, which says what is wrong with the certificate",
    "openssl s_client -connect {address}:15017 -servername {address} -showcerts",
)
WRONG_ENVIRONMENT = Problem(
    "wrong-environment",
    "istiod is told otherwise than the repository says whether to write its own CA into webhooks.",
    RESTORE,
    RESTORE_EXTERNAL_COMMAND,
    severity=Severity.ERROR,
)


@check(
    "EXTCP-H03",
    "webhook-trust",
    title="Does the cluster's API server trust what istiod's webhooks present?",
    scope=Scope.REMOTE,
    severity=Severity.CRITICAL,
    permissions=(
        Permission(Side.REMOTE, webhooks.MUTATING, ("list",), webhooks.GROUP),
        Permission(Side.CONFIG, webhooks.VALIDATING, ("list",), webhooks.GROUP),
        Permission(
            Side.CONFIG,
            "configmaps",
            ("get",),
            "",
            CONTROL_PLANE_NAMESPACE,
            (mesh_root.CONFIG_MAP,),
        ),
        Permission(
            Side.EXTERNAL,
            deployments.RESOURCE,
            ("get",),
            deployments.GROUP,
            CONTROL_PLANE_NAMESPACE,
            (deployments.ISTIOD,),
        ),
    ),
    problems=(
        MISSING,
        WRONG_HOST,
        FOREIGN_BUNDLE,
        EMPTIED_BUNDLE,
        BROKEN_BUNDLE,
        REFUSED,
        WRONG_ENVIRONMENT,
        clock.CLOCK_SKEW,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """An API server that does not trust the injector creates no Pod in an injected namespace.

    Looked at are the control plane's own webhooks: that the injecting ones are there, that they
    call the control plane's address, and that what is presented there is verified by their
    `caBundle`, as the API server would verify it, name and dates included. An empty one stands
    for the public roots, here those of the machine that the bot runs on. With an IP address the
    webhooks name a Service, and istiod writes its own root into them; with a host name it must
    not, so its environment has to say `INJECTION_WEBHOOK_CONFIG_NAME` and
    `VALIDATION_WEBHOOK_CONFIG_NAME` with empty values (seen with the config cluster). The API
    server's clock should agree with that of the bot's machine.
    User reports: istio#36858, #30899, #52393, #36687.
    """
    async for seen in parts.each(
        _injecting(target), _validating(target), _istiod(target), _clock(target)
    ):
        yield seen


@dataclass(frozen=True, slots=True)
class _Group:
    """Webhooks of one configuration that call the same and trust the same.

    Attributes:
        kind: Of the configuration.
        name: Of the configuration.
        called: The host and port, or the Service.
        bundle: PEM; None where it is no text.
        positions: Of the webhooks in the configuration.
    """

    kind: str
    name: str
    called: str
    bundle: str | None
    positions: tuple[int, ...]

    @property
    def place(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def words(self) -> dict[str, str]:
        """For the command that takes the bundle away."""
        patch = [
            {"op": "remove", "path": f"/webhooks/{position}/clientConfig/caBundle"}
            for position in self.positions
        ]
        return {
            "kind": self.kind.lower(),
            "configuration": self.name,
            "patch": json.dumps(patch, separators=(",", ":")),
        }


async def _injecting(target: Target) -> AsyncIterator[Observation]:
    kind = "MutatingWebhookConfiguration"
    hooks = webhooks.own(target, await webhooks.injecting(target))
    missing = [name for name in _INJECTORS if name not in {hook.name for hook in hooks}]
    if missing:
        place = f"{kind} {injection_webhook(target.plane)}"
        found = f"not {', '.join(missing)}" if hooks else "none"
        yield MISSING.at(target, place, found=found, wanted=", ".join(_INJECTORS))
    for group in _groups(kind, hooks):
        yield await _trust(target, group)


async def _validating(target: Target) -> AsyncIterator[Observation]:
    """The config cluster's; whether they are there is another check's question."""
    if target.is_config:
        hooks = webhooks.own(target, await webhooks.validating(target))
        for group in _groups("ValidatingWebhookConfiguration", hooks):
            yield await _trust(target, group)


def _groups(kind: str, hooks: Sequence[Webhook]) -> Iterator[_Group]:
    found: dict[tuple[str, str, str | None], list[int]] = {}
    seen: dict[str, int] = {}
    for hook in hooks:
        position = seen.setdefault(hook.configuration, 0)
        seen[hook.configuration] += 1
        key = (hook.configuration, _called(hook), hook.ca_bundle)
        found.setdefault(key, []).append(position)
    for (name, called, bundle), positions in found.items():
        yield _Group(kind, name, called, bundle, tuple(positions))


def _called(hook: Webhook) -> str:
    if hook.url is None:
        service = fields.mapping(hook.service)
        return f"Service {service.get('namespace')}/{service.get('name')}"
    try:
        port = urlsplit(hook.url).port or _HTTPS
    except ValueError:
        return hook.url
    return f"{hook.host}:{port}"


async def _trust(target: Target, group: _Group) -> Observation:
    """Whether the API server would be satisfied, in the order in which it would find out."""
    plane = target.plane
    should = f"{plane.address}:{WEBHOOK_PORT}"
    if plane.is_ip_address:
        should = f"Service {plane.namespace}/{deployments.ISTIOD}"
    if group.called != should:
        return WRONG_HOST.at(target, group.place, found=group.called, wanted=should)
    bundle = _parsed(group.bundle)
    wanted = await verification.wanted(target)
    roots = certificates.of_pem(wanted.roots or "")
    if bundle is None:
        problem, found = BROKEN_BUNDLE, "no certificates"
    elif roots and not bundle:
        problem, found = EMPTIED_BUNDLE, "none"
    elif await _is_foreign(target, bundle, roots, group.bundle or None):
        problem, found = FOREIGN_BUNDLE, certificates.named(bundle)
    else:
        return await _as_the_api_server(target, group, wanted.host)
    return _mended(problem, target).at(
        target,
        f"{group.place}, caBundle",
        found=found,
        wanted=certificates.named(roots),
        **group.words,
    )


async def _is_foreign(
    target: Target,
    bundle: tuple[Certificate, ...],
    roots: tuple[Certificate, ...],
    pem: str | None,
) -> bool:
    """Whether a bundle is not the wanted one, and does not serve in its place either."""
    if target.plane.is_ip_address:
        is_wanted = bool(set(bundle) & set(roots))
    else:
        is_wanted = set(bundle) == set(roots)
    if is_wanted:
        return False
    try:
        verdict = await presented.verdict(target.fleet, target.plane.address, WEBHOOK_PORT, pem)
    except CannotLookError:
        return True
    return not (verdict.is_trusted or verdict.is_about_time)


def _mended(problem: Problem, target: Target) -> Problem:
    """The problem of a bundle, with what mends it for this control plane."""
    if target.plane.is_ip_address:
        return replace(problem, remedy=_REWRITE, command=_REWRITE_COMMAND)
    if target.plane.ca_bundle is None:
        return replace(problem, remedy=_REMOVE, command=_REMOVE_COMMAND)
    return problem


async def _as_the_api_server(target: Target, group: _Group, host: str) -> Observation:
    fleet, address = target.fleet, target.plane.address
    roots = group.bundle or None
    certificate = (await presented.presented(fleet, address, WEBHOOK_PORT)).certificate
    verdict = await presented.verdict(fleet, address, WEBHOOK_PORT, roots)
    wanted = f"a certificate for {host} of {'its caBundle' if roots else 'a public CA'}"
    if not verdict.is_trusted:
        return REFUSED.at(target, group.place, found=verdict.words, wanted=wanted)
    if not certificate.is_for(host):
        hosts = ", ".join(certificate.hosts) or "no name"
        return REFUSED.at(target, group.place, found=f"one for {hosts}", wanted=wanted)
    return healthy(group.place, f"{group.called} presents {wanted}")


async def _istiod(target: Target) -> AsyncIterator[Observation]:
    """Said once, with the config cluster; whether istiod is there is another check's question."""
    if not target.is_config or (found := await deployments.istiod(target)) is None:
        return
    plane = target.plane
    names = {
        "INJECTION_WEBHOOK_CONFIG_NAME": injection_webhook(plane),
        "VALIDATION_WEBHOOK_CONFIG_NAME": validation_webhook(plane),
    }
    wrong = False
    for variable, name in names.items():
        value = name if plane.is_ip_address else ""
        given = environment.values(found.pod, "discovery", variable)
        if given != [value]:  # without it, istiod takes names of its own
            wrong, shown = True, " and ".join(map(repr, given or [])) or "not set"
            place = f"{found.place}, {variable}"
            yield WRONG_ENVIRONMENT.at(target, place, found=shown, wanted=repr(value))
    if not wrong:
        does = "writes" if plane.is_ip_address else "does not write"
        yield healthy(found.place, f"{does} its CA into the webhooks")


async def _clock(target: Target) -> AsyncIterator[Observation]:
    for seen in clock.skew(target, target.api):
        yield seen


def _parsed(bundle: str | None) -> tuple[Certificate, ...] | None:
    """The certificates of a bundle; None where it holds something else."""
    try:
        return None if bundle is None else certificates.of_pem(bundle)
    except ValueError:
        return None
