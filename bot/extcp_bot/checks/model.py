"""What a check is, what it may look at, and what it says.

A check is an asynchronous generator of observations. Whatever it cannot look at it lets fail
(:class:`extcp_bot.kube.failure.CannotLookError`); the runner turns that into ``unknown``, so that
no check can take "could not look" for "is fine" (design section 5).
"""

from __future__ import annotations

import enum
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from extcp_bot.target import Target


class State(enum.StrEnum):
    """Unknown means that nobody could look; it is never shown or counted as healthy."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class Severity(enum.StrEnum):
    """How bad it is when a check is unhealthy.

    Critical: requests or the creation of Pods fail now. Error: a part of the mesh does not work,
    or will not after the next restart. Warning: it works, and a person should know; a warning
    alone does not fail a run.
    """

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(type(self)).index(self)


class Scope(enum.StrEnum):
    """Which pairs of a cluster and a control plane a check is run for."""

    CONTROL_PLANE = "control plane"
    """Once for each control plane; its results stand with the external cluster."""
    CONFIG = "config cluster"
    """Once for each control plane; its results stand with the config cluster."""
    REMOTE = "remote cluster"
    """Each remote cluster, the config clusters among them."""
    CLUSTER = "every cluster"
    """Each cluster, the external one once."""
    MEMBER = "every cluster of every control plane"
    """Each remote cluster, and the external one once for each control plane."""
    CANDIDATE = "candidate"
    """A cluster that is to join, before it does; ``candidates.preflight`` runs these."""


class Side(enum.StrEnum):
    """Which API server a permission is for."""

    EXTERNAL = "external"
    CONFIG = "config"
    REMOTE = "remote"
    ARGOCD = "argocd"
    CANDIDATE = "candidate"


CONTROL_PLANE_NAMESPACE: Final = "{control-plane}"
"""Stands for the namespace of each control plane."""
PROBE_NAMESPACE: Final = "{probe}"
"""Stands for the namespace in which a Pod is created for a dry run."""
ARGOCD_NAMESPACE: Final = "{argocd}"
"""Stands for the namespace in which Argo CD lives."""
GATEWAY_SECRET: Final = "{gateway-secret}"  # noqa: S105 - a placeholder
"""Stands, among a permission's names, for the gateway's TLS Secret of each control plane."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that a check asks of an API server.

    Attributes:
        side: Whose API server.
        resource: Plural, with its subresource, as in ``pods/portforward``.
        verbs: As in RBAC.
        group: API group; empty for the core.
        namespace: Where a Role suffices; None where it takes a ClusterRole.
        names: The objects, where it takes no others; the placeholders may stand in them.
    """

    side: Side
    resource: str
    verbs: tuple[str, ...] = ("list",)
    group: str = ""
    namespace: str | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """What a check saw in one place.

    Attributes:
        state: The verdict.
        looked_at: The place: an object and a field, an address, a call.
        found: The value found; for unknown, why nobody could look.
        wanted: The value wanted; empty where healthy.
        problem: Stable name of the problem, such as ``not-labelled``.
        severity: Of an unhealthy observation; None for the others.
        remedy: What to do about it.
        command: The command that does it, where there is one.
    """

    state: State
    looked_at: str
    found: str
    wanted: str = ""
    problem: str = ""
    severity: Severity | None = None
    remedy: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One way for a check to fail; docs/checks.md lists it under its name.

    Attributes:
        name: Stable, unique within the check.
        title: What is wrong, as a sentence without names.
        remedy: What to do; may hold ``{names}`` as the command does.
        command: A command line. ``{context}``, ``{external}``, ``{config}``, ``{argocd}``
            (kubeconfig contexts), ``{cluster}``, ``{config_cluster}``, ``{namespace}``,
            ``{plane}``, ``{network}``, ``{address}``, ``{directory}``, ``{external_directory}``
            come from the target, others from :meth:`at`. Each is quoted for the shell.
        severity: Where it differs from the check's own.
    """

    name: str
    title: str
    remedy: str
    command: str = ""
    severity: Severity | None = None

    def at(
        self, target: Target, looked_at: str, *, found: str, wanted: str, **names: str
    ) -> Observation:
        """This problem, seen at a place.

        Args:
            target: Where the check runs.
            looked_at: The place.
            found: The value found.
            wanted: The value wanted.
            names: What else stands in braces in the remedy or the command.
        """
        words = {**target.words, **names}
        quoted = {name: shlex.quote(word) for name, word in words.items()}
        return Observation(
            State.UNHEALTHY,
            looked_at,
            found,
            wanted,
            problem=self.name,
            severity=self.severity,
            remedy=self.remedy.format_map(words),
            command=self.command.format_map(quoted),
        )


def healthy(looked_at: str, found: str) -> Observation:
    """What was looked at is as it should be."""
    return Observation(State.HEALTHY, looked_at, found)


def unknown(looked_at: str, why: str, remedy: str) -> Observation:
    """Nobody could look; says why and what would let the bot look."""
    return Observation(State.UNKNOWN, looked_at, why, remedy=remedy)


class Look(Protocol):
    """The function of a check."""

    __doc__: str | None

    def __call__(self, target: Target) -> AsyncIterator[Observation]:
        """Look, and say at least one thing."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check, as its file declares it.

    Attributes:
        code: Stable, ``EXTCP-H01`` to ``EXTCP-H19``, and ``EXTCP-P01`` on for candidates.
        name: Short and stable, for selecting and for the document's headings.
        title: The question that it answers.
        scope: What it runs for.
        severity: Of its problems, unless they say otherwise.
        permissions: All that it asks of API servers.
        problems: All that it can find.
        look: Does it.
    """

    code: str
    name: str
    title: str
    scope: Scope
    severity: Severity
    permissions: tuple[Permission, ...]
    problems: tuple[Problem, ...]
    look: Look = field(repr=False)

    @property
    def text(self) -> str:
        """What docs/checks.md says of it: the docstring of its function."""
        return self.look.__doc__ or ""


class Registry:
    """Checks by code, as their files declare them."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def check(
        self,
        code: str,
        name: str,
        *,
        title: str,
        scope: Scope,
        severity: Severity,
        permissions: tuple[Permission, ...],
        problems: tuple[Problem, ...],
    ) -> Callable[[Look], Look]:
        """Register the decorated function as a check; see :class:`Check` for the words."""
        if code in self._checks or len({each.name for each in problems}) != len(problems):
            raise ValueError(f"{code} is registered twice, or has two problems of one name")

        def register(look: Look) -> Look:
            made = Check(code, name, title, scope, severity, permissions, problems, look)
            self._checks[code] = made
            return look

        return register

    def registered(self) -> Mapping[str, Check]:
        """The checks whose files have been imported, by code."""
        return dict(sorted(self._checks.items()))


_HEALTH: Final = Registry()
check = _HEALTH.check
"""Registers a check of the mesh's health; those of candidates have a registry of their own."""
registered = _HEALTH.registered
"""The checks of health whose files have been imported; ``all_checks`` imports them all."""
