"""A difference as Markdown for a pull request: a table, then the diffs, folded by cluster.

Names and values come from files that anybody may have edited, and stand where a forge reads
Markdown and HTML: in a table as code spans, in HTML as character references, and diffs in a fence
that is longer than any run of backquotes in them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from extcp_gitops.diff.model import Change
from extcp_gitops.render.markdown import code_span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_gitops.diff.model import Diff, ObjectDiff, PartDiff

LIMIT: Final = 65_000
"""Characters; GitHub takes 65,536 in a comment or a description."""

_FOR_ROWS: Final = 20_000
_FOR_THE_END: Final = 1_000
_LONGEST_REVISION: Final = 60
_LONGEST_MESSAGE: Final = 500
_SHOWN_NAMES: Final = 5
_FENCE: Final = re.compile("`{3,}")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9 .,_/-]")

_SIGNS: Final = {Change.ADDED: "new", Change.REMOVED: "removed", Change.CHANGED: ""}


def render(diff: Diff, limit: int = LIMIT) -> str:
    """The whole text.

    Args:
        diff: What differs.
        limit: Characters that it may have; what does not fit is left out, and said to be.
    """
    text = f"Rendered objects at {_revision(diff)} and here:"
    if not diff:
        text += " no difference.\n" if not diff.unknown else " no difference was found.\n"
    else:
        text += f" {_summary(diff)}\n\n{_table(diff)}"
    text += _unknown(diff)
    return text + _details(diff, limit - len(text) - _FOR_THE_END)


def _revision(diff: Diff) -> str:
    return code_span(diff.revision[:_LONGEST_REVISION])


def _summary(diff: Diff) -> str:
    groups = {change: [c for c in diff.clusters if c.change is change] for change in Change}
    words = {Change.ADDED: "new", Change.CHANGED: "changed", Change.REMOVED: "removed"}
    parts = [_clusters(len(found), words[change]) for change, found in groups.items() if found]
    if diff.crds is not None:
        parts.append(f"Istio's CRDs: {diff.crds.counts}")
    if diff.argocd is not None:
        parts.append("Argo CD's root changes")
    return ", ".join(parts) + "."


def _clusters(number: int, word: str) -> str:
    return f"{number} {word} cluster{'s' if number != 1 else ''}"


def _table(diff: Diff) -> str:
    head = "| cluster | | added | changed | removed |\n| --- | --- | --: | --: | --: |\n"
    rows = [_row(part, code_span(part.name)) for part in diff.clusters]
    if diff.argocd is not None:
        rows.append(_row(diff.argocd, "Argo CD's root"))
    if diff.crds is not None:
        rows.append(_row(diff.crds, "CustomResourceDefinitions"))
    text = ""
    for number, row in enumerate(rows):
        if len(text) + len(row) > _FOR_ROWS:
            return f"{head}{text}\n{len(rows) - number} more rows are left out.\n"
        text += row
    return head + text


def _row(part: PartDiff, name: str) -> str:
    cells = (part.count(change) or "" for change in (Change.ADDED, Change.CHANGED, Change.REMOVED))
    return f"| {name} | {_SIGNS[part.change]} | {' | '.join(map(str, cells))} |\n"


def _unknown(diff: Diff) -> str:
    if not diff.unknown:
        return ""
    shown = diff.unknown[:_SHOWN_NAMES]
    lines = [
        f"- {code_span(item.file)}: {code_span(f'{item.code} {item.message}'[:_LONGEST_MESSAGE])}\n"
        for item in shown
    ]
    more = len(diff.unknown) - len(shown)
    rest = f"- and {more} more\n" if more else ""
    return f"\n**Could not tell** for all of it:\n\n{''.join(lines)}{rest}"


def _details(diff: Diff, room: int) -> str:
    """Folded sections as far as there is room, and how much was left out."""
    sections = list(_sections(diff))
    text, left_out = "", 0
    for summary, objects in sections:
        section, missing = _section(summary, objects, room - len(text))
        text += section
        left_out += missing
    if left_out:
        text += (
            f"\n{left_out} objects are left out to keep this short; `extcp-gitops diff` against "
            f"{_revision(diff)} shows all of them.\n"
        )
    return text


def _sections(diff: Diff) -> Iterator[tuple[str, tuple[ObjectDiff, ...]]]:
    """Each with the HTML of its summary."""
    if diff.argocd is not None:
        yield "Argo CD's root", diff.argocd.objects
    for members, objects in diff.groups():
        first = members[0]
        verb = {Change.ADDED: " is new", Change.REMOVED: " is removed"}.get(first.change, "")
        yield f"{_names(members)}{verb}: {first.counts}", objects


def _names(members: list[PartDiff]) -> str:
    shown = ", ".join(f"<code>{escaped(part.name)}</code>" for part in members[:_SHOWN_NAMES])
    more = len(members) - _SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _section(summary: str, objects: tuple[ObjectDiff, ...], room: int) -> tuple[str, int]:
    """One folded section with as many diffs as there is room for, and how many there is not."""
    head = f"\n<details><summary>{summary}</summary>\n"
    end = "\n</details>\n"
    room -= len(head) + len(end)
    if room < 0:
        return "", len(objects)
    body, missing = "", 0
    for item in objects:
        block = _object(item)
        if len(body) + len(block) > room:
            missing += 1
        else:
            body += block
    return (head + body + end, missing) if body else ("", missing)


def _object(item: ObjectDiff) -> str:
    title = f"\n{code_span(item.title)} {item.change}\n"
    if item.change is Change.REMOVED:
        return title
    return f"{title}\n{fenced(item.diff)}"


def fenced(text: str) -> str:
    """Text in a block of its own that nothing in it can end."""
    longest = max(map(len, _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}diff\n{text.rstrip(chr(10))}\n{fence}\n"


def escaped(text: str) -> str:
    """Text for HTML inside Markdown, with a reference for each character that either may read."""
    return _UNSAFE.sub(lambda found: f"&#{ord(found[0])};", text)
