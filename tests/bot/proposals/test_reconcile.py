from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from extcp_bot.checks.model import State
from extcp_bot.proposals.asked import Asked, NewMember
from extcp_bot.proposals.case import Standing
from extcp_bot.proposals.marker import Marker
from extcp_gitops.errors import ExitCode
from extcp_gitops.generate import generate
from extcp_gitops.inventory import author
from tests import gitrepo, meshes
from tests.bot.proposals import desk as desks
from tests.bot.proposals.script import ADD, NEW, candidate
from tests.bot.proposals.steps import opened, quiet, standing

if TYPE_CHECKING:
    from tests.bot.proposals.desk import Desk


def move_base(desk: Desk, file: str = "clusters/remote-cluster-1/custom/note") -> str:
    """A person merges something else."""
    return desk.repository.commit("main", file)


def test_a_candidate_becomes_one_pull_request_and_ten_more_passes_write_nothing(desk: Desk) -> None:
    number = opened(desk)
    pull = desk.pull()
    assert (pull["head"]["ref"], pull["base"]["ref"]) == (ADD, "main")
    assert pull["title"] == f"Add the remote cluster {NEW}"
    assert desk.labels(number) == {"extcp:healthy"}
    marker = Marker.of(pull["body"])
    assert marker is not None
    assert marker.head == pull["head"]["sha"]
    state, words = desk.status(marker.head) or ("", "")
    assert (state, "seen to be ready" in words) == ("success", True)
    for _ in range(10):
        quiet(desk)


def test_the_commit_equals_what_a_person_makes(desk: Desk) -> None:
    opened(desk)
    new = author.NewCluster(NEW)
    generate(
        desk.root, desk.options, lambda files: author.add_cluster(files, new, "external-istiod")
    )
    gitrepo.git(desk.root, "add", "--all")
    gitrepo.git(desk.root, "commit", "--quiet", "--message=By hand")
    desks.fetch(desk.root, desk.repository, ADD)
    trees = gitrepo.git(desk.root, "rev-parse", "HEAD^{tree}", "FETCH_HEAD^{tree}").split()
    assert trees[0] == trees[1]
    files = gitrepo.committed(desk.root)
    assert all(file.startswith(f"clusters/{NEW}/") for file in files)


def test_a_dry_run_says_what_the_next_pass_writes_and_writes_nothing(desk: Desk) -> None:
    desk.script.candidates = [candidate()]
    planned = desk.reconcile(dry_run=True)
    assert planned.exit_code is ExitCode.CHANGES_PENDING
    assert desk.pulls() == []
    assert desk.repository.branch(ADD) is None
    done = desk.reconcile()
    assert [*map(_timeless, planned.writes)] == [*map(_timeless, done.writes)]


def _timeless(write: object) -> str:
    """What a pass writes, whichever minute it is in."""
    return re.sub(r"\d\d:\d\d UTC", "", str(write))


def test_only_enough_passes_in_a_row_open_a_pull_request(desk: Desk) -> None:
    (desk.root / "bot.yaml").write_text(
        (desk.root / "bot.yaml").read_text().replace("passes: 1", "passes: 2")
    )
    desk.script.candidates = [candidate()]
    assert standing(desk) is Standing.WAITING
    desk.script.state = State.UNHEALTHY
    assert standing(desk) is Standing.UNHEALTHY
    desk.script.state = State.HEALTHY
    assert standing(desk) is Standing.WAITING
    assert desk.pulls() == []
    assert standing(desk) is Standing.OPEN


@pytest.mark.parametrize("state", [State.UNHEALTHY, State.UNKNOWN])
def test_what_is_not_healthy_opens_nothing_and_the_dashboard_says_why(
    desk: Desk, state: State
) -> None:
    desk.script.candidates = [candidate()]
    desk.script.state, desk.script.found = state, "a thing that is wrong"
    outcome = desk.reconcile()
    assert desk.pulls() == []
    assert desk.repository.branch(ADD) is None
    assert "a thing that is wrong" in desk.dashboard()["body"]
    expected = ExitCode.COULD_NOT_TELL if state is State.UNKNOWN else ExitCode.OK
    assert outcome.exit_code is expected
    desk.script.found = "now it is called another thing"
    again = desk.reconcile()
    assert again.writes == []


def test_a_candidate_with_a_problem_is_on_the_dashboard(desk: Desk) -> None:
    desk.script.candidates = [candidate(problem="its network has a bad name")]
    desk.reconcile()
    assert desk.pulls() == []
    assert "its network has a bad name" in desk.dashboard()["body"]


# People


def test_a_closed_pull_request_is_a_no_for_its_inputs(desk: Desk) -> None:
    number = opened(desk)
    desk.repository.call("PATCH", f"/pulls/{number}", {"state": "closed"})
    assert standing(desk) is Standing.DECLINED
    quiet(desk)
    desk.script.candidates = [candidate(network="network2")]
    assert standing(desk) is Standing.OPEN
    assert len(desk.pulls()) == 2


def test_a_tick_on_the_dashboard_offers_again_and_a_second_no_is_a_no(desk: Desk) -> None:
    number = opened(desk)
    desk.repository.call("PATCH", f"/pulls/{number}", {"state": "closed"})
    desk.reconcile()
    board = desk.dashboard()
    ticked = meshes.replaced(board["body"], "- [ ] <!-- extcp-bot", "- [x] <!-- extcp-bot")
    desk.repository.call("PATCH", f"/issues/{board['number']}", {"body": ticked})
    desk.script.state = State.UNKNOWN
    desk.reconcile()
    assert len(desk.pulls()) == 1
    desk.script.state = State.HEALTHY
    desk.reconcile()
    (again, _) = desk.pulls()
    assert again["state"] == "open"
    quiet(desk)
    desk.repository.call("PATCH", f"/pulls/{again['number']}", {"state": "closed"})
    assert standing(desk) is Standing.DECLINED
    assert standing(desk) is Standing.DECLINED


def test_a_commit_of_a_person_is_left_alone_until_they_say_otherwise(desk: Desk) -> None:
    number = opened(desk)
    theirs = desk.repository.commit(ADD, "clusters/x", by=desk.repository.gitea.person)
    assert standing(desk) is Standing.NEEDS_HUMAN
    assert desk.labels(number) == {"extcp:needs-human"}
    (comment,) = desk.comments(number)
    assert "/extcp rebase" in comment["body"]
    move_base(desk)
    quiet(desk)
    assert desk.repository.branch(ADD) == theirs
    said = desk.say(number, "/extcp rebase")
    assert standing(desk) is Standing.OPEN
    assert desk.eyes(said)
    assert desk.labels(number) == {"extcp:healthy"}
    assert desk.repository.branch(ADD) != theirs
    (comment,) = desk.comments(number)[:1]
    assert "/extcp rebase" not in comment["body"]
    quiet(desk)


def test_where_the_base_moves_it_is_made_and_proven_anew(desk: Desk) -> None:
    number = opened(desk)
    before = desk.pull()["head"]["sha"]
    base = move_base(desk)
    desk.reconcile()
    pull = desk.pull()
    marker = Marker.of(pull["body"])
    assert marker is not None
    assert (marker.base, marker.head) == (base, pull["head"]["sha"])
    assert pull["head"]["sha"] != before
    assert (desk.status(marker.head) or ("",))[0] == "success"
    assert number == pull["number"]
    quiet(desk)


def test_while_the_mesh_is_not_healthy_the_status_says_so(desk: Desk) -> None:
    number = opened(desk)
    head = desk.pull()["head"]["sha"]
    desk.script.state = State.UNHEALTHY
    desk.reconcile()
    assert (desk.status(head) or ("",))[0] == "failure"
    assert desk.labels(number) == {"extcp:blocked"}
    quiet(desk)
    desk.script.state = State.HEALTHY
    desk.reconcile()
    assert (desk.status(head) or ("",))[0] == "success"
    assert desk.labels(number) == {"extcp:healthy"}
    quiet(desk)


def test_unknown_changes_nothing_until_the_evidence_is_old(desk: Desk) -> None:
    opened(desk)
    head, body = desk.pull()["head"]["sha"], desk.pull()["body"]
    desk.script.state = State.UNKNOWN
    desk.script.candidates = None
    move_base(desk)
    outcome = desk.reconcile()
    assert "candidates: clusters of the test: nobody can look; look" in outcome.troubles
    assert desk.pull()["body"] == body
    assert desk.pull()["head"]["sha"] == head
    desk.script.late = timedelta(hours=7)
    desk.reconcile()
    assert (desk.status(head) or ("",))[0] == "pending"
    assert desk.pull()["state"] == "open"
    again = desk.reconcile()
    assert again.writes == []


def test_old_evidence_is_renewed(desk: Desk) -> None:
    opened(desk)
    before = desk.pull()
    desk.script.late = timedelta(hours=7)
    desk.reconcile()
    after = desk.pull()
    assert after["head"]["sha"] == before["head"]["sha"]
    markers = [Marker.of(each["body"]) for each in (before, after)]
    assert markers[0]
    assert markers[1]
    assert markers[1].proven > markers[0].proven
    quiet(desk)


def test_a_tick_in_the_body_asks_for_a_new_look(desk: Desk) -> None:
    number = opened(desk)
    body = desk.pull()["body"]
    ticked = meshes.replaced(body, "- [ ] <!-- extcp-bot-again", "- [x] <!-- extcp-bot-again")
    desk.repository.call("PATCH", f"/pulls/{number}", {"body": ticked})
    desk.script.late = timedelta(minutes=1)
    desk.reconcile()
    assert "- [x]" not in desk.pull()["body"]
    quiet(desk)


# The end of a candidate


def test_a_candidate_that_is_none_any_more_is_withdrawn_and_may_come_back(desk: Desk) -> None:
    number = opened(desk)
    desk.script.candidates = []
    desk.reconcile()
    assert desk.pull()["state"] == "closed"
    assert desk.labels(number) == {"extcp:withdrawn"}
    (comment,) = desk.comments(number)
    assert "no longer a candidate" in comment["body"]
    quiet(desk)
    desk.script.candidates = [candidate()]
    assert standing(desk) is Standing.OPEN


def test_what_a_person_has_taken_over_stays_open_without_a_label_on_the_cluster(desk: Desk) -> None:
    number = opened(desk)
    theirs = desk.repository.commit(ADD, "clusters/x", by=desk.repository.gitea.person)
    desk.script.candidates = []
    (row,) = desk.reconcile().rows
    assert row.standing is Standing.NEEDS_HUMAN
    assert "no longer a candidate" in row.why
    quiet(desk)
    assert f"needs a person #{number}" in desk.dashboard()["body"]
    assert desk.pull()["state"] == "open"
    assert desk.labels(number) == {"extcp:needs-human"}
    assert desk.repository.branch(ADD) == theirs
    said = desk.say(number, "/extcp rebase")
    desk.reconcile()
    assert desk.eyes(said)
    assert desk.pull()["state"] == "closed"


def test_one_addition_at_a_time(desk: Desk) -> None:
    desk.script.candidates = [candidate("a"), candidate("b")]
    outcome = desk.reconcile()
    assert [row.standing for row in outcome.rows] == [Standing.OPEN, Standing.QUEUED]
    assert desk.pull()["head"]["ref"] == "extcp/add-cluster/a"
    quiet(desk)


def test_what_a_person_asks_for_stays_without_a_label(desk: Desk) -> None:
    desk.reconcile()
    asked = Asked(add=(NewMember(NEW, "network2"),), pause=0)
    outcome = desk.reconcile(asked=asked)
    assert [row.standing for row in outcome.rows] == [Standing.OPEN]
    assert desk.reconcile(asked=asked).writes == []
    desk.reconcile()
    quiet(desk)
    assert desk.pull()["state"] == "open"
    marker = Marker.of(desk.pull()["body"])
    assert marker is not None
    assert marker.inputs["network"] == "network2"
    number = desk.pull()["number"]
    desk.repository.call("PATCH", f"/pulls/{number}", {"state": "closed"})
    desk.reconcile()
    assert len(desk.pulls()) == 1
    desk.reconcile(asked=asked)
    assert len(desk.pulls()) == 2
