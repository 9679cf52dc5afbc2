"""What follows a merge, and pull requests that take out, remove and pin."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from extcp_bot.checks import all_checks
from extcp_bot.checks.model import State
from extcp_bot.credentials.model import Outcome
from extcp_bot.forge.model import PullRequest, PullRequestState
from extcp_bot.joining.model import Stage
from extcp_bot.proposals import kinds
from extcp_bot.proposals.asked import Asked
from extcp_bot.proposals.case import Standing
from extcp_bot.proposals.writes import Deliver, TakeAway
from extcp_gitops.errors import ExitCode, ExtcpError
from extcp_gitops.generate import generate
from extcp_gitops.inventory.author import NewCluster
from extcp_gitops.inventory.load import load_directory
from tests import gitrepo, meshes, repositories
from tests.bot.proposals import desk as desks
from tests.bot.proposals.retold import retell
from tests.bot.proposals.script import ADD, NEW, candidate

if TYPE_CHECKING:
    from extcp_gitops.inventory.model import Inventory
    from tests.bot.proposals.desk import Desk

LATER = timedelta(minutes=31)
REVERT = f"extcp/revert/{NEW}"
PLANE = "external-istiod"
PIN = Asked(pin=(PLANE,), pause=0)


def merged(desk: Desk, *progress: tuple[Stage, State]) -> int:
    """Have an addition merged; gives its number."""
    desk.script.candidates = [candidate()]
    desk.script.progress = list(progress)
    desk.reconcile()
    number = int(desk.pull()["number"])
    desk.repository.merge(number)
    return number


def inventory(desk: Desk) -> Inventory:
    """That of main."""
    desks.fetch(desk.root, desk.repository, "main")
    gitrepo.git(desk.root, "reset", "--quiet", "--hard", "FETCH_HEAD")
    return load_directory(desk.root).inventory


def quiet(desk: Desk) -> None:
    assert [str(write) for write in desk.reconcile().writes] == []


def test_a_cluster_is_followed_stage_by_stage_in_one_comment(desk: Desk) -> None:
    number = merged(
        desk,
        (Stage.SYNCED, State.UNHEALTHY),
        (Stage.CREDENTIAL, State.UNHEALTHY),
        (Stage.PROVEN, State.HEALTHY),
    )
    (row,) = desk.reconcile().rows
    assert (row.standing, row.number) == (Standing.MERGED, number)
    planned = desk.reconcile(dry_run=True)
    assert Deliver(NEW) in planned.writes
    assert desk.script.acts == []
    acted = desk.reconcile()
    assert Deliver(NEW) in acted.writes
    assert desk.script.acts == [NEW]
    desk.reconcile()
    (comment,) = desk.comments(number)
    assert "Proven in the mesh" in comment["body"]
    quiet(desk)


def test_what_was_explained_stays_explained_after_the_merge(desk: Desk) -> None:
    desk.script.candidates = [candidate()]
    desk.reconcile()
    number = int(desk.pull()["number"])
    desk.say(number, "/extcp explain EXTCP-H06")
    desk.reconcile()
    desk.repository.merge(number)
    desk.reconcile()
    (_, comment) = desk.comments(number)
    assert "Proven in the mesh" in comment["body"]
    assert all_checks()["EXTCP-H06"].title in comment["body"]


def still_open(pull: PullRequest) -> PullRequest:
    """As a forge has it that has not noticed a merge yet (``locked`` on GitLab)."""
    is_merged = pull.state is PullRequestState.MERGED
    return replace(pull, state=PullRequestState.OPEN, merge_sha=None) if is_merged else pull


@pytest.mark.parametrize("listed", ["", ADD])
def test_a_merge_that_the_forge_is_slow_to_call_one_is_followed_all_the_same(
    desk: Desk, listed: str
) -> None:
    number = merged(desk, (Stage.PROVEN, State.HEALTHY))
    retell(desk, still_open, listed)
    for _ in range(2):
        (row,) = desk.reconcile().rows
        assert (row.standing, row.number) == (Standing.MERGED, number)
        assert row.why == "merged; the forge does not say so yet"
    quiet(desk)
    assert desk.labels(number) == {"extcp:healthy"}
    retell(desk, lambda pull: pull)
    desk.reconcile()
    assert desk.labels(number) == {"extcp:proven"}
    quiet(desk)


def test_an_addition_that_somebody_else_made_is_withdrawn(desk: Desk) -> None:
    desk.script.candidates = [candidate()]
    desk.reconcile()
    number = desk.pull()["number"]
    generate(desk.root, desk.options, kinds.add_cluster(NewCluster(NEW), PLANE).edit)
    repositories.commit(desk.root)
    desks.push(desk.root, desk.repository, "main")
    desk.reconcile()
    assert desk.pull()["state"] == "closed"
    assert desk.labels(number) == {"extcp:withdrawn"}
    desk.reconcile()
    quiet(desk)


def test_while_one_is_on_its_way_no_other_one_is_opened(desk: Desk) -> None:
    merged(desk, (Stage.REGISTRY, State.UNHEALTHY))
    assert desk.script.candidates is not None
    desk.script.candidates.append(candidate("remote-cluster-4"))
    rows = {row.name: row.standing for row in desk.reconcile().rows}
    assert rows == {NEW: Standing.MERGED, "remote-cluster-4": Standing.QUEUED}
    desk.script.progress = [(Stage.PROVEN, State.HEALTHY)]
    rows = {row.name: row.standing for row in desk.reconcile().rows}
    assert rows == {"remote-cluster-4": Standing.OPEN}


@pytest.mark.parametrize("state", [State.UNHEALTHY, State.UNKNOWN])
def test_a_proof_that_fails_in_time_opens_a_revert(desk: Desk, state: State) -> None:
    merged(desk, (Stage.REGISTRY, state))
    desk.reconcile()
    assert len(desk.pulls()) == 1
    desk.script.late = LATER
    desk.reconcile()
    assert len(desk.pulls()) == (2 if state is State.UNHEALTHY else 1)


def test_a_revert_takes_out_what_was_added_and_nothing_is_offered_again(desk: Desk) -> None:
    tree = gitrepo.git(desk.root, "rev-parse", "HEAD^{tree}")
    merged(desk, (Stage.REGISTRY, State.UNHEALTHY))
    desk.script.late = LATER
    desk.reconcile()
    revert = desk.pulls()[0]
    assert revert["head"]["ref"] == REVERT
    assert "`EXTCP-H05 secret-shape`" in revert["body"]
    quiet(desk)
    desk.repository.merge(revert["number"])
    assert NEW not in inventory(desk).by_name
    assert gitrepo.git(desk.root, "rev-parse", "HEAD^{tree}") == tree
    desk.script.leaves = [Outcome.WAITING, Outcome.REMOVED]
    outcome = desk.reconcile()
    standings = {row.branch: row.standing for row in outcome.rows}
    assert standings[f"extcp/add-cluster/{NEW}"] is Standing.DECLINED
    assert TakeAway(NEW) in desk.reconcile().writes
    assert desk.labels(revert["number"]) == {"extcp:gone"}
    quiet(desk)
    assert len(desk.pulls()) == 2


def test_a_cluster_that_is_proven_late_needs_no_revert(desk: Desk) -> None:
    merged(desk, (Stage.REGISTRY, State.UNHEALTHY))
    desk.script.late = LATER
    desk.reconcile()
    desk.script.progress = [(Stage.PROVEN, State.HEALTHY)]
    desk.reconcile()
    revert = desk.pulls()[0]
    assert revert["state"] == "closed"
    assert "proven in the mesh by now" in desk.comments(revert["number"])[0]["body"]
    quiet(desk)


# Credentials in Git


def test_a_credential_for_git_is_a_second_pull_request_in_its_turn(desk: Desk) -> None:
    desk.script.documents = True
    merged(desk, (Stage.NAMESPACE, State.UNHEALTHY), (Stage.CREDENTIAL, State.UNHEALTHY))
    desk.reconcile()
    assert len(desk.pulls()) == 1
    desk.reconcile()
    (second, _) = desk.pulls()
    assert second["head"]["ref"] == f"extcp/credential/{NEW}"
    assert desk.script.acts == []
    quiet(desk)
    head = desk.repository.branch(f"extcp/credential/{NEW}")
    quiet(desk)
    assert desk.repository.branch(f"extcp/credential/{NEW}") == head
    desk.repository.merge(second["number"])
    assert inventory(desk).by_name[NEW].credential
    desk.script.progress = [(Stage.PROVEN, State.HEALTHY)]
    desk.reconcile()
    quiet(desk)


def test_a_credential_for_git_that_was_closed_is_not_offered_again(desk: Desk) -> None:
    desk.script.documents = True
    merged(desk, (Stage.CREDENTIAL, State.UNHEALTHY))
    desk.reconcile()
    number = desk.pulls()[0]["number"]
    desk.repository.call("PATCH", f"/pulls/{number}", {"state": "closed"})
    desk.repository.call("DELETE", f"/branches/extcp%2Fcredential%2F{NEW}")
    desk.reconcile()
    quiet(desk)
    assert len(desk.pulls()) == 2


def test_a_cluster_whose_credential_awaits_review_has_not_failed(desk: Desk) -> None:
    desk.script.documents = True
    merged(desk, (Stage.CREDENTIAL, State.UNHEALTHY))
    desk.script.late = LATER
    desk.reconcile()
    desk.reconcile()
    (second, _) = desk.pulls()
    assert second["head"]["ref"] == f"extcp/credential/{NEW}"
    assert len(desk.pulls()) == 2


def test_from_the_merge_of_its_credential_a_cluster_has_all_the_time(desk: Desk) -> None:
    desk.script.documents = True
    first = merged(desk, (Stage.CREDENTIAL, State.UNHEALTHY))
    desk.reconcile()
    desk.repository.merge(desk.pulls()[0]["number"])
    desk.script.progress = [(Stage.REGISTRY, State.UNHEALTHY)]

    def say(pull: PullRequest) -> PullRequest:
        return replace(pull, changed=pull.changed - LATER) if pull.number == first else pull

    retell(desk, say)
    desk.reconcile()
    assert len(desk.pulls()) == 2
    desk.script.late = LATER
    desk.reconcile()
    assert desk.pulls()[0]["head"]["ref"] == REVERT


def test_a_cluster_whose_credential_was_declined_fails_in_the_end(desk: Desk) -> None:
    desk.script.documents = True
    merged(desk, (Stage.CREDENTIAL, State.UNHEALTHY))
    desk.reconcile()
    desk.repository.call("PATCH", f"/pulls/{desk.pulls()[0]['number']}", {"state": "closed"})
    desk.reconcile()
    assert len(desk.pulls()) == 2
    desk.script.late = LATER
    desk.reconcile()
    assert desk.pulls()[0]["head"]["ref"] == REVERT


# Removals


def test_a_cluster_that_is_drained_may_be_removed(desk: Desk) -> None:
    asked = Asked(remove=("remote-cluster-2",), pause=0)
    desk.script.state = State.UNHEALTHY
    (row,) = desk.reconcile(asked=asked).rows
    assert row.standing is Standing.UNHEALTHY
    assert desk.pulls() == []
    desk.script.state = State.HEALTHY
    (row,) = desk.reconcile(asked=asked).rows
    assert row.standing is Standing.OPEN
    desk.reconcile()
    quiet(desk)
    number = desk.pull()["number"]
    desk.repository.merge(number)
    assert "remote-cluster-2" not in inventory(desk).by_name
    desk.script.leaves = [Outcome.WAITING, Outcome.REMOVED, Outcome.UNCHANGED]
    desk.reconcile()
    assert "goes last" in desk.comments(number)[0]["body"]
    assert TakeAway("remote-cluster-2") in desk.reconcile().writes
    assert desk.script.left == ["remote-cluster-2"]
    quiet(desk)


def test_what_cannot_be_removed_is_said(desk: Desk) -> None:
    with pytest.raises(ExtcpError, match="EXTCP-I030"):
        desk.reconcile(asked=Asked(remove=("remote-cluster-1",)))
    with pytest.raises(ExtcpError, match="EXTCP-I015"):
        desk.reconcile(asked=Asked(remove=("remote-cluster-9",)))


# Roots


def test_the_root_of_a_self_signed_control_plane_is_proposed_once_it_is_there(desk: Desk) -> None:
    assert desk.reconcile().rows == []
    desk.script.roots = {PLANE: meshes.certificate()}
    (row,) = desk.reconcile().rows
    assert (row.kind, row.standing) == ("pinned root", Standing.OPEN)
    quiet(desk)
    desk.repository.merge(desk.pull()["number"])
    plane = inventory(desk).control_planes[PLANE]
    assert plane.ca.root_certificate == meshes.certificate()
    desk.reconcile()
    quiet(desk)


def changed_root(desk: Desk) -> None:
    """Have a root pinned, and another one published."""
    desk.script.roots = {PLANE: meshes.certificate()}
    desk.reconcile()
    desk.repository.merge(desk.pull()["number"])
    desk.script.roots = {PLANE: meshes.certificate("Another Root")}


def test_a_root_that_has_changed_is_never_followed_silently(desk: Desk) -> None:
    changed_root(desk)
    outcome = desk.reconcile()
    assert "--pin-root" in outcome.warnings[0]
    assert "is not the one that is pinned" in desk.dashboard()["body"]
    assert len(desk.pulls()) == 1
    quiet(desk)


def test_a_changed_root_that_a_person_wants_pinned_stays_proposed_until_it_is(desk: Desk) -> None:
    changed_root(desk)
    (row,) = desk.reconcile(asked=PIN).rows
    assert row.standing is Standing.OPEN
    desk.reconcile()
    quiet(desk)
    desk.repository.commit("main", "clusters/remote-cluster-1/custom/note")
    desk.reconcile()
    (pull,) = desk.pulls("open")
    desk.repository.merge(pull["number"])
    plane = inventory(desk).control_planes[PLANE]
    assert plane.ca.root_certificate == meshes.certificate("Another Root")
    assert not desk.reconcile().warnings
    quiet(desk)


def test_a_root_that_changes_again_is_not_pinned_until_a_person_says_so_again(desk: Desk) -> None:
    changed_root(desk)
    desk.reconcile(asked=PIN)
    (pull,) = desk.pulls("open")
    desk.script.roots = {PLANE: meshes.certificate("A Third Root")}
    (row,) = desk.reconcile().rows
    assert row.standing is Standing.OPEN
    assert "does not publish the root any more" in row.why
    (blocked,) = desk.pulls("open")
    assert blocked["head"]["sha"] == pull["head"]["sha"]
    assert "does not publish the root any more" in blocked["body"]
    assert desk.labels(pull["number"]) == {"extcp:blocked"}
    assert (desk.status(pull["head"]["sha"]) or ("",))[0] == "failure"
    quiet(desk)
    desk.reconcile(asked=PIN)
    desk.reconcile()
    quiet(desk)
    (renewed,) = desk.pulls("open")
    assert renewed["head"]["sha"] != pull["head"]["sha"]
    assert desk.labels(pull["number"]) == {"extcp:healthy"}


def test_a_pin_that_somebody_else_made_is_withdrawn(desk: Desk) -> None:
    desk.script.roots = {PLANE: meshes.certificate()}
    desk.reconcile(asked=PIN)
    number = desk.pull()["number"]
    generate(desk.root, desk.options, kinds.pin_root(PLANE, meshes.certificate()).edit)
    repositories.commit(desk.root)
    desks.push(desk.root, desk.repository, "main")
    desk.reconcile()
    assert desk.pull()["state"] == "closed"
    assert desk.labels(number) == {"extcp:withdrawn"}
    quiet(desk)


@pytest.mark.parametrize(
    ("root", "code"),
    [("no certificate", "EXTCP-I021"), (meshes.certificate(days=1), "EXTCP-I032")],
    ids=["text", "expired"],
)
def test_a_root_that_is_none_is_refused(desk: Desk, root: str, code: str) -> None:
    desk.script.roots = {PLANE: root}
    outcome = desk.reconcile()
    assert outcome.rows == []
    (trouble,) = outcome.troubles
    assert f"root of {PLANE}: " in trouble
    with pytest.raises(ExtcpError, match=code):
        desk.reconcile(asked=PIN)


# The forge


def test_a_repository_in_the_archive_is_an_error_with_a_remedy(desk: Desk) -> None:
    desk.repository.call("PATCH", "", {"archived": True})
    with pytest.raises(ExtcpError, match="EXTCP-B041") as caught:
        desk.reconcile()
    assert caught.value.exit_code is ExitCode.FINDINGS


def test_a_base_that_was_renamed_is_an_error_with_a_remedy(desk: Desk) -> None:
    desk.repository.call("PATCH", "/branches/main", {"name": "trunk"})
    with pytest.raises(ExtcpError, match=r"EXTCP-B043.*its default branch is trunk"):
        desk.reconcile()


def test_an_account_that_may_not_push_is_an_error_with_a_remedy(desk: Desk) -> None:
    desk.repository.allow(desk.repository.gitea.bot, "read")
    with pytest.raises(ExtcpError, match="EXTCP-B042"):
        desk.reconcile()
