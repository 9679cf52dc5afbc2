"""EXTCP-H07: istiod may do on a cluster what the Istio version of the repository asks for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
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
from extcp_bot.kube.failure import CannotLookError, NotAllowedError
from extcp_bot.live import identity, rendered, reviews
from extcp_bot.live.rbac import lacking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from extcp_bot.live.identity import Proof
    from extcp_bot.live.rbac import Right
    from extcp_bot.live.rendered import Wanted
    from extcp_bot.target import Target

_MOST: Final = 10
_UNAUTHORIZED: Final = 401

MISSING = Problem(
    "missing-rights",
    "istiod lacks rights on the cluster that its version asks for.",
    RESTORE,
    RESTORE_COMMAND,
)


@dataclass(frozen=True, slots=True)
class Need:
    """Rights on one kind of object that no rule seems to give.

    Attributes:
        target: The kind, for people.
        namespace: Where they are wanted; empty for the whole cluster.
        rights: One for each verb.
    """

    target: str
    namespace: str
    rights: tuple[Right, ...]

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.target}{where} ({', '.join(right.verb for right in self.rights)})"


@check(
    "EXTCP-H07",
    "remote-rbac",
    title="May istiod do on the cluster what its version asks for?",
    scope=Scope.REMOTE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.EXTERNAL, "secrets", ("get", "list"), namespace=CONTROL_PLANE_NAMESPACE),
    ),
    problems=(MISSING,),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """A right that istiod lacks shows as a cluster that never gets synced, or as a log line.

    It comes from an upgrade that reached istiod before the remote clusters, or from a ClusterRole
    that somebody else's installation has overwritten. The rules that are wanted are those that the
    repository binds to istiod's ServiceAccount for its Istio version. The cluster is asked, with
    istiod's own credential, which rules that has in the whole cluster and, where a Role is wanted
    too, in the control plane's namespace. No right is called missing before the cluster has refused
    it in an access review of its own. User reports: istio#54186, #52951, #35068, #59588.
    """
    found = await identity.proof(target)
    wanted = rendered.wanted(target, identity.account(target))
    place = f"rights of {found.credential.place}"
    try:
        needs = await _needs(target, found, wanted)
        refused, rest = await _confirmed(target, found, needs)
    except NotAllowedError as error:
        if error.status != _UNAUTHORIZED:
            raise
        yield unknown(place, "the cluster does not accept the credential", "see EXTCP-H06")
        return
    if refused:
        yield MISSING.at(
            target, place, found=f"refused: {_listed(refused, rest)}", wanted=_rules(wanted)
        )
    elif rest:
        why = f"{_listed(needs[:_MOST], rest)}: no rule gives it, and what was asked was allowed"
        yield unknown(place, why, "see what gives istiod rights on the cluster beside RBAC")
    else:
        yield healthy(place, _rules(wanted))


async def _needs(target: Target, found: Proof, wanted: Wanted) -> list[Need]:
    """What is wanted and stands in no rule that the cluster shows."""
    everywhere = (await identity.said(target, found)).everywhere
    if isinstance(everywhere, CannotLookError):
        raise everywhere
    needs = _grouped(lacking(wanted.everywhere, everywhere), "")
    if lacking(wanted.inside, everywhere):
        namespace = target.plane.namespace
        async with identity.client(target, found) as api:
            inside = await reviews.granted(api, namespace)
        needs += _grouped(lacking(wanted.inside, inside), namespace)
    # What has a name says more than all kinds of a group.
    return sorted(needs, key=lambda need: need.target.startswith("*"))


async def _confirmed(target: Target, found: Proof, needs: list[Need]) -> tuple[list[Need], int]:
    """Those of the first needs that the cluster refuses, and how many it was not asked about."""
    asked = [(need, right) for need in needs[:_MOST] for right in need.rights]
    if not asked:
        return [], 0
    async with identity.client(target, found) as api:
        answers = await asyncio.gather(
            *(reviews.is_allowed(api, right, need.namespace) for need, right in asked),
            return_exceptions=True,  # or the others would go on after the connection is closed
        )
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    refused = (each for each, allowed in zip(asked, answers, strict=True) if not allowed)
    return [
        Need(need.target, need.namespace, tuple(right for _, right in group))
        for need, group in groupby(refused, key=itemgetter(0))
    ], len(needs[_MOST:])


def _grouped(rights: Iterable[Right], namespace: str) -> list[Need]:
    return [
        Need(target, namespace, tuple(group))
        for target, group in groupby(rights, key=attrgetter("target"))
    ]


def _listed(needs: Iterable[Need], rest: int) -> str:
    return ", ".join(map(str, needs)) + (f" and {rest} more" if rest else "")


def _rules(wanted: Wanted) -> str:
    return f"the {len(wanted.everywhere) + len(wanted.inside)} rules of {wanted.base}"
