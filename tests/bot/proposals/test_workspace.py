from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_bot.proposals import kinds
from extcp_bot.proposals.policy import Documents, Policy
from extcp_bot.proposals.workspace import Workspace
from extcp_gitops.errors import ExtcpError
from extcp_gitops.generate import Options
from extcp_gitops.gitremote import Remote
from extcp_gitops.inventory.author import NewCluster
from tests import gitrepo, meshes, repositories

if TYPE_CHECKING:
    from pathlib import Path

NEW = kinds.add_cluster(NewCluster("remote-cluster-3"), "external-istiod")


class Place:
    """A bare repository with a mesh, and a person's clone of it."""

    def __init__(self, base: Path, istioctl: Path, cache: Path) -> None:
        self.base = base
        self.bare = gitrepo.bare(base / "mesh.git")
        self.person = base / "person"
        self.options = Options(istioctl=istioctl)
        repositories.create(self.person, meshes.mesh(), istioctl, cache)
        repositories.commit(self.person)
        self.push("main")
        self.number = 0

    def push(self, branch: str) -> str:
        refs = f"HEAD:refs/heads/{branch}"
        gitrepo.git(self.person, "push", "--quiet", "--force", str(self.bare), refs)
        return gitrepo.git(self.person, "rev-parse", "HEAD").strip()

    def clone(self) -> Workspace:
        self.number += 1
        scratch = self.base / f"scratch-{self.number}"
        scratch.mkdir()
        return Workspace.clone(Remote(str(self.bare)), "main", scratch, Policy(), self.options)


@pytest.fixture
def place(tmp_path: Path, istioctl_path: Path, render_cache: Path) -> Place:
    return Place(tmp_path, istioctl_path, render_cache)


def test_the_same_proposal_on_the_same_base_is_the_same_commit(place: Place) -> None:
    first, second = place.clone().make(NEW), place.clone().make(NEW)
    assert first.commit == second.commit
    assert first.base == gitrepo.git(place.person, "rev-parse", "HEAD").strip()
    diff, why = first.diff()
    assert (diff is None) == bool(why)


def test_two_proposals_know_nothing_of_each_other(place: Place) -> None:
    workspace = place.clone()
    workspace.make(NEW)
    other = workspace.make(kinds.remove_cluster("remote-cluster-2", "external-istiod"))
    assert not (other.repository.root / "clusters/remote-cluster-3").exists()
    assert not (workspace.root / "clusters/remote-cluster-3").exists()


def test_whose_branch_it_is(place: Place) -> None:
    workspace = place.clone()
    assert workspace.look(NEW.branch) is None
    made = workspace.make(NEW)
    workspace.push(made, NEW.branch, None)
    found = workspace.look(NEW.branch)
    assert found is not None
    assert (found.sha, found.is_ours) == (made.commit, True)
    gitrepo.git(place.person, "fetch", "--quiet", str(place.bare), NEW.branch)
    gitrepo.git(place.person, "switch", "--quiet", "--detach", "FETCH_HEAD")
    gitrepo.git(place.person, "commit", "--quiet", "--allow-empty", "--message=Mine")
    theirs = place.push(NEW.branch)
    found = workspace.look(NEW.branch)
    assert found is not None
    assert (found.sha, found.is_ours) == (theirs, False)


@pytest.mark.parametrize("how", ["--amend", "--allow-empty"])
def test_a_commit_of_the_bots_that_a_person_made_anew_is_theirs(place: Place, how: str) -> None:
    workspace = place.clone()
    workspace.push(workspace.make(NEW), NEW.branch, None)
    gitrepo.git(place.person, "fetch", "--quiet", str(place.bare), NEW.branch)
    gitrepo.git(place.person, "switch", "--quiet", "--detach", "FETCH_HEAD")
    gitrepo.git(place.person, "commit", "--quiet", how, "--message=Changed")
    place.push(NEW.branch)
    found = workspace.look(NEW.branch)
    assert found is not None
    assert not found.is_ours


def test_a_branch_without_anything_new_is_free(place: Place) -> None:
    place.push(NEW.branch)
    found = place.clone().look(NEW.branch)
    assert found is not None
    assert found.is_ours


def test_a_history_that_has_nothing_to_do_with_the_base_is_somebodys(place: Place) -> None:
    gitrepo.git(place.person, "switch", "--quiet", "--orphan", "other")
    gitrepo.git(place.person, "commit", "--quiet", "--allow-empty", "--message=x")
    place.push(NEW.branch)
    found = place.clone().look(NEW.branch)
    assert found is not None
    assert not found.is_ours


def test_a_push_over_what_nobody_has_seen_is_refused(place: Place) -> None:
    workspace = place.clone()
    made = workspace.make(NEW)
    workspace.push(made, NEW.branch, None)
    gitrepo.git(place.person, "commit", "--quiet", "--allow-empty", "--message=x")
    place.push(NEW.branch)
    with pytest.raises(ExtcpError, match="EXTCP-G035"):
        workspace.push(workspace.make(NEW), NEW.branch, made.base)


def test_nothing_to_change_is_an_error(place: Place) -> None:
    nothing = kinds.credential("a", "b", Documents("external-secret"), {})
    with pytest.raises(ExtcpError, match="EXTCP-B040"):
        place.clone().make(nothing)


def test_what_was_touched_since_a_commit_that_is_known(place: Place) -> None:
    before = gitrepo.git(place.person, "rev-parse", "HEAD").strip()
    gitrepo.write(place.person, {"clusters/x/cluster.yaml": "a: 1\n"})
    gitrepo.git(place.person, "add", "--all")
    gitrepo.git(place.person, "commit", "--quiet", "--message=x")
    place.push("main")
    workspace = place.clone()
    assert workspace.touched_since(before) == frozenset({"clusters/x/cluster.yaml"})
    assert workspace.touched_since("f" * 40) is None
    assert workspace.touched_since("") is None


def test_a_file_on_a_branch(place: Place) -> None:
    workspace = place.clone()
    path = "clusters/remote-cluster-3/cluster.yaml"
    assert workspace.file_on(NEW.branch, path) is None
    workspace.push(workspace.make(NEW), NEW.branch, None)
    assert b"kind: Cluster" in (workspace.file_on(NEW.branch, path) or b"")
    assert workspace.file_on(NEW.branch, "missing") is None
