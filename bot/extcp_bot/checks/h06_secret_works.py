"""EXTCP-H06: the credential that istiod has for a cluster is one that the cluster accepts now."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
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
from extcp_bot.kube.failure import CannotLookError, NoRouteError, NotAllowedError
from extcp_bot.live import claims, identity, times, trust
from extcp_bot.live.reviews import User

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

    from extcp_bot.live.claims import Claims
    from extcp_bot.live.identity import Account, Proof
    from extcp_bot.target import Target

_UNAUTHORIZED: Final = 401
_SEVERAL: Final = 2
_ROUTE: Final = (
    "where only the external cluster reaches it, run the bot there; else mend the route or, with "
    "--server, the address in the Secret"
)
_DELIVER: Final = (
    "deliver the credential again: README.md, {steps}, or, also where it has been rotated, "
    "extcp-bot credential deliver; then see whether istiod takes it up (EXTCP-H08)"
)
# The label says that this is one of the remote clusters; istio-kubeconfig must not bear it.
_DELIVER_COMMAND: Final = (
    "istioctl --context {context} --namespace {namespace} create-remote-secret --type={type} "
    "--name={cluster} --service-account={account} --create-service-account=false "
    "--secret-name={token_secret} --server={server} | "
    "kubectl label --local --filename=- {label} --output=yaml | "
    "kubectl --context {external} apply --server-side --force-conflicts --filename=-"
)
_DELIVER_ROTATED: Final = (
    "deliver the credential again with extcp-bot credential deliver or, where that finds no valid "
    "token on the cluster, give istiod another with extcp-bot credential rotate; then see whether "
    "istiod takes it up (EXTCP-H08)"
)
# After a rotation the Secret that istioctl would read holds a token that is out of use.
_DELIVER_ROTATED_COMMAND: Final = (
    "extcp-bot credential deliver --cluster={cluster} --server={server}"
)

REVOKED = Problem(
    "revoked",
    "The cluster does not accept the credential any more, so that istiod learns nothing new of it.",
    _DELIVER,
    _DELIVER_COMMAND,
    severity=Severity.CRITICAL,
)
EXPIRED = Problem(
    "expired",
    "The token's time is over, so that istiod learns nothing new of the cluster.",
    _DELIVER,
    _DELIVER_COMMAND,
    severity=Severity.CRITICAL,
)
EXPIRING = Problem(
    "expiring",
    "The token ends soon, and nobody renews it.",
    _DELIVER,
    _DELIVER_COMMAND,
    severity=Severity.WARNING,
)
WRONG_CA = Problem(
    "wrong-ca",
    "The kubeconfig does not vouch for the API server: its CA is another one's or none at all, or "
    "the certificate is not for the address.",
    f"{_DELIVER}; where the certificate is not for the address, with one that it is for",
    _DELIVER_COMMAND,
    severity=Severity.CRITICAL,
)
ANOTHER_IDENTITY = Problem(
    "another-identity",
    "The credential is not that of the ServiceAccount that the repository makes for istiod.",
    _DELIVER,
    _DELIVER_COMMAND,
)
ANOTHER_CLUSTER = Problem(
    "another-cluster",
    "The credential works, and leads to another cluster than the one that bears the name.",
    _DELIVER,
    _DELIVER_COMMAND,
    severity=Severity.CRITICAL,
)


@check(
    "EXTCP-H06",
    "secret-works",
    title="Does the cluster accept istiod's credential, and for how long?",
    scope=Scope.REMOTE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.EXTERNAL, "secrets", ("get", "list"), namespace=CONTROL_PLANE_NAMESPACE),
        Permission(Side.REMOTE, "serviceaccounts", namespace=CONTROL_PLANE_NAMESPACE),
    ),
    problems=(REVOKED, EXPIRED, EXPIRING, WRONG_CA, ANOTHER_IDENTITY, ANOTHER_CLUSTER),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Istiod and istioctl go on to call a cluster synced whose credential died after the start.

    So the credential is used: with the kubeconfig of the Secret and nothing else, the API server is
    asked who that is. It should be the ServiceAccount that the repository makes for istiod, and it
    should be the one that this very cluster has, with the same UID. Where the credential is
    refused, that ServiceAccount says why. The token itself says when it ends; one that does not
    end is healthy, and its age is told. Where the API server cannot be reached from here with the
    address that is meant for istiod, the result is unknown. User reports: istio#37925, #34210,
    #56358, #53992, #41173.
    """
    found = await identity.proof(target)
    token = claims.read(found.token)
    try:
        user = (await identity.said(target, found)).user or _named(token)
    except CannotLookError as error:
        yield await _failed(target, found, token, error)
        return
    problems = [*_of_the_life(target, found, token), *await _of_the_account(target, found, user)]
    for problem in problems:
        yield problem
    if not any(problem.problem for problem in problems):
        name = user.name if user else "somebody"
        yield healthy(_place(found), f"accepted as {name}; {_life(target, found, token)}")


async def _failed(
    target: Target, found: Proof, token: Claims | None, error: CannotLookError
) -> Observation:
    """What it means that the cluster could not be asked with the credential."""
    if isinstance(error, NotAllowedError) and error.status == _UNAUTHORIZED:
        return await _refused(target, found, token)
    if not trust.has_roots(found.access):
        return _problem(WRONG_CA, target, found, "no certificate", "the API server's CA")
    if not isinstance(error, NoRouteError):
        raise error
    try:
        is_misplaced = await trust.misplaced(target, found.access)
    except CannotLookError:
        is_misplaced = False
    if is_misplaced:
        return _problem(WRONG_CA, target, found, error.why, "the API server's CA, and its address")
    return unknown(_place(found), error.why, _ROUTE)


async def _refused(target: Target, found: Proof, token: Claims | None) -> Observation:
    if token and token.expires and token.expires <= target.fleet.now():
        return _problem(
            EXPIRED, target, found, f"ended {_day(token.expires)}", "a token that lasts"
        )
    account = identity.account(target)
    try:
        uid = await identity.account_uid(target)
    except CannotLookError as error:
        why = f"why, the bot may not see ({error.why})"
    else:
        if uid is None:
            why = f"ServiceAccount {account.namespace}/{account.name} is gone"
        elif token and token.account_uid not in ("", uid):
            why = f"it is of another ServiceAccount {account.name}, since made anew or elsewhere"
        else:
            why = f"ServiceAccount {account.name} is there, its Secret is gone or was made anew"
    return _problem(REVOKED, target, found, f"not accepted (HTTP 401); {why}", "accepted")


async def _of_the_account(target: Target, found: Proof, user: User | None) -> list[Observation]:
    """Whether who is accepted is who it should be, and here."""
    if user is None:
        why = "the cluster accepts the credential and does not say whose it is"
        return [unknown(_place(found), why, "grant system:basic-user to system:authenticated")]
    account = identity.account(target)
    if user.name != account.user:
        return [_problem(ANOTHER_IDENTITY, target, found, user.name, account.user)]
    try:
        uid = await identity.account_uid(target)
    except CannotLookError as error:
        return [unknown(error.looked_at, error.why, error.remedy)]
    if uid is None or user.uid not in ("", uid):
        seen = f"a ServiceAccount {account.name} that {target.cluster.name} does not have"
        wanted = f"{account.user} of {target.cluster.name}"
        server = target.api.access.server
        return [_problem(ANOTHER_CLUSTER, target, found, seen, wanted, server=server)]
    return []


def _named(token: Claims | None) -> User | None:
    """What an accepted token says of itself, where the cluster does not."""
    return User(token.subject, token.account_uid) if token and token.subject else None


def _of_the_life(target: Target, found: Proof, token: Claims | None) -> Iterator[Observation]:
    if token is None or token.expires is None:
        return
    begin = token.issued or times.parse(found.credential.created)
    left, whole = token.expires - target.fleet.now(), token.expires - (begin or token.expires)
    share = target.fleet.settings.expiry
    if left < whole * share:
        seen = f"ends {_day(token.expires)}, in {_span(left)}"
        wanted = f"more than {share:.0%} of its {_span(whole)}"
        yield _problem(EXPIRING, target, found, seen, wanted)


def _life(target: Target, found: Proof, token: Claims | None) -> str:
    if token and token.expires:
        return f"until {_day(token.expires)}"
    created = times.parse(found.credential.created)
    age = (
        f"the Secret is {_span(target.fleet.now() - created)} old" if created else "of unknown age"
    )
    return f"without an end, {age}"


def _problem(
    problem: Problem, target: Target, found: Proof, seen: str, wanted: str, *, server: str = ""
) -> Observation:
    account = identity.account(target)
    if _is_rotated(found, account):
        remedy = _DELIVER_ROTATED if problem is REVOKED else problem.remedy
        problem = replace(problem, remedy=remedy, command=_DELIVER_ROTATED_COMMAND)
    return problem.at(
        target,
        _place(found),
        found=seen,
        wanted=wanted,
        steps="step 4 of 'Bootstrap'"
        if target.is_config
        else "steps 2 to 4 of 'Add a remote cluster'",
        type="config" if target.is_config else "remote",
        label="istio/multiCluster-" if target.is_config else "istio/multiCluster=true",
        account=account.name,
        token_secret=account.token_secret,
        server=server or found.access.server,
    )


def _is_rotated(found: Proof, account: Account) -> bool:
    """Whether the token is of a Secret that ``extcp-bot credential rotate`` has made."""
    token = claims.read(found.token)
    return token is not None and token.secret.startswith(f"{account.token_secret}-")


def _place(found: Proof) -> str:
    return f"{found.credential.place}, at {found.access.host}"


def _day(time: datetime) -> str:
    return time.isoformat(timespec="minutes")


def _span(time: timedelta) -> str:
    units = (("days", timedelta(days=1)), ("hours", timedelta(hours=1)))
    found = ((name, unit) for name, unit in units if time >= _SEVERAL * unit)
    name, unit = next(found, ("minutes", timedelta(minutes=1)))
    return f"{time // unit} {name}"
