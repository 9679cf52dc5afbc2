"""Whatever a pass is interrupted by, and wherever, the next ones lead to the same end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from extcp_bot.checks.model import State
from extcp_bot.forge.model import ForgeError
from extcp_bot.joining.model import Stage
from extcp_bot.proposals.case import Standing
from extcp_bot.proposals.limits import Meter
from extcp_bot.proposals.marker import Marker
from extcp_bot.proposals.workspace import Workspace
from extcp_bot.service.gate import ClosedError, Gate
from extcp_gitops.errors import ExitCode, ExtcpError
from tests.bot.proposals.script import ADD, NEW, candidate
from tests.bot.proposals.wire import Killed, Wire

if TYPE_CHECKING:
    from extcp_bot.proposals.workspace import Made
    from tests.bot.proposals.desk import Desk


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    made = Wire()
    made.tap(monkeypatch)
    return made


def settle(desk: Desk, most: int = 12) -> int:
    """Start it again and again, until a pass has nothing to write; gives how often."""
    for number in range(most):
        try:
            if not desk.reconcile().writes:
                return number
        except Killed:
            pass
    pytest.fail("there is always something to write")


def live(desk: Desk) -> None:
    """A whole life: a candidate, another base, the merge, and the way into the mesh."""
    desk.script.progress = [(Stage.CREDENTIAL, State.UNHEALTHY), (Stage.PROVEN, State.HEALTHY)]
    pull = opened(desk)
    base = desk.repository.commit("main", "clusters/remote-cluster-1/custom/note")
    assert opened(desk) == pull
    marker = Marker.of(desk.pull()["body"])
    assert marker is not None
    assert (marker.base, marker.head) == (base, desk.repository.branch(ADD))
    desk.repository.merge(pull, delete_branch=False)
    settle(desk)
    assert desk.labels(pull) == {"extcp:proven"}
    (comment,) = desk.comments(pull)
    assert "Proven in the mesh" in comment["body"]
    assert desk.script.acts == [NEW]
    assert "## Proposals\n\nNone." in desk.dashboard()["body"]


def opened(desk: Desk) -> int:
    """Have one candidate, and its pull request opened."""
    desk.script.candidates = [candidate()]
    settle(desk)
    pull = desk.pull()
    assert (pull["state"], pull["head"]["ref"]) == ("open", ADD)
    assert desk.labels(pull["number"]) == {"extcp:healthy"}
    assert desk.comments(pull["number"]) == []
    assert (desk.status(pull["head"]["sha"]) or ("",))[0] == "success"
    assert f"| open #{pull['number']} |" in desk.dashboard()["body"]
    return int(pull["number"])


def test_a_life_without_an_interruption(desk: Desk) -> None:
    live(desk)


def test_killed_after_every_single_write_and_started_again(desk: Desk, wire: Wire) -> None:
    wire.always = Killed()
    live(desk)


def test_a_forge_that_does_it_each_time_and_says_500(desk: Desk, wire: Wire) -> None:
    wire.always = ForgeError("it broke", "wait", 500)
    live(desk)


def test_connections_that_break_after_each_write(desk: Desk, wire: Wire) -> None:
    wire.always = ExtcpError.of("EXTCP-G034", "the server hung up", "wait")
    live(desk)


@pytest.mark.parametrize("number", [1, 2, 3, 4, 6])
def test_a_forge_that_is_asked_too_much_is_left_alone(desk: Desk, wire: Wire, number: int) -> None:
    wire.instead = {number: ForgeError("too much", "wait", 429, retry_after=30)}
    desk.script.candidates = [candidate()]
    outcome = desk.reconcile()
    assert outcome.retry_after == 30
    assert outcome.exit_code is ExitCode.COULD_NOT_TELL
    assert wire.written == number
    opened(desk)


def test_a_lost_race_for_the_branch_is_looked_at_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(desk)
    desk.repository.commit("main", "clusters/remote-cluster-1/custom/note")
    push, person = Workspace.push, desk.repository.gitea.person
    theirs: list[str] = []

    def late(workspace: Workspace, made: Made, branch: str, expected: str | None) -> None:
        if not theirs:
            theirs.append(desk.repository.commit(ADD, "clusters/theirs", by=person))
        push(workspace, made, branch, expected)

    monkeypatch.setattr(Workspace, "push", late)
    (row,) = desk.reconcile().rows
    assert row.standing is Standing.NEEDS_HUMAN
    assert desk.repository.branch(ADD) == theirs[0]


def test_two_bots_at_once_open_one_pull_request(desk: Desk) -> None:
    async def both() -> None:
        await asyncio.gather(desk.one_pass(), desk.one_pass())

    desk.script.candidates = [candidate()]
    asyncio.run(both())
    settle(desk)
    assert len(desk.pulls()) == 1
    boards = desk.repository.call("GET", "/issues?type=issues&state=open")
    assert len(boards) == 1


def test_a_replica_that_may_not_act_any_more_begins_no_write(desk: Desk, wire: Wire) -> None:
    desk.script.candidates = [candidate()]
    gate = Gate(lambda: wire.written < 3)
    with pytest.raises(ClosedError):
        desk.reconcile(gate=gate)
    assert wire.written == 3
    opened(desk)


def test_no_more_writes_in_an_hour_than_allowed(desk: Desk) -> None:
    text = (desk.root / "bot.yaml").read_text()
    (desk.root / "bot.yaml").write_text(f"{text}  writesPerHour: 5\n")
    desk.script.candidates = [candidate()]
    meter = Meter()
    first = asyncio.run(desk.one_pass(meter=meter))
    assert len(first.writes) == 4
    desk.script.state = State.UNHEALTHY
    second = asyncio.run(desk.one_pass(meter=meter))
    assert len(second.writes) == 1
    assert any("as many writes" in each for each in second.troubles)
