from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from extcp_bot.forge.model import CommitState, ForgeError, NewPullRequest, PullRequestState
from tests.bot.forge import worlds
from tests.bot.forge.github_server import GitHubServer
from tests.bot.forge.store import BOT, PERSON, Fault
from tests.bot.forge.worlds import on

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_bot.forge.model import Forge
    from tests.bot.forge.worlds import SimulatedWorld

BRANCH = "extcp/add-cluster/cluster-2"
NEW = NewPullRequest(BRANCH, "main", "A title", "body", frozenset({"extcp:add"}))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[SimulatedWorld]:
    with worlds.github(tmp_path) as (made, server):
        server.commit(BRANCH)
        yield made


@pytest.fixture
def server(world: SimulatedWorld) -> GitHubServer:
    assert isinstance(world.server, GitHubServer)
    return world.server


def test_lists_are_read_to_the_end(world: SimulatedWorld, server: GitHubServer) -> None:
    for number in range(5):
        server.add("pull", BOT, head=f"b{number}", base="main", origin=server.path)
    found = on(world.open, lambda forge: forge.open_pull_requests())
    assert [each.head for each in found] == ["b4", "b3", "b2", "b1", "b0"]
    assert len([each for each in server.server.requests if "/pulls" in each]) == 3


def test_one_head_is_asked_for(world: SimulatedWorld, server: GitHubServer) -> None:
    on(world.open, lambda forge: forge.pull_requests(BRANCH))
    assert any("head=mesh%3Aextcp%2Fadd-cluster" in each for each in server.server.requests)


def test_a_rate_limit_is_kept_and_nothing_asked_until_then(
    world: SimulatedWorld, server: GitHubServer
) -> None:
    server.faults.append(Fault("GET", "/pulls", 429, {"message": "x"}, {"Retry-After": "17"}))

    async def work(forge: Forge) -> None:
        await forge.repository()
        with pytest.raises(ForgeError) as caught:
            await forge.open_pull_requests()
        assert (caught.value.status, caught.value.retry_after) == (429, 17)
        asked = len(server.server.requests)
        with pytest.raises(ForgeError, match="was asked too much") as again:
            await forge.create_pull_request(NEW)
        assert again.value.retry_after is not None
        assert 0 < again.value.retry_after <= 17
        assert len(server.server.requests) == asked

    on(world.open, work)


@pytest.mark.parametrize(
    ("said", "headers", "wait"),
    [
        ("You have exceeded a secondary rate limit. Please wait.", {}, 60),
        ("You have exceeded a secondary rate limit.", {"Retry-After": "30"}, 30),
        (
            "API rate limit exceeded for user ID 7.",
            {
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": "1767323090",
                "Date": "Fri, 02 Jan 2026 03:04:05 GMT",
            },
            45,
        ),
    ],
    ids=["secondary, untold", "secondary", "primary"],
)
def test_a_403_can_be_a_rate_limit(
    world: SimulatedWorld, server: GitHubServer, said: str, headers: dict[str, str], wait: int
) -> None:
    server.faults.append(Fault("POST", "/pulls$", 403, {"message": said}, headers))
    with pytest.raises(ForgeError) as caught:
        on(world.open, lambda forge: forge.create_pull_request(NEW))
    assert (caught.value.status, caught.value.retry_after) == (403, wait)


def test_a_403_that_is_none_is_no_reason_to_wait(
    world: SimulatedWorld, server: GitHubServer
) -> None:
    said = {"message": "Resource not accessible by personal access token"}
    server.faults.append(Fault("POST", "/pulls$", 403, said))

    async def work(forge: Forge) -> None:
        with pytest.raises(ForgeError, match="may not do that") as caught:
            await forge.create_pull_request(NEW)
        assert caught.value.retry_after is None
        await forge.create_pull_request(NEW)

    on(world.open, work)


def test_a_404_for_want_of_permission_is_no_missing_branch(
    world: SimulatedWorld, server: GitHubServer
) -> None:
    async def work(forge: Forge) -> None:
        await forge.repository()
        server.invisible = True
        for ask in (
            forge.branch(BRANCH),
            forge.may_write(PERSON),
            forge.pull_requests(BRANCH),
            forge.issues("x"),
        ):
            with pytest.raises(ForgeError, match="does not reach it"):
                await ask

    on(world.open, work)


def test_a_failure_after_the_work_is_an_error_and_is_not_tried_again(
    world: SimulatedWorld, server: GitHubServer
) -> None:
    server.faults.append(Fault("POST", "/pulls$", 500, {"message": "Server Error"}, is_late=True))

    async def work(forge: Forge) -> None:
        with pytest.raises(ForgeError, match="it may have done") as caught:
            await forge.create_pull_request(NEW)
        assert caught.value.status == 500
        (found,) = await forge.pull_requests(BRANCH)
        assert found.title == "A title"

    on(world.open, work)
    assert len([each for each in server.writes if each.endswith("/pulls")]) == 1


def test_what_a_late_failure_left_out_is_made_up_for(
    world: SimulatedWorld, server: GitHubServer
) -> None:
    server.faults.append(Fault("POST", "/issues/1/labels", 502))

    async def work(forge: Forge) -> None:
        with pytest.raises(ForgeError):
            await forge.create_pull_request(NEW)
        (found,) = await forge.pull_requests(BRANCH)
        assert found.labels == frozenset()
        await forge.edit_pull_request(found.number, add_labels=NEW.labels)
        assert (await forge.pull_request(found.number)).labels == NEW.labels

    on(world.open, work)


def test_a_head_that_does_not_exist_is_no_conflict(
    world: SimulatedWorld, server: GitHubServer
) -> None:
    del server.branches[BRANCH]
    with pytest.raises(ForgeError) as caught:
        on(world.open, lambda forge: forge.create_pull_request(NEW))
    assert caught.value.status == 422


def test_a_renamed_repository_is_read_and_written_by_its_new_name(
    world: SimulatedWorld, server: GitHubServer
) -> None:
    server.renamed_from, now = server.path, "mesh/fleet-2"

    async def work(forge: Forge) -> None:
        server.path = now
        made = await forge.create_pull_request(NEW)
        assert made.head == BRANCH
        assert [each.number for each in await forge.pull_requests(BRANCH)] == [made.number]

    on(world.open, work)
    assert "POST /repos/mesh/fleet-2/pulls" in server.writes


def test_a_repository_that_is_renamed_meanwhile_takes_no_write_by_its_old_name(
    world: SimulatedWorld, server: GitHubServer
) -> None:
    async def work(forge: Forge) -> None:
        await forge.repository()
        server.renamed_from, server.path = server.path, "mesh/fleet-2"
        with pytest.raises(ForgeError, match="has moved"):
            await forge.comment(await forge.pull_request(number), "x")
        await forge.repository()
        await forge.comment(await forge.pull_request(number), "x")

    number = server.add("pull", BOT, head=BRANCH, base="main", origin=server.path).number
    on(world.open, work)


def test_labels_that_differ_in_case_alone_are_one(
    world: SimulatedWorld, server: GitHubServer
) -> None:
    server.labels["Extcp:Dashboard"] = {"name": "Extcp:Dashboard"}

    async def work(forge: Forge) -> None:
        made = await forge.create_issue("Fleet", "", frozenset({"extcp:dashboard"}))
        (found,) = await forge.issues("extcp:dashboard")
        assert found.number == made.number

    on(world.open, work)
    assert list(server.labels) == ["Extcp:Dashboard"]


def test_labels_are_made_with_a_colour(world: SimulatedWorld, server: GitHubServer) -> None:
    on(world.open, lambda forge: forge.create_pull_request(NEW))
    assert server.labels["extcp:add"]["color"] == "1d76db"
    assert server.labels["extcp:add"]["description"]


def test_labels_go_before_others_come(world: SimulatedWorld, server: GitHubServer) -> None:
    """So that whoever is stopped in between does not take the last one for the end."""
    pull = server.add("pull", BOT, head=BRANCH, base="main", origin=server.path, labels={"a"})
    server.faults.append(Fault("POST", "/issues/1/labels", 500))

    async def work(forge: Forge) -> None:
        with contextlib.suppress(ForgeError):
            await forge.edit_pull_request(
                pull.number, add_labels=frozenset({"b"}), remove_labels=frozenset({"a"})
            )

    for there in (set(), {"b"}):
        on(world.open, work)
        assert pull.labels == there


def test_accounts_and_forks_that_are_gone_leave_ghosts(
    world: SimulatedWorld, server: GitHubServer
) -> None:
    number = server.add("pull", "", head=BRANCH, base="main", origin="").number
    server.say(("pull", number), "", "boo")

    async def work(forge: Forge) -> None:
        (found,) = await forge.open_pull_requests()
        assert (found.author, found.head) == ("ghost", f":{BRANCH}")
        assert [each.author for each in await forge.comments(found)] == ["ghost"]

    on(world.open, work)


def test_an_open_one_has_no_merge_although_one_was_tried(
    world: SimulatedWorld, server: GitHubServer
) -> None:
    server.add("pull", BOT, head=BRANCH, base="main", origin=server.path)
    (found,) = on(world.open, lambda forge: forge.pull_requests(BRANCH))
    assert found.state is PullRequestState.OPEN
    assert found.merge_sha is None


def test_nothing_odd_is_sent(world: SimulatedWorld, server: GitHubServer) -> None:
    """A branch, a login or a commit is a part of a path, whatever it holds."""

    async def work(forge: Forge) -> None:
        assert not await forge.may_write("../../../user?x=1#y")
        assert await forge.branch("a b?c#d%2e") is None
        await forge.set_status("main/../x", "c", CommitState.ERROR, "d")

    with pytest.raises(ForgeError):
        on(world.open, work)
    assert "GET /repos/mesh/fleet/collaborators/..%2F..%2F..%2Fuser%3Fx%3D1%23y/permission" in (
        server.server.requests
    )
    assert "GET /repos/mesh/fleet/git/ref/heads/a%20b%3Fc%23d%252e" in server.server.requests
