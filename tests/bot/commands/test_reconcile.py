from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.bot.commands.acting import Acting


def test_a_dry_run_prints_the_writes_and_exits_with_4(acting: Acting) -> None:
    assert acting("reconcile", "--dry-run") == 4
    assert "would open an issue: Mesh mesh1" in acting.out
    assert acting.desk.repository.call("GET", "/issues?state=all") == []


def test_what_nobody_can_look_at_opens_nothing_and_exits_with_5(acting: Acting) -> None:
    assert acting("reconcile", "--output", "json") == 5
    found = json.loads(acting.out)
    assert [each["write"] for each in found["writes"]] == ["NewIssue"]
    assert any("candidates" in each for each in found["troubles"])
    assert acting.desk.pulls() == []
    assert "❔ unknown" in acting.desk.dashboard()["body"]
    assert "open an issue" in acting.err
    assert acting("reconcile") == 5
    assert json.loads(json.dumps(acting.err)).count("open an issue") == 0


def test_without_a_token_it_says_how_to_give_one(
    acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EXTCP_FORGE_TOKEN")
    assert acting("reconcile") == 1
    assert "EXTCP_FORGE_TOKEN" in acting.err


def test_a_token_that_is_not_accepted_is_told_and_not_shown(
    acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTCP_FORGE_TOKEN", "0123456789abcdef0123456789abcdef01234567")
    assert acting("reconcile") == 5
    assert "EXTCP-B044" in acting.err
    assert "0123456789abcdef" not in acting.err
