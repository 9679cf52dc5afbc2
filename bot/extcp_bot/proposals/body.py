"""The description of a pull request: what it does, what speaks for it, and what it leads to.

What clusters said and what people named stands in code spans or fences, where forges read neither
links nor HTML, mention nobody and close no issue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import State
from extcp_bot.forge.model import MAX_BODY
from extcp_bot.proposals import words
from extcp_bot.proposals.model import blocks
from extcp_bot.report import markdown, summary
from extcp_bot.report.summary import many
from extcp_gitops.diff.markdown import render as render_diff
from extcp_gitops.render.markdown import code_span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from extcp_bot.proposals.marker import Marker
    from extcp_bot.proposals.model import Evidence, Part, Proposal
    from extcp_bot.result import Result
    from extcp_gitops.diff.model import Diff

_BOX: Final = "<!-- extcp-bot-again -->"
_TICKED: Final = re.compile(rf"^[-*+] \[[xX]\] {re.escape(_BOX)}", re.MULTILINE)
_ROOM_FOR_DIFF: Final = 24_000
_ROOM_FOR_FLEET: Final = 14_000
_ROOM_FOR_ROWS: Final = 16_000
_LONGEST_CELL: Final = 160
_BLAST_RADIUS: Final = "EXTCP-H16"
_MOST_AT_RISK: Final = 10
_SIGNS: Final = {State.HEALTHY: "✅", State.UNHEALTHY: "❌", State.UNKNOWN: "❔"}


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a body is made of, but for the marker.

    Attributes:
        proposal: What is proposed.
        evidence: What speaks for it.
        diff: What it changes in each cluster; None where that could not be built.
        no_diff: Why not, in words of ours.
    """

    proposal: Proposal
    evidence: Evidence
    diff: Diff | None
    no_diff: str = ""


def is_ticked(text: str) -> bool:
    """Whether a person has ticked the box that asks for a new look."""
    return bool(_TICKED.search(text.replace("\r", "")))


def render(draft: Draft, marker: Marker) -> str:
    """The whole description, at most ``MAX_BODY`` characters of it.

    Args:
        draft: What it says.
        marker: That it begins with.
    """
    parts = [
        f"{marker}\n\n{words.what(draft.proposal)}",
        _checks(draft),
        _diff(draft),
        f"## What was not checked\n\n{_not_checked(draft)}",
        f"## After the merge\n\n{words.order(draft.proposal)}",
        f"## What is at risk\n\n{_risk(draft.evidence)}",
        f"## How to undo it\n\n{words.undo(draft.proposal)}",
        _end(marker),
    ]
    text = "\n".join(parts)
    if len(text) > MAX_BODY:  # the rows are cut one by one, and the diff; what is left is words
        parts[2] = "## What changes\n\nLeft out to keep this short; see the files.\n"
        text = "\n".join(parts)
    return text


def _checks(draft: Draft) -> str:
    evidence = draft.evidence
    text = f"## What was seen\n\n{_verdict(evidence)}"
    for part in evidence.parts:
        text += f"\n### {part.title}\n\n{_rows(part)}"
        text += _folded(part)
    return text


def _verdict(evidence: Evidence) -> str:
    when = f"{evidence.time:%Y-%m-%d %H:%M} UTC"
    if evidence.obstacle:
        return f"**Not ready** on {when}: {code_span(evidence.obstacle)}\n"
    said = {
        State.HEALTHY: "**Ready**: all that is required was seen to be healthy",
        State.UNHEALTHY: "**Not ready**",
        State.UNKNOWN: "**Unknown**: nobody could look at all of it",
    }
    return f"{said[evidence.verdict]}, on {when}.\n"


def _rows(part: Part) -> str:
    """A row for each check that was run: how many results, and what was seen first or worst."""
    by_check: dict[str, list[Result]] = {}
    for result in part.report.sorted():
        by_check.setdefault(result.code, []).append(result)
    text = "| | check | looked at | seen |\n| --- | --- | --- | --- |\n"
    for number, code in enumerate(sorted(by_check)):
        row = _row(by_check[code])
        if len(text) + len(row) > _ROOM_FOR_ROWS:
            return f"{text}\nand {many(len(by_check) - number, 'more check')}.\n"
        text += row
    return text


def _row(results: list[Result]) -> str:
    first = results[0]
    sign = _SIGNS[first.state] if first.state is State.HEALTHY or blocks(first) else "⚠️"
    clusters = {result.cluster for result in results}
    healthy = sum(result.state is State.HEALTHY for result in results)
    place = first.looked_at if len(results) == 1 else f"{first.looked_at} ({first.cluster})"
    counted = f", {healthy} of {many(len(results), 'result')} healthy" if len(results) > 1 else ""
    title = code_span(f"{first.code} {first.check}")
    where = f"{many(len(clusters), 'cluster')}{counted}" if len(results) > 1 else ""
    cells = (title + (f" on {where}" if where else ""), _cell(place), _cell(first.found))
    return f"| {sign} | {' | '.join(cells)} |\n"


def _cell(text: str) -> str:
    short = text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"
    return code_span(short) if short else ""


def _folded(part: Part) -> str:
    """Clusters and findings as ``extcp-bot check`` shows them."""
    head = code_free(summary.headline(part.report))
    inner = markdown.render(part.report, part.inventory, _ROOM_FOR_FLEET)
    if len(inner) > _ROOM_FOR_FLEET:  # two hundred rows that nobody reads here
        return ""
    return f"\n<details><summary>{head}</summary>\n\n{inner}\n</details>\n"


def code_free(text: str) -> str:
    """Text of ours for HTML; a headline holds numbers and words alone."""
    return re.sub(r"[^A-Za-z0-9 .,;()-]", "", text)


def _diff(draft: Draft) -> str:
    head = "## What changes\n\n"
    if draft.diff is None:
        return f"{head}Not shown: {code_span(draft.no_diff or 'it could not be built')}\n"
    return head + render_diff(draft.diff, _ROOM_FOR_DIFF)


def _not_checked(draft: Draft) -> str:
    lines = [*draft.evidence.unproven, *words.not_checked(draft.proposal)]
    if draft.evidence.excused:
        codes = ", ".join(map(code_span, sorted(draft.evidence.excused)))
        lines.append(f"What `bot.yaml` does not require: {codes}.")
    return "".join(f"- {line}\n" for line in lines)


def _risk(evidence: Evidence) -> str:
    found = [each for each in evidence.results if each.code == _BLAST_RADIUS and each.found]
    text = (
        "While istiod or its gateway is away, no Pod can start in an injected namespace of a "
        "cluster of the mesh; what runs goes on running. As it is now:\n\n"
    )
    return text + ("".join(_fitting(found)) or "- not looked at\n")


def _fitting(found: list[Result]) -> Iterator[str]:
    for each in found[:_MOST_AT_RISK]:
        yield f"- {code_span(each.cluster)}: {_cell(each.found)}\n"
    if found[_MOST_AT_RISK:]:
        yield f"- and {many(len(found) - _MOST_AT_RISK, 'more cluster')}\n"


def _end(marker: Marker) -> str:
    lines: Iterable[str] = (
        "---",
        "",
        f"- [ ] {_BOX}Prove again: tick this, or comment `/extcp recheck`.",
        "",
        (
            f"Commit `{marker.head[:12]}` on `{marker.base[:12]}`. It is made anew when the base "
            "moves and proven again when the evidence is old. Closing this is a *no* that is "
            "remembered. Comments that begin with `/extcp recheck`, `/extcp rebase`, "
            "`/extcp ignore` or `/extcp explain CODE` are obeyed from people who may push here."
        ),
        "",
    )
    return "\n".join(lines)
