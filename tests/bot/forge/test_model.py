"""What every forge does alike, one test for each promise of the Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_bot.forge.model import (
    MAX_BODY,
    CommitState,
    ForgeError,
    NewPullRequest,
    PullRequestState,
)
from tests.bot.forge.worlds import on

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from extcp_bot.forge.model import Forge, PullRequest
    from tests.bot.forge.worlds import World

BRANCH = "extcp/add-cluster/cluster-2"
LABELS = frozenset({"extcp:healthy", "extcp:add"})
HOSTILE = "@everyone closes #1 <!-- x --> <b onload=y> \x1b[31m ü\n\n```\n/api/v1\n```\n\\/x"


def propose(forge: Forge, branch: str = BRANCH, body: str = "body") -> Awaitable[PullRequest]:
    return forge.create_pull_request(NewPullRequest(branch, "main", "A title", body, LABELS))


def test_the_bot_knows_itself(world: World) -> None:
    async def work(forge: Forge) -> None:
        assert await forge.me() == world.bot
        credential = await forge.git_credential()
        assert credential.username
        assert len(credential.password) > 20
        assert credential.password not in repr(credential)

    on(world.open, work)


def test_the_repository_says_what_it_is_called_and_whether_it_can_be_written(world: World) -> None:
    found = on(world.open, lambda forge: forge.repository())
    assert found.default_branch == "main"
    assert found.can_push
    assert not found.archived
    assert found.url.startswith("https://")


def test_a_default_branch_that_was_renamed_is_told(world: World) -> None:
    world.rename_default("trunk")
    assert on(world.open, lambda forge: forge.repository()).default_branch == "trunk"


def test_an_archived_repository_says_so_and_refuses(world: World) -> None:
    async def work(forge: Forge) -> None:
        found = await forge.repository()
        assert found.archived
        assert not found.can_push
        with pytest.raises(ForgeError) as caught:
            await propose(forge)
        assert caught.value.status in {403, 423}
        assert caught.value.remedy

    world.commit(BRANCH)
    world.archive()
    on(world.open, work)


def test_a_pull_request_comes_back_as_it_was_made(world: World) -> None:
    commit = world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        made = await propose(forge, body=HOSTILE)
        (listed,) = await forge.pull_requests(BRANCH)
        (opened,) = await forge.open_pull_requests()
        assert made == listed == opened == await forge.pull_request(made.number)
        assert made.state is PullRequestState.OPEN
        assert (made.head, made.head_sha, made.base) == (BRANCH, commit, "main")
        assert (made.title, made.body, made.labels) == ("A title", HOSTILE, LABELS)
        assert made.author == world.bot
        assert made.merge_sha is None

    on(world.open, work)


def test_a_second_one_from_the_same_branch_is_a_conflict(world: World) -> None:
    world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        await propose(forge)
        with pytest.raises(ForgeError) as caught:
            await propose(forge)
        assert caught.value.status == 409

    on(world.open, work)


def test_a_closed_and_a_merged_one_are_told_apart_when_their_branches_are_gone(
    world: World,
) -> None:
    async def work(forge: Forge) -> None:
        world.commit(BRANCH)
        closed = (await propose(forge)).number
        await forge.close_pull_request(closed)
        world.delete(BRANCH)
        world.commit(BRANCH)
        merged = (await propose(forge)).number
        world.merge(merged)
        newest, oldest = await forge.pull_requests(BRANCH)
        assert (newest.number, newest.state) == (merged, PullRequestState.MERGED)
        assert (oldest.number, oldest.state) == (closed, PullRequestState.CLOSED)
        assert newest.merge_sha == await forge.branch("main")
        assert oldest.merge_sha is None
        assert newest.changed >= oldest.changed >= oldest.created
        assert await forge.open_pull_requests() == []

    on(world.open, work)


def test_pull_requests_of_other_branches_are_not_among_them(world: World) -> None:
    async def work(forge: Forge) -> None:
        for number in range(3):
            world.commit(f"{BRANCH}{number}")
            await propose(forge, f"{BRANCH}{number}")
        assert [each.head for each in await forge.pull_requests(f"{BRANCH}1")] == [f"{BRANCH}1"]
        assert await forge.pull_requests(BRANCH) == []
        opened = await forge.open_pull_requests()
        assert [each.head for each in opened] == [f"{BRANCH}{number}" for number in (2, 1, 0)]

    on(world.open, work)


def test_a_fork_cannot_pass_for_the_bots_branch(world: World) -> None:
    number = world.propose_from_fork(BRANCH, world.stranger)

    async def work(forge: Forge) -> None:
        assert await forge.pull_requests(BRANCH) == []
        (opened,) = await forge.open_pull_requests()
        assert opened.number == number
        assert opened.head != BRANCH
        assert opened.head.endswith(f":{BRANCH}")
        assert opened.author == world.stranger

    on(world.open, work)


def test_only_what_is_given_is_edited(world: World) -> None:
    world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        number = (await propose(forge)).number
        await forge.edit_pull_request(number, body="other\n/merge")
        edited = await forge.pull_request(number)
        assert (edited.title, edited.body, edited.labels) == ("A title", "other\n/merge", LABELS)
        await forge.edit_pull_request(
            number,
            title="Another title",
            add_labels=frozenset({"extcp:stale"}),
            remove_labels=frozenset({"extcp:healthy", "never-there"}),
        )
        edited = await forge.pull_request(number)
        assert edited.title == "Another title"
        assert edited.labels == {"extcp:add", "extcp:stale"}

    on(world.open, work)


def test_comments_come_in_their_order_and_are_edited_in_place(world: World) -> None:
    world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        pull = await propose(forge)
        own = await forge.comment(pull, "first")
        other = world.comment(pull.number, world.stranger, HOSTILE.replace("\\/x", ""))
        for number in range(3):
            await forge.comment(pull, f"more {number}")
        await forge.edit_comment(pull, own.identity, HOSTILE)
        comments = await forge.comments(pull)
        assert [each.identity for each in comments[:2]] == [own.identity, other]
        assert [each.author for each in comments[:2]] == [world.bot, world.stranger]
        assert comments[0].body == HOSTILE
        assert [each.body for each in comments[2:]] == ["more 0", "more 1", "more 2"]
        assert own.created <= comments[-1].created

    on(world.open, work)


def test_a_comment_of_a_megabyte_is_cut(world: World) -> None:
    world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        pull = await propose(forge)
        world.comment(pull.number, world.stranger, "x" * 1_000_000)
        (found,) = await forge.comments(pull)
        assert len(found.body) == MAX_BODY

    on(world.open, work)


def test_a_text_that_is_too_long_is_not_sent(world: World) -> None:
    world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        with pytest.raises(ForgeError, match="more than the 65536"):
            await propose(forge, body="x" * (MAX_BODY + 1))
        assert await forge.open_pull_requests() == []

    on(world.open, work)


def test_only_the_bots_own_eyes_acknowledge(world: World) -> None:
    world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        pull = await propose(forge)
        identity = world.comment(pull.number, world.person, "/extcp recheck")
        world.react(pull.number, identity, world.person)
        assert not await forge.is_acknowledged(pull, identity)
        await forge.acknowledge(pull, identity)
        await forge.acknowledge(pull, identity)
        assert await forge.is_acknowledged(pull, identity)

    on(world.open, work)


def test_who_may_write_is_told(world: World) -> None:
    async def work(forge: Forge) -> None:
        assert await forge.may_write(world.person)
        assert not await forge.may_write(world.stranger)
        assert not await forge.may_write("nobody-of-that-name")
        assert not await forge.may_write("../../main")

    on(world.open, work)


def test_the_newest_status_of_each_context_is_told(world: World) -> None:
    commit = world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        assert await forge.status(commit, "extcp/validate") is None
        for state in CommitState:
            await forge.set_status(
                commit, "extcp/validate", state, f"now {state}", "https://x.example"
            )
            await forge.set_status(commit, f"other/{state}", state, "")
            found = await forge.status(commit, "extcp/validate")
            assert found is not None
            assert (found.state, found.description) == (state, f"now {state}")
        await forge.set_status(commit, "extcp/validate", CommitState.SUCCESS, "ü" * 500)
        found = await forge.status(commit, "extcp/validate")
        assert found is not None
        assert found.description == "ü" * 139 + "…"

    on(world.open, work)


def test_a_state_may_be_said_twice(world: World) -> None:
    commit = world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        for state in (CommitState.PENDING, CommitState.FAILURE):
            await forge.set_status(commit, "extcp/validate", state, "same")
            await forge.set_status(commit, "extcp/validate", state, "same")
            found = await forge.status(commit, "extcp/validate")
            assert found is not None
            assert found.state is state

    on(world.open, work)


def test_issues_are_found_by_their_label(world: World) -> None:
    world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        assert await forge.issues("extcp:dashboard") == []
        await propose(forge)  # which has a label, and is no issue
        label = frozenset({"extcp:dashboard", "extcp:add"})
        made = [await forge.create_issue(f"Issue {n}", HOSTILE, label) for n in range(3)]
        await forge.create_issue("Other", "", frozenset({"other"}))
        await forge.edit_issue(made[0].number, is_open=False)
        await forge.edit_issue(made[1].number, body="new\nbody")
        found = await forge.issues("extcp:dashboard")
        assert [each.number for each in found] == [each.number for each in reversed(made)]
        assert [each.is_open for each in found] == [True, True, False]
        assert [each.body for each in found] == [HOSTILE, "new\nbody", HOSTILE]
        assert (found[0].author, found[0].labels) == (world.bot, label)
        assert {each.title for each in await forge.issues("extcp:add")} == {
            each.title for each in made
        }
        await forge.edit_issue(made[0].number, is_open=True)
        assert all(each.is_open for each in await forge.issues("extcp:dashboard"))
        await forge.comment(made[0], "a comment")
        assert [each.body for each in await forge.comments(made[0])] == ["a comment"]

    on(world.open, work)


def test_a_branch_is_known_by_its_newest_commit(world: World) -> None:
    world.commit(BRANCH)
    after = world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        assert await forge.branch("extcp/none") is None
        assert await forge.branch(BRANCH) == after

    on(world.open, work)


def test_what_is_not_there_is_an_error_that_says_both(world: World) -> None:
    async def work(forge: Forge) -> None:
        with pytest.raises(ForgeError, match="not there, or the token does not reach it") as caught:
            await forge.pull_request(4711)
        assert caught.value.status == 404

    on(world.open, work)


def test_a_closed_forge_opens_again(world: World) -> None:
    async def work(forge: Forge) -> None:
        assert await forge.branch("main")
        await forge.close()
        assert await forge.branch("main")

    on(world.open, work)
