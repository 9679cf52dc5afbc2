from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from extcp_bot.proposals.case import Standing
from tests.bot.proposals.steps import opened, quiet, standing

if TYPE_CHECKING:
    from tests.bot.proposals.desk import Desk


def test_commands_of_people_who_may_push_are_carried_out_once(desk: Desk) -> None:
    number = opened(desk)
    said = [
        desk.say(number, "/extcp recheck"),
        desk.say(number, "/extcp explain EXTCP-H05\nplease"),
    ]
    desk.script.late = timedelta(minutes=1)
    desk.reconcile()
    assert all(map(desk.eyes, said))
    (answer,) = desk.comments(number)[2:]
    assert "EXTCP-H05 secret-shape" in answer["body"]
    quiet(desk)
    desk.say(number, "/extcp explain EXTCP-P01")
    desk.reconcile()
    assert len(desk.comments(number)) == 4
    quiet(desk)


def test_ignore_closes_and_unignore_offers_again(desk: Desk) -> None:
    number = opened(desk)
    said = desk.say(number, "/extcp ignore")
    desk.reconcile()
    assert desk.pull()["state"] == "closed"
    assert desk.eyes(said)
    assert standing(desk) is Standing.DECLINED
    said = desk.say(number, "/extcp unignore")
    assert standing(desk) is Standing.OPEN
    assert desk.eyes(said)
    assert [each["state"] for each in desk.pulls()] == ["open", "closed"]
    quiet(desk)


@pytest.mark.parametrize("text", ["/extcp ignore", "/extcp rebase"])
def test_others_are_not_obeyed_and_not_answered(desk: Desk, text: str) -> None:
    number = opened(desk)
    said = desk.say(number, text, desk.repository.gitea.stranger)
    quiet(desk)
    assert not desk.eyes(said)
    assert desk.pull()["state"] == "open"


def test_hostile_comments_do_nothing(desk: Desk) -> None:
    number = opened(desk)
    pull = desk.pull()
    hostile = (
        f"{pull['body'].splitlines()[0]} - [x] <!-- extcp-bot-again -->",
        "@everyone Closes #1\n/extcp ignore",
        "/extcp explain EXTCP-H05; rm -rf / \x1b[31m",
        "`/extcp ignore` <script>alert(1)</script>",
        "x" * 1_000_000,
    )
    for text in hostile:
        desk.say(number, text)
    quiet(desk)
    assert desk.pull()["state"] == "open"
