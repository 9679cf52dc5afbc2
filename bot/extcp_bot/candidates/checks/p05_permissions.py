"""EXTCP-P05: Argo CD may make in the candidate what is needed there, and the bot may look."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from extcp_bot import listed, rbac
from extcp_bot.access.model import Access
from extcp_bot.candidates import generated, model
from extcp_bot.candidates.checks.registry import check
from extcp_bot.checks import all_checks, parts
from extcp_bot.checks.model import Observation, Problem, Scope, Severity, Side, healthy, unknown
from extcp_bot.kube.failure import NotAllowedError, RejectedError
from extcp_bot.kube.writes import MissingError, Writer
from extcp_bot.live import admission, reviews
from extcp_bot.live.rbac import Right
from extcp_bot.rbac import Places

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from extcp_bot.kube.client import Client
    from extcp_bot.live.rbac import Rule
    from extcp_bot.target import Target

    Place = tuple[Right, str]  # a right, and the namespace in which it is wanted

_APPLY: Final = ("create", "patch", "delete")
_WATCH: Final = ("get", "list", "watch")
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_ESCALATION: Final = "attempting to grant RBAC permissions not currently held"
_SHOWN: Final = 5
_RIGHTS: Final = (
    "give Argo CD's account in the cluster these rights; what 'argocd cluster add' makes has them "
    "all"
)
_RIGHTS_COMMAND: Final = "argocd cluster add {context} --name {cluster}"

ARGOCD_MAY_NOT = Problem(
    "argocd-may-not",
    "Argo CD's credential lacks rights on what the cluster will be given.",
    _RIGHTS,
    _RIGHTS_COMMAND,
)
ESCALATION = Problem(
    "escalation",
    "Argo CD may not give others rights that it does not have itself, as istiod's roles ask for.",
    f"{_RIGHTS}; or let it bind and escalate roles",
    _RIGHTS_COMMAND,
)
NOT_ADMITTED = Problem(
    "not-admitted",
    "The candidate refuses an object that the cluster will be given: a policy, or a webhook of it.",
    "see what refuses it, and let it in",
    "kubectl --context {context} get mutatingwebhookconfigurations,"
    "validatingwebhookconfigurations,validatingadmissionpolicies",
)
NOT_ACCEPTED = Problem(
    "not-accepted",
    "The candidate does not know Argo CD's credential any more.",
    "register the cluster with Argo CD again",
    _RIGHTS_COMMAND,
)
BOT_MAY_NOT = Problem(
    "bot-may-not",
    "The bot's credential lacks rights on what the checks look at, so that they will be unknown "
    "once the cluster has joined.",
    "let it do what the checks ask for",
    "extcp-bot rbac --side remote | kubectl --context {context} apply --filename -",
    severity=Severity.WARNING,
)


@check(
    "EXTCP-P05",
    "permissions",
    title="May Argo CD make in the candidate what is needed there, and may the bot look?",
    scope=Scope.CANDIDATE,
    severity=Severity.ERROR,
    permissions=(),
    problems=(ARGOCD_MAY_NOT, ESCALATION, NOT_ADMITTED, NOT_ACCEPTED, BOT_MAY_NOT),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """A right that Argo CD lacks shows only after the merge, as a sync that never ends.

    Asked for are the rights on every kind that the cluster's directory will hold, taken from the
    bases in the repository: the candidate reviews them for Argo CD's own credential. What belongs
    to no namespace (roles and their bindings, webhooks, the Namespace) is tried as a server-side
    dry run with that credential as well, which shows what no review does: whether Argo CD may grant
    the rights in istiod's roles, and whether a policy or another webhook refuses the object. And
    the rights that the checks of a remote cluster ask for are reviewed for the bot's credential.
    """
    async for seen in parts.each(_of_argocd(target), _of_bot(target)):
        yield seen


async def _of_argocd(target: Target) -> AsyncIterator[Observation]:
    access, wanted = model.of(target).argocd, generated.kinds(target)
    if not isinstance(access, Access):
        raise access
    place = f"rights of Argo CD, {access.origin}"
    async with target.fleet.client(access) as api:
        try:
            refused = await _refused(api, _rights_of_argocd(wanted))
        except NotAllowedError as error:
            if error.status != _UNAUTHORIZED:
                raise
            yield NOT_ACCEPTED.at(target, place, found=error.why, wanted="a credential that works")
            return
    words = f"to watch, make, change and delete {len(wanted)} kinds"
    if refused:
        yield ARGOCD_MAY_NOT.at(target, place, found=f"refused: {_listed(refused)}", wanted=words)
        return  # the dry runs would say the same
    yield healthy(place, words)
    async for seen in _dry_runs(target, access):
        yield seen


async def _dry_runs(target: Target, access: Access) -> AsyncIterator[Observation]:
    items = [each for each in generated.objects(target) if generated.is_cluster_scoped(each)]
    is_fine, taken = True, 0
    async with Writer(access, target.fleet.limits, target.fleet.lookup) as api:
        for item in items:
            place = f"dry run of {item['kind']} {item['metadata']['name']}"
            try:
                await api.apply(generated.path_of(item), item, force=True, dry_run=True)
                taken += 1
            except MissingError:
                # Whoever may not bind just any role is told so of a role that is not there yet;
                # that of the role itself has shown whether its rights may be given.
                continue
            except RejectedError as error:
                is_fine = False
                yield _rejected(target, place, error)
            except NotAllowedError as error:
                is_fine = False
                yield unknown(place, error.why, error.remedy)
    if is_fine:
        rest = len(items) - taken
        more = f"; {rest} cannot be tried before its role is there" if rest else ""
        yield healthy("dry runs of what belongs to no namespace", f"{taken} objects taken{more}")


def _rejected(target: Target, place: str, error: RejectedError) -> Observation:
    if error.status == _FORBIDDEN and _ESCALATION in error.message:
        return ESCALATION.at(target, place, found=error.message, wanted="taken")
    refusal = admission.read(error.message)
    who = f"webhook {refusal.webhook}: " if refusal.webhook else ""
    return NOT_ADMITTED.at(target, place, found=f"{who}{refusal.reason}", wanted="taken")


async def _of_bot(target: Target) -> AsyncIterator[Observation]:
    place = f"rights of the bot, {target.api.access.origin}"
    wanted = list(_rights_of_bot(target))
    refused = await _refused(target.api, wanted)
    words = f"the {len(wanted)} that the checks of a remote cluster ask for"
    if refused:
        yield BOT_MAY_NOT.at(target, place, found=f"refused: {_listed(refused)}", wanted=words)
    else:
        yield healthy(place, words)


def _rights_of_argocd(kinds: Iterable[tuple[str, str, str]]) -> Iterator[Place]:
    """It watches each kind in the whole cluster, and changes it where its objects are."""
    for group, resource in sorted({(group, resource) for group, resource, _ in kinds}):
        for verb in _WATCH:
            yield Right.on(verb, group, resource), ""
    for group, resource, namespace in sorted(kinds):
        for verb in _APPLY:
            yield Right.on(verb, group, resource), namespace


def _rights_of_bot(target: Target) -> Iterator[Place]:
    probe = target.fleet.settings.probe_namespace
    places = Places((target.plane,), target.fleet.inventory.mesh.argocd_namespace, probe)
    wanted = rbac.permissions(all_checks().values(), Side.REMOTE)
    for namespace, rules in rbac.rules(wanted, places).items():
        for rule in rules:
            for verb in sorted(rule.verbs):
                for name in rule.names or ("",):
                    yield Right.on(verb, rule.group, rule.resource, name), namespace


async def _refused(api: Client, wanted: Iterable[Place]) -> list[Place]:
    """Those that the cluster refuses; what rules give it in the whole cluster needs no review."""
    given: frozenset[Rule] = await reviews.granted(api, reviews.NO_NAMESPACE)
    asked = [each for each in wanted if not any(rule.allows(each[0]) for rule in given)]
    answers = await asyncio.gather(
        *(reviews.is_allowed(api, right, where) for right, where in asked),
        return_exceptions=True,  # or the others would go on after the connection is closed
    )
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [each for each, allowed in zip(asked, answers, strict=True) if not allowed]


def _listed(refused: list[Place]) -> str:
    """By kind and namespace, the first of them."""
    verbs: dict[str, list[str]] = {}
    for right, namespace in refused:
        where = f" in {namespace}" if namespace else ""
        verbs.setdefault(f"{right.target}{where}", []).append(right.verb)
    kinds = [f"{kind} ({', '.join(its)})" for kind, its in verbs.items()]
    return listed.first(kinds, _SHOWN)
