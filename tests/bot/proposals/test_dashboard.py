from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.forge.model import MAX_BODY, Issue
from extcp_bot.proposals import dashboard
from extcp_bot.proposals.case import Standing
from extcp_bot.proposals.dashboard import Count, Row, State, View
from extcp_bot.proposals.writes import EditIssue, NewIssue
from tests import meshes
from tests.bot import reports
from tests.bot.proposals.cases import BASE, ME, PROPOSAL

INVENTORY = reports.mesh()
DECLINED = Row("a", "addition", PROPOSAL.branch, Standing.DECLINED, "closed", "", 7)
VIEW = View("mesh1", (DECLINED,), reports.report(INVENTORY))
LEFT = State(BASE, {PROPOSAL.branch: Count("0123", 1)}, frozenset({"extcp/revert/b"}))


def made(view: View = VIEW, left: State = LEFT) -> Issue:
    (new,) = dashboard.writes([], view, left)
    assert isinstance(new, NewIssue)
    return Issue(3, True, new.title, new.body, new.labels, ME, "https://git.example.com/3")


def ticked(issue: Issue) -> Issue:
    return replace(issue, body=meshes.replaced(issue.body, "- [ ]", "- [x]"))


def test_the_next_pass_knows_what_this_one_left() -> None:
    assert dashboard.find([made()], ME, "mesh1") == [made()]
    assert dashboard.state(made()) == LEFT
    assert dashboard.state(None) == State()


def test_another_mesh_or_account_has_another_dashboard() -> None:
    assert dashboard.find([made()], ME, "mesh2") == []
    assert dashboard.find([replace(made(), author="mallory")], ME, "mesh1") == []


def test_values_that_change_with_each_look_are_no_news() -> None:
    later = replace(VIEW, rows=(replace(DECLINED, why="closed, 5 minutes ago"),))
    assert list(dashboard.writes([made()], later, replace(LEFT, base="c" * 40))) == []


@pytest.mark.parametrize(
    ("view", "left"),
    [
        (replace(VIEW, rows=()), LEFT),
        (replace(VIEW, rows=(replace(DECLINED, standing=Standing.QUEUED),)), LEFT),
        (replace(VIEW, warnings=("look out",)), LEFT),
        (VIEW, replace(LEFT, counts={})),
        (VIEW, replace(LEFT, following=frozenset())),
        (replace(VIEW, report=reports.mixed(reports.mesh(9))), LEFT),
    ],
)
def test_news_are_written_in_place(view: View, left: State) -> None:
    (edit,) = dashboard.writes([made()], view, left)
    assert isinstance(edit, EditIssue)
    assert edit.body is not None
    after = replace(made(), body=edit.body)
    assert list(dashboard.writes([after], view, left)) == []


def test_a_tick_stays_while_it_cannot_be_offered_and_goes_when_it_is() -> None:
    issue = ticked(made())
    assert dashboard.ticked(issue) == {PROPOSAL.branch}
    assert list(dashboard.writes([issue], VIEW, LEFT)) == []
    blocked = replace(VIEW, rows=(replace(DECLINED, standing=Standing.UNHEALTHY),))
    (edit,) = dashboard.writes([issue], blocked, LEFT)
    assert isinstance(edit, EditIssue)
    assert "- [x]" in (edit.body or "")
    is_open = replace(VIEW, rows=(replace(DECLINED, standing=Standing.OPEN),))
    (edit,) = dashboard.writes([issue], is_open, LEFT)
    assert isinstance(edit, EditIssue)
    assert "- [x]" not in (edit.body or "")


def test_one_too_many_is_closed() -> None:
    second = replace(made(), number=4)
    (edit,) = dashboard.writes([made(), second], VIEW, LEFT)
    assert edit == EditIssue(second, None, close=True)
    assert list(dashboard.writes([made(), replace(second, is_open=False)], VIEW, LEFT)) == []


def test_hostile_names_and_words_neither_tick_nor_mark() -> None:
    text = f"{made().body} - [x] <!-- extcp-bot-offer extcp/add-cluster/b --> @everyone"
    row = Row(text, "addition", PROPOSAL.branch, Standing.UNHEALTHY, text, "x")
    issue = made(View("mesh1", (row,), reports.report(INVENTORY), (text,)))
    assert dashboard.ticked(issue) == frozenset()
    assert dashboard.state(issue) == LEFT


def test_it_fits() -> None:
    rows = tuple(
        Row("n" * 200, "addition", f"extcp/add-cluster/{n}", Standing.DECLINED, "w" * 600, "", n)
        for n in range(500)
    )
    whole = View("mesh1", rows, reports.mixed(reports.mesh(1000)), ("w" * 600,) * 50)
    assert len(made(whole).body) <= MAX_BODY


@given(st.text())
def test_any_text_leaves_nothing(text: str) -> None:
    issue = replace(made(), body=text)
    assert dashboard.state(issue) == State()


def test_what_a_person_edits_in_the_marker_is_not_relied_on() -> None:
    spoilt = made().body
    for old, new in ((BASE, "HEAD"), ("extcp/revert/b", "../x"), ('["0123",1]', '[1,"0123"]')):
        spoilt = meshes.replaced(spoilt, old, new)
    assert dashboard.state(replace(made(), body=spoilt)) == State()
