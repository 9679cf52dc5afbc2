from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_bot.forge.model import CommitState, ForgeError, NewPullRequest, PullRequestState
from tests.bot.forge import worlds
from tests.bot.forge.gitlab_server import GitLabServer
from tests.bot.forge.store import BOT, PERSON, STRANGER, Fault
from tests.bot.forge.worlds import on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.forge.model import Forge
    from tests.bot.forge.worlds import SimulatedWorld

BRANCH = "extcp/add-cluster/cluster-2"
ACTIONS = "text\n/close\n/Merge now\n\\/label ~x\r\n/rebase\r/close\n```\n/close\n```"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SimulatedWorld]:
    with worlds.gitlab(tmp_path) as (made, server):
        server.commit(BRANCH)
        yield made


@pytest.fixture
def server(world: SimulatedWorld) -> GitLabServer:
    assert isinstance(world.server, GitLabServer)
    return world.server


def new(body: str = "body") -> NewPullRequest:
    return NewPullRequest(BRANCH, "main", "A title", body, frozenset({"extcp:add"}))


def test_no_text_of_the_bot_is_a_command(world: SimulatedWorld, server: GitLabServer) -> None:
    sent = ACTIONS.replace("\r", "")

    async def work(forge: Forge) -> None:
        made = await forge.create_pull_request(new(ACTIONS))
        assert made.body == sent
        await forge.edit_pull_request(made.number, body=ACTIONS)
        assert (await forge.pull_request(made.number)).body == sent
        comment = await forge.comment(made, ACTIONS)
        await forge.edit_comment(made, comment.identity, ACTIONS)
        assert [each.body for each in await forge.comments(made)] == [sent]
        issue = await forge.create_issue("Fleet", ACTIONS, frozenset({"x"}))
        await forge.edit_issue(issue.number, body=ACTIONS)
        assert [each.body for each in await forge.issues("x")] == [sent]

    on(world.open, work)
    assert server.obeyed == []


def test_pages_are_followed_where_a_proxy_takes_the_links_away(
    world: SimulatedWorld, server: GitLabServer
) -> None:
    server.links = False
    for number in range(5):
        server.add("pull", BOT, head=f"b{number}", base="main", origin=server.path)
    found = on(world.open, lambda forge: forge.open_pull_requests())
    assert [each.number for each in found] == [5, 4, 3, 2, 1]


def test_an_issue_and_a_merge_request_of_one_number_are_two(
    world: SimulatedWorld, server: GitLabServer
) -> None:
    async def work(forge: Forge) -> None:
        pull = await forge.create_pull_request(new())
        issue = await forge.create_issue("Fleet", "", frozenset({"x"}))
        assert pull.number == issue.number == 1
        on_pull = await forge.comment(pull, "on the merge request")
        on_issue = await forge.comment(issue, "on the issue")
        assert [each.identity for each in await forge.comments(pull)] == [on_pull.identity]
        assert [each.identity for each in await forge.comments(issue)] == [on_issue.identity]
        await forge.acknowledge(issue, on_issue.identity)
        await forge.edit_issue(issue.number, is_open=False)
        assert (await forge.pull_request(1)).state is PullRequestState.OPEN

    on(world.open, work)
    assert any("/issues/1/notes/" in each for each in server.writes)


def test_events_and_reviews_are_no_comments(world: SimulatedWorld, server: GitLabServer) -> None:
    number = server.add("pull", BOT, head=BRANCH, base="main", origin=server.path).number
    for kind in ("", "system", "DiffNote", "DiscussionNote"):
        server.say(("pull", number), PERSON, kind or "plain", kind)

    async def work(forge: Forge) -> None:
        comments = await forge.comments(await forge.pull_request(number))
        assert [each.body for each in comments] == ["plain", "DiscussionNote"]

    on(world.open, work)


def test_a_fast_forward_has_its_head_for_a_merge(
    world: SimulatedWorld, server: GitLabServer
) -> None:
    pull = server.add("pull", BOT, head=BRANCH, base="main", origin=server.path)
    pull.state, pull.ended = "merged", server.now()
    (found,) = on(world.open, lambda forge: forge.pull_requests(BRANCH))
    assert found.merge_sha == found.head_sha == server.branches[BRANCH]


def test_one_that_is_being_merged_is_still_open(
    world: SimulatedWorld, server: GitLabServer
) -> None:
    server.add("pull", BOT, head=BRANCH, base="main", origin=server.path).state = "locked"
    (found,) = on(world.open, lambda forge: forge.pull_requests(BRANCH))
    assert found.state is PullRequestState.OPEN


def test_a_state_that_nobody_knows_is_an_error(world: SimulatedWorld, server: GitLabServer) -> None:
    server.add("pull", BOT, head=BRANCH, base="main", origin=server.path).state = "gone"
    with pytest.raises(ForgeError, match="no state of the right type"):
        on(world.open, lambda forge: forge.pull_requests(BRANCH))


def test_a_refused_status_that_is_not_there_is_an_error(
    world: SimulatedWorld, server: GitLabServer
) -> None:
    said = {"message": "Cannot transition status via :enqueue from :running"}
    server.faults.append(Fault("POST", "/statuses/", 400, said))
    commit = server.branches[BRANCH]
    with pytest.raises(ForgeError, match="Cannot transition") as caught:
        on(world.open, lambda forge: forge.set_status(commit, "c", CommitState.PENDING, "d"))
    assert caught.value.status == 400


def test_a_status_of_another_branch_with_the_commit_does_not_hide_the_newest(
    world: SimulatedWorld, server: GitLabServer
) -> None:
    commit = server.branches[BRANCH]
    for identity, state in ((3, "success"), (9, "failed"), (5, "running")):
        job = {"id": identity, "name": "c", "status": state, "description": None}
        server.statuses.append((commit, {**job, "created_at": server.now()}))
    found = on(world.open, lambda forge: forge.status(commit, "c"))
    assert found is not None
    assert (found.state, found.description) == (CommitState.FAILURE, "")


@pytest.mark.parametrize(
    ("level", "state", "may"),
    [("write", "active", True), ("write", "awaiting", False), ("read", "active", False)],
    ids=["developer", "not yet in", "reporter"],
)
def test_who_may_write_is_a_developer(
    world: SimulatedWorld, server: GitLabServer, level: str, state: str, *, may: bool
) -> None:
    server.members[STRANGER] = level
    number = server.ids[STRANGER]
    rights = {"access_level": {"write": 30, "read": 20}[level], "state": state}
    server.faults.append(Fault("GET", f"/members/all/{number}", 200, rights))
    assert on(world.open, lambda forge: forge.may_write(STRANGER)) is may


def test_the_failure_of_a_repeated_write_is_seen_for_what_it_is(
    world: SimulatedWorld, server: GitLabServer
) -> None:
    server.faults.append(Fault("POST", "/merge_requests$", 502, is_late=True))

    async def work(forge: Forge) -> None:
        with pytest.raises(ForgeError, match="it may have done"):
            await forge.create_pull_request(new())
        with pytest.raises(ForgeError, match="Another open merge request") as caught:
            await forge.create_pull_request(new())
        assert caught.value.status == 409
        (found,) = await forge.pull_requests(BRANCH)
        assert found.labels == {"extcp:add"}

    on(world.open, work)


def test_too_many_requests_are_waited_for(world: SimulatedWorld, server: GitLabServer) -> None:
    headers = {"Retry-After": "7", "RateLimit-Reset": "1767323090"}
    server.faults.append(Fault("GET", "/merge_requests", 429, "Retry later", headers))
    with pytest.raises(ForgeError) as caught:
        on(world.open, lambda forge: forge.open_pull_requests())
    assert (caught.value.status, caught.value.retry_after) == (429, 7)


def test_the_project_is_known_by_its_number(world: SimulatedWorld, server: GitLabServer) -> None:
    async def work(forge: Forge) -> None:
        await forge.repository()
        server.path = "mesh/elsewhere/fleet"
        assert await forge.branch(BRANCH) == server.branches[BRANCH]
        await forge.create_pull_request(new())

    on(world.open, work)
