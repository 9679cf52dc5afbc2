"""The one issue of a mesh: every candidate and proposal, and how the clusters are.

It is also where a pass leaves what the next one has to know and no pull request says: how many
passes in a row were healthy, and which merged clusters are still on their way. The issue is written
anew only when something in it has become another; values that change with each look do not count.
Whoever closes it does not want to see it: it is then kept up to date all the same, and not opened.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from extcp_bot.forge.model import MAX_BODY
from extcp_bot.proposals import marker
from extcp_bot.proposals.case import Standing
from extcp_bot.proposals.model import DASHBOARD, hash_of, of_branch
from extcp_bot.proposals.writes import EditIssue, NewIssue
from extcp_bot.report import summary
from extcp_bot.report.markdown import SIGNS
from extcp_gitops.render.markdown import code_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from extcp_bot.forge.model import Issue
    from extcp_bot.proposals.writes import Write
    from extcp_bot.result import Report

_KIND: Final = "dashboard"
_BOX: Final = "<!-- extcp-bot-offer {} -->"
_TICKED: Final = re.compile(
    r"^[-*+] \[[xX]\] <!-- extcp-bot-offer ([A-Za-z0-9/._-]{1,255}) -->", re.MULTILINE
)
_MOST_ROWS: Final = 60
_MOST_CLUSTERS: Final = 100
_LONGEST: Final = 300
_CUT: Final = "\n\n(cut)\n"
_OFFERED: Final = frozenset({Standing.OPEN, Standing.TO_OPEN, Standing.MERGED})


@dataclass(frozen=True, slots=True)
class Count:
    """Consecutive passes that all said yes to a proposal.

    Attributes:
        inputs: Hash of the inputs that they were about.
        number: How many.
    """

    inputs: str
    number: int


@dataclass(frozen=True, slots=True)
class State:
    """What the next pass has to know.

    Attributes:
        base: The commit of the base when this was written; empty where nobody knows.
        counts: By branch.
        following: Branches whose pull requests were merged and not yet seen to the end.
    """

    base: str = ""
    counts: Mapping[str, Count] = field(default_factory=dict)
    following: frozenset[str] = frozenset()

    def as_data(self) -> dict[str, Any]:
        """For the marker, in an order of its own."""
        counts = {
            branch: [count.inputs, count.number] for branch, count in sorted(self.counts.items())
        }
        return {"counts": counts, "following": sorted(self.following)}


@dataclass(frozen=True, slots=True)
class Row:
    """One proposal.

    Attributes:
        name: Of the cluster or control plane.
        kind: What is proposed, in words.
        branch: Of the proposal.
        standing: How it stands.
        why: More about it, with values that change; harmless.
        key: The same without them.
        number: Of the pull request; 0 where there is none.
    """

    name: str
    kind: str
    branch: str
    standing: Standing
    why: str
    key: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """All that the issue says.

    Attributes:
        mesh: Mesh ID.
        rows: The proposals.
        report: How the clusters are; None where they were not looked at.
        warnings: What a person has to know first; harmless text.
    """

    mesh: str
    rows: Sequence[Row]
    report: Report | None
    warnings: Sequence[str] = ()

    @property
    def key(self) -> str:
        """Equal while there is nothing new to say."""
        marks = summary.marks(self.report) if self.report is not None else {}
        rows = [[row.branch, row.standing.value, row.key, row.number] for row in self.rows]
        return hash_of([rows, sorted(marks.items()), list(self.warnings)])


def find(issues: Iterable[Issue], me: str, mesh: str) -> list[Issue]:
    """The dashboards of a mesh among the issues with the label, the oldest first."""
    found = [
        each
        for each in issues
        if each.author == me
        and (data := marker.read(each.body)).get("kind") == _KIND
        and data.get("mesh") == mesh
    ]
    return sorted(found, key=lambda each: each.number)


def state(issue: Issue | None) -> State:
    """What the last pass left; nothing where the marker is damaged."""
    data = marker.read(issue.body) if issue is not None else {}
    counts, following = data.get("counts"), data.get("following")
    base = data.get("base")
    return State(
        str(base) if marker.is_sha(base) else "",
        dict(_counts(counts)) if isinstance(counts, dict) else {},
        frozenset(filter(_is_branch, following)) if isinstance(following, list) else frozenset(),
    )


def _is_branch(value: object) -> bool:
    """Whether it is the branch of a proposal; people can edit the issue."""
    try:
        of_branch(str(value))
    except ValueError:
        return False
    return isinstance(value, str)


def _counts(data: dict[str, Any]) -> Iterator[tuple[str, Count]]:
    for branch, value in data.items():
        match value:
            case [str(inputs), int(number)]:
                yield branch, Count(inputs, number)


def ticked(issue: Issue | None) -> frozenset[str]:
    """The branches that a person wants to be offered again."""
    return frozenset(_TICKED.findall(issue.body.replace("\r", ""))) if issue else frozenset()


def writes(issues: Sequence[Issue], view: View, left: State) -> Iterator[Write]:
    """What brings the dashboard up to date.

    Args:
        issues: From :func:`find`; one too many is what two bots leave that begin at once.
        view: What it is to say.
        left: For the next pass.
    """
    data = {"schema": marker.SCHEMA, "kind": _KIND, "mesh": view.mesh, "base": left.base}
    data |= left.as_data() | {"view": view.key}
    if not issues:
        title = f"Mesh {view.mesh}: clusters that join and leave"
        yield NewIssue(title, _body(data, view, frozenset()), frozenset({DASHBOARD}))
        return
    first, *others = issues
    ticks = ticked(first)
    # One that cannot be offered again yet waits for that, ticked.
    waiting = {row.branch for row in view.rows if row.standing not in _OFFERED}
    before = marker.read(first.body)
    is_same = all(before.get(key) == data[key] for key in ("counts", "following", "view"))
    if not is_same or ticks - waiting:
        yield EditIssue(first, _body(data, view, ticks & waiting))
    for other in others:
        if other.is_open:
            yield EditIssue(other, None, close=True)


def _body(data: dict[str, Any], view: View, ticks: frozenset[str]) -> str:
    text = f"{marker.write(data)}\n\n"
    text += "".join(f"> **{code_span(warning)}**\n\n" for warning in view.warnings)
    text += "".join(_proposals(view))
    text += "".join(_declined(view, ticks))
    if view.report is not None:
        text += "".join(_clusters(view.report))
    text += (
        "\nTo let a cluster join, register it with Argo CD and label its cluster Secret "
        f"`extcp-gitops.io/mesh: {view.mesh}`. This issue is written by `extcp-bot`; what is "
        "written below is lost.\n"
    )
    return text if len(text) <= MAX_BODY else text[: MAX_BODY - len(_CUT)] + _CUT


def _proposals(view: View) -> Iterator[str]:
    rows = [row for row in view.rows if row.standing is not Standing.DECLINED]
    yield "## Proposals\n\n"
    if not rows:
        yield "None.\n"
        return
    yield "| | what | how it stands | why |\n| --- | --- | --- | --- |\n"
    for row in rows[:_MOST_ROWS]:
        number = f"#{row.number}" if row.number else ""
        why = code_span(row.why[:_LONGEST]) if row.why else ""
        yield f"| {code_span(row.name)} | {row.kind} | {row.standing} {number} | {why} |\n"
    if rows[_MOST_ROWS:]:
        yield f"\nand {len(rows) - _MOST_ROWS} more.\n"


def _declined(view: View, ticks: frozenset[str]) -> Iterator[str]:
    rows = [row for row in view.rows if row.standing is Standing.DECLINED or row.branch in ticks]
    if not rows:
        return
    yield "\n## Declined\n\nTick one to have it offered again.\n\n"
    for row in rows[:_MOST_ROWS]:
        tick, number = "x" if row.branch in ticks else " ", f" #{row.number}" if row.number else ""
        box = _BOX.format(row.branch)
        yield f"- [{tick}] {box}{code_span(row.name)}, {row.kind}{number}\n"


def _clusters(report: Report) -> Iterator[str]:
    marks = summary.marks(report)
    yield "\n## Clusters\n\n| cluster | state | what |\n| --- | --- | --- |\n"
    by_name = summary.by_cluster(report)
    for name in sorted(marks, key=lambda each: (marks[each].rank, each))[:_MOST_CLUSTERS]:
        wrong = dict.fromkeys(
            f"{each.code} {each.problem or each.check}"
            for each in by_name[name]
            if each.state != "healthy"
        )
        what = code_span(", ".join(wrong)[:_LONGEST]) if wrong else ""
        yield f"| {code_span(name)} | {SIGNS[marks[name]]} | {what} |\n"
    if len(marks) > _MOST_CLUSTERS:
        yield f"\nand {len(marks) - _MOST_CLUSTERS} more.\n"
