"""What is proposed, and what speaks for it."""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import Severity, State
from extcp_gitops.errors import ExitCode
from extcp_gitops.inventory import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from extcp_bot.result import Report, Result
    from extcp_gitops.inventory.model import Inventory

    Edit = Callable[[dict[str, bytes]], Mapping[str, bytes | None]]
    Inputs = Mapping[str, str | bool | None]

STATUS_CONTEXT: Final = "extcp/validate"
"""The commit status that branch protection can require."""

HEALTHY: Final = "extcp:healthy"
BLOCKED: Final = "extcp:blocked"
UNKNOWN: Final = "extcp:unknown"
NEEDS_HUMAN: Final = "extcp:needs-human"
PROVEN: Final = "extcp:proven"
GONE: Final = "extcp:gone"
WITHDRAWN: Final = "extcp:withdrawn"
DASHBOARD: Final = "extcp:dashboard"
STATE_LABELS: Final = frozenset({HEALTHY, BLOCKED, UNKNOWN, NEEDS_HUMAN})
"""One of them at most is on an open pull request."""
END_LABELS: Final = frozenset({PROVEN, GONE})
"""What a merged pull request has that was seen to its end."""

_PREFIX: Final = "extcp"
_HASH: Final = 16


class Kind(enum.StrEnum):
    """What a proposal does; also the middle part of its branch."""

    ADD_CLUSTER = "add-cluster"
    REMOVE_CLUSTER = "remove-cluster"
    PIN_ROOT = "pin-root"
    REVERT = "revert"
    CREDENTIAL = "credential"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One change of the repository, as a person would make it with ``extcp-gitops``.

    Attributes:
        kind: What it does.
        name: Of the cluster, or of the control plane whose root is pinned.
        inputs: All that the change follows from, apart from what it is based on.
        edit: For ``extcp_gitops.generate.generate``.
        title: Subject of the commit, and title of the pull request.
        by_hand: Asked for on a command line, so that nothing else is needed to keep it open.
    """

    kind: Kind
    name: str
    inputs: Inputs
    edit: Edit
    title: str
    by_hand: bool = False

    @property
    def branch(self) -> str:
        """The one branch of its kind and name."""
        return branch_of(self.kind, self.name)

    @property
    def inputs_hash(self) -> str:
        """Equal for equal inputs; a closed pull request is a no for them."""
        return hash_of(self.inputs)


def branch_of(kind: Kind, name: str) -> str:
    """The branch of a proposal."""
    return f"{_PREFIX}/{kind}/{name.replace('/', names.SLASH)}"


def of_branch(branch: str) -> tuple[Kind, str]:
    """The kind and the name that a branch is of.

    Raises:
        ValueError: It is the branch of no proposal.
    """
    first, kind, slug = branch.split("/")
    if first != _PREFIX:
        raise ValueError(f"{branch} is the branch of no proposal")
    return Kind(kind), names.cluster_name_of_directory(slug)


def hash_of(value: object) -> str:
    """A short hash of JSON, the same for equal values."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]


@dataclass(frozen=True, slots=True)
class Part:
    """One report of the evidence.

    Attributes:
        title: What was looked at, for people.
        report: What was found.
        inventory: Of the mesh with all clusters that the report is about.
    """

    title: str
    report: Report
    inventory: Inventory


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of the clusters, for one proposal.

    Attributes:
        time: When the look began.
        parts: What was found; none where nothing could be looked at.
        excused: Codes of checks that ``bot.yaml`` does not require.
        obstacle: Why it cannot be, other than for what the parts say; empty where nothing is.
        is_blind: The obstacle is that nobody could look.
        decided: What follows from it, where that is not that all of it has to be healthy.
        unproven: What nobody can look at, as sentences of Markdown.
    """

    time: datetime
    parts: tuple[Part, ...]
    excused: frozenset[str] = frozenset()
    obstacle: str = ""
    is_blind: bool = False
    decided: State | None = None
    unproven: tuple[str, ...] = ()

    @property
    def verdict(self) -> State:
        """Healthy only where something was looked at and all of it was seen to be fine.

        A warning stands in nobody's way. Unknown beside unhealthy is unhealthy: nothing that could
        still be seen would mend that.
        """
        if self.obstacle:
            return State.UNKNOWN if self.is_blind else State.UNHEALTHY
        if self.decided is not None:
            return self.decided
        codes = {_required(part.report, self.excused).exit_code for part in self.parts}
        if ExitCode.FINDINGS in codes:
            return State.UNHEALTHY
        return State.HEALTHY if codes == {ExitCode.OK} else State.UNKNOWN

    @property
    def results(self) -> list[Result]:
        """Of all parts, the most severe first in each."""
        return [result for part in self.parts for result in part.report.sorted()]

    @property
    def key(self) -> str:
        """Equal while the same things are wrong in the same places, whatever values were seen."""
        wrong = {
            (each.code, each.cluster, each.control_plane, each.state, each.problem)
            for each in self.results
            if each.state is not State.HEALTHY and each.code not in self.excused
        }
        return hash_of([self.verdict, self.obstacle, sorted(map(list, wrong))])

    @property
    def in_the_way(self) -> list[Result]:
        """What keeps the verdict from being healthy, the most severe first."""
        return [each for each in self.results if each.code not in self.excused and blocks(each)]


def blocks(result: Result) -> bool:
    """Whether a result stands in a proposal's way; a warning does not."""
    if result.state is State.UNHEALTHY:
        return result.severity is not Severity.WARNING
    return result.state is State.UNKNOWN


def _required(report: Report, excused: Iterable[str]) -> Report:
    """The report without what is not required; one that has nothing left proves nothing."""
    codes = frozenset(excused)
    return replace(report, results=[each for each in report.results if each.code not in codes])
