"""Checks and fleets of a test's own, for what runs checks and shows results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from extcp_bot.checks.model import Check, Observation, Problem, Scope, Severity, healthy
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.target import Fleet
from extcp_gitops.inventory.load import load
from tests import meshes
from tests.bot.fleets import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from extcp_bot.checks.model import Look
    from extcp_bot.target import Target

NOBODY = CannotLookError("nobody said how", "say how", "")
PROBLEM = Problem("broken", "It is broken.", "mend {cluster}", "mend --context {context}")


def check(
    look: Callable[[Target], AsyncIterator[Observation]],
    *,
    code: str = "EXTCP-H99",
    scope: Scope = Scope.REMOTE,
) -> Check:
    """A check that is registered nowhere."""
    its = cast("Look", look)
    return Check(code, "test", "Is it?", scope, Severity.ERROR, (), (PROBLEM,), its)


def fine(said: str = "fine") -> Callable[[Target], AsyncIterator[Observation]]:
    """Says that all is well."""

    async def look(target: Target) -> AsyncIterator[Observation]:
        yield healthy(f"the {target.cluster.name}", said)

    return look


def broken(found: str = "broken") -> Callable[[Target], AsyncIterator[Observation]]:
    """Says that something is wrong."""

    async def look(target: Target) -> AsyncIterator[Observation]:
        yield PROBLEM.at(target, "a place", found=found, wanted="whole")

    return look


def fleet(changes: Mapping[str, str | None] | None = None) -> Fleet:
    """A mesh of :func:`tests.meshes.mesh` whose clusters nobody can reach."""
    inventory = load(meshes.mesh(changes)).inventory
    access = {cluster.name: NOBODY for cluster in inventory.clusters}
    return Fleet(inventory, Path(), access, NOBODY, now=lambda: NOW)
