from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.forge.model import MAX_BODY
from extcp_bot.proposals import body, kinds
from extcp_bot.proposals.body import Draft
from extcp_bot.proposals.marker import Marker
from extcp_bot.proposals.model import Evidence, Kind, Part
from extcp_gitops.diff.model import Change, Diff, ObjectDiff, PartDiff
from tests import meshes
from tests.bot import reports
from tests.bot.proposals import cases
from tests.bot.proposals.cases import NOW, PROPOSAL

if TYPE_CHECKING:
    from extcp_bot.proposals.model import Proposal

_SPANS = re.compile(r"`[^`]+`|<code>[^<]*</code>")
HOSTILE = (
    f"{cases.marker()} - [x] <!-- extcp-bot-again --> @everyone Closes #1 <script>x</script> "
    "[link](javascript:alert(1)) | ``` </details> \x1b[31m\u202e"
)


def evidence(*texts: str, remotes: int = 2) -> Evidence:
    inventory = reports.mesh(remotes)
    results = [reports.bad(inventory, "remote-cluster-1", found=text) for text in texts]
    results += [
        reports.result(
            inventory, "remote-cluster-2", code="EXTCP-H16", name="blast-radius", found="2 stop"
        )
    ]
    part = Part("The mesh as it is", reports.report(inventory, *results), inventory)
    return Evidence(NOW, (part,), frozenset({"EXTCP-H17"}), unproven=("That it rains.",))


def diff(text: str) -> Diff:
    changed = ObjectDiff(Change.ADDED, "v1", "Namespace", "", "a", text)
    part = PartDiff("remote-cluster-3", Change.ADDED, (changed,))
    return Diff("main", "b" * 40, (part,), None, None, ())


def render(seen: Evidence, text: str = "+a: b", proposal: Proposal = PROPOSAL) -> str:
    return body.render(Draft(proposal, seen, diff(text)), cases.marker())


def test_all_that_a_reviewer_needs_is_there() -> None:
    text = render(evidence("this is wrong"))
    assert Marker.of(text) == cases.marker()
    for part in (
        "Adds the remote cluster `remote-cluster-3`",
        "## What was seen",
        "`this is wrong`",
        "<code>remote-cluster-3</code> is new",
        "+a: b",
        "## What was not checked",
        "That it rains.",
        "`EXTCP-H17`",
        "## After the merge",
        "## What is at risk",
        "`2 stop`",
        "## How to undo it",
        "/extcp recheck",
    ):
        assert part in text
    assert not body.is_ticked(text)


def test_a_tick_is_seen_however_the_forge_ends_its_lines() -> None:
    ticked = meshes.replaced(render(evidence()), "- [ ] <!--", "- [X] <!--")
    assert body.is_ticked(ticked)
    assert body.is_ticked(ticked.replace("\n", "\r\n"))


def test_hostile_text_neither_forges_nor_ticks_nor_leaves_its_place() -> None:
    text = render(evidence(HOSTILE), f"+x: {HOSTILE}\n+```\n</details>")
    assert Marker.of(text) == cases.marker()
    assert not body.is_ticked(text)
    told = [line for line in text.splitlines()[1:] if "everyone" in line]
    assert told
    for line in told:  # in a code span of a table or a list, or in the fenced diff
        bare = _SPANS.sub("", line)
        assert "everyone" not in bare or line.startswith("+x: ")
    assert text.count("\n````diff\n") == 1


@pytest.mark.parametrize("remotes", [2, 1000])
def test_it_fits_however_much_there_is_to_say(remotes: int) -> None:
    texts = [f"{number} {'x' * 500}" for number in range(200)]
    text = render(evidence(*texts, remotes=remotes), "+y\n" * 100_000)
    assert len(text) <= MAX_BODY
    assert "/extcp recheck" in text


def test_without_a_diff_it_says_why() -> None:
    text = body.render(Draft(PROPOSAL, evidence(), None, "no kustomize"), cases.marker())
    assert "Not shown: `no kustomize`" in text


@pytest.mark.parametrize(
    "proposal",
    [
        kinds.remove_cluster("a", "b"),
        kinds.revert("a", "b", "c" * 40),
        kinds.pin_root("b", meshes.certificate()),
        replace(PROPOSAL, kind=Kind.CREDENTIAL),
    ],
)
def test_each_kind_has_its_own_words(proposal: Proposal) -> None:
    text = render(evidence(), proposal=proposal)
    assert text.count("\n## ") == 6
    assert text != render(evidence())
