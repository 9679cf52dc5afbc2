"""What a run says: results that no cluster's words can break, and the exit code they lead to."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.access.model import hide
from extcp_bot.checks.model import Severity, State
from extcp_gitops.errors import ExitCode
from extcp_gitops.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from extcp_bot.checks.model import Check, Observation
    from extcp_bot.target import Target

DOCUMENT: Final = "docs/checks.md"
_LONGEST: Final = 600
_LONGEST_COMMAND: Final = 4_000
_AFTER_THE_BAD: Final = len(Severity)
_SCANNED: Final = 8 * _LONGEST
_SPACES: Final = re.compile(r"\s+")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def clean(text: str) -> str:
    r"""A text that may come from a cluster, as one harmless line of at most 600 characters.

    Credentials are taken out; control characters, direction marks and everything else that a
    terminal or a reader would obey and not see becomes ``\u001b`` and the like.
    """
    if text == "":  # most fields of a healthy result
        return text
    if len(text) > _SCANNED:  # not within a word: half a token would not be known for one
        words = text[:_SCANNED].rsplit(None, 1)
        text = f"{words[0] if words[1:] else ''} …"
    shown = redact(hide(text))
    line = _SPACES.sub(" ", shown).strip()
    if not (line.isascii() and line.isprintable()):
        line = "".join(map(_visible, line))
    if line != shown:  # some credentials are known by their lines, some only where they are one
        line = redact(hide(line))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def clean_command(text: str) -> str:
    """A command for people to run: as it is, or empty where it is not fit to be shown whole.

    Half of a command may delete what the other half would have made again, and one with ``***`` in
    it looks as if it could be run. So one of more than 4,000 characters, with a credential, or with
    characters that nobody sees is none.
    """
    is_fit = len(text) <= _LONGEST_COMMAND and text.isprintable() and redact(hide(text)) == text
    return text if is_fit else ""


def _visible(character: str) -> str:
    if unicodedata.category(character) in _INVISIBLE:
        return f"\\u{ord(character):04x}"
    return character


@dataclass(frozen=True, slots=True)
class Result:
    """One observation of one check on one cluster.

    Attributes:
        code: Of the check.
        check: Its name.
        cluster: Where it stands.
        control_plane: Which control plane it is about.
        state: ``healthy``, ``unhealthy`` or ``unknown``.
        severity: Of an unhealthy one; None for the others.
        problem: Name of the problem, unique within the check.
        looked_at: The place.
        found: The value found, or why nobody could look.
        wanted: The value wanted.
        remedy: What mends it, or would let the bot look.
        command: The command that does, where there is one that can be shown whole.
        time: When it was seen.
        seconds: How long the check took until then.
    """

    code: str
    check: str
    cluster: str
    control_plane: str
    state: State
    severity: Severity | None
    problem: str
    looked_at: str
    found: str
    wanted: str
    remedy: str
    command: str
    time: datetime
    seconds: float

    @classmethod
    def of(cls, check: Check, target: Target, seen: Observation, seconds: float) -> Result:
        """An observation made presentable, in its place."""
        severity = None
        if seen.state is State.UNHEALTHY:
            severity = seen.severity or check.severity
        return cls(
            check.code,
            check.name,
            target.cluster.name,
            target.plane.name,
            seen.state,
            severity,
            seen.problem,
            clean(seen.looked_at),
            clean(seen.found),
            clean(seen.wanted),
            clean(seen.remedy),
            clean_command(seen.command),
            target.fleet.now(),
            seconds,
        )

    @property
    def link(self) -> str:
        """Where docs/checks.md speaks of it."""
        return f"{DOCUMENT}#{self.code.lower()}-{self.check}"

    @property
    def explanation(self) -> str:
        """The command that says the same, for whoever has the report and no docs/checks.md."""
        return f"extcp-bot check --explain {self.code}"

    @property
    def sort_key(self) -> tuple[int, str, str, str, str]:
        """The most severe first, unknown after what is bad; then by cluster and check."""
        match self.state:
            case State.UNHEALTHY:
                order = self.severity.rank if self.severity else 0
            case State.UNKNOWN:
                order = _AFTER_THE_BAD
            case _:
                order = _AFTER_THE_BAD + 1
        return (order, self.cluster, self.code, self.control_plane, self.looked_at)

    def as_json(self) -> dict[str, Any]:
        """The result for ``--output json``; keys as in the class, in camel case."""
        return {
            "code": self.code,
            "check": self.check,
            "cluster": self.cluster,
            "controlPlane": self.control_plane,
            "state": self.state.value,
            "severity": self.severity.value if self.severity else None,
            "problem": self.problem,
            "lookedAt": self.looked_at,
            "found": self.found,
            "wanted": self.wanted,
            "remedy": self.remedy,
            "command": self.command,
            "time": self.time.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 3),
            "documentation": self.link,
        }


@dataclass
class Report:
    """All results of a run, complete or not.

    Attributes:
        mesh_id: Of the mesh.
        started: When the run began.
        clusters: The names of the clusters that were to be looked at.
        results: In the order in which they came.
        seconds: How long it took.
        complete: False where the run was interrupted.
    """

    mesh_id: str
    started: datetime
    clusters: tuple[str, ...]
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    complete: bool = True

    def sorted(self) -> list[Result]:
        """The most severe first."""
        return sorted(self.results, key=lambda result: result.sort_key)

    def of(self, cluster: str) -> list[Result]:
        """The results of one cluster, the most severe first."""
        return [result for result in self.sorted() if result.cluster == cluster]

    def counts(self) -> Counter[State]:
        """How many results there are of each state."""
        return Counter(result.state for result in self.results)

    def states(self) -> dict[str, State]:
        """The state of each cluster: the worst of its results, unknown where there is none."""
        found: dict[str, set[State]] = {name: set() for name in self.clusters}
        for result in self.results:
            found.setdefault(result.cluster, set()).add(result.state)
        return {name: overall(states) for name, states in found.items()}

    @property
    def exit_code(self) -> ExitCode:
        """1 where something worse than a warning was found, else 5 where anything is unknown."""
        bad = {result.severity for result in self.results if result.state is State.UNHEALTHY}
        if bad - {Severity.WARNING}:
            return ExitCode.FINDINGS
        # Also beside a warning: what was seen in a cluster says nothing of what was not.
        is_partial = not self.complete or not self.results or self.counts()[State.UNKNOWN]
        if is_partial or State.UNKNOWN in self.states().values():
            return ExitCode.COULD_NOT_TELL
        return ExitCode.OK


def overall(states: Iterable[State]) -> State:
    """Unhealthy if any is; else unknown if any is, or if there is none; else healthy."""
    seen = set(states)
    if State.UNHEALTHY in seen:
        return State.UNHEALTHY
    return State.HEALTHY if seen == {State.HEALTHY} else State.UNKNOWN
