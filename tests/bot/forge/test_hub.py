"""Whatever a forge answers, a call gives what it promises or a ForgeError, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from extcp_bot.forge.model import CommitState, ForgeError, NewPullRequest
from tests.bot.forge import worlds
from tests.bot.forge.store import BOT, PERSON
from tests.bot.forge.worlds import on

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from aiohttp import web

    from extcp_bot.forge.model import Forge
    from tests.bot.forge.worlds import SimulatedWorld

BRANCH = "extcp/add-cluster/cluster-2"
LABELS = frozenset({"extcp:add"})
NONSENSE: list[Any] = [None, 7, [[]], {"x": 1}, "2026-13-45T00:00:00Z"]


@pytest.fixture(params=["github", "gitlab"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SimulatedWorld]:
    opened: Any = {"github": worlds.github, "gitlab": worlds.gitlab}[request.param]
    with opened(tmp_path) as (made, server):
        commit = server.commit(BRANCH)
        server.page = 100
        pull = server.add("pull", BOT, head=BRANCH, base="main", origin=server.path, labels={"a"})
        issue = server.add("issue", BOT, labels={"a"})
        for kind, number in (("pull", pull.number), ("issue", issue.number)):
            note = server.say((kind, number), PERSON, "text")
            note.reactions.append((PERSON, "eyes"))
        server.labels["a"] = {"id": 1, "name": "a"}
        status = {"id": 1, "name": "c", "context": "c", "status": "failed", "state": "failure"}
        server.statuses.append((commit, {**status, "description": "", "created_at": server.now()}))
        yield made


async def every_call(forge: Forge, commit: str) -> list[Callable[[], Awaitable[Any]]]:
    (pull,), (issue,) = await forge.open_pull_requests(), await forge.issues("a")
    (comment,) = await forge.comments(pull)
    new = NewPullRequest("other", "main", "A title", "body", LABELS)
    identity = comment.identity
    return [
        forge.me,
        forge.git_credential,
        forge.repository,
        forge.open_pull_requests,
        lambda: forge.pull_requests(BRANCH),
        lambda: forge.pull_request(pull.number),
        lambda: forge.create_pull_request(new),
        lambda: forge.edit_pull_request(pull.number, title="t", add_labels=LABELS),
        lambda: forge.edit_pull_request(pull.number, remove_labels=frozenset({"a"})),
        lambda: forge.close_pull_request(pull.number),
        lambda: forge.comments(pull),
        lambda: forge.comments(issue),
        lambda: forge.comment(pull, "x"),
        lambda: forge.edit_comment(pull, identity, "x"),
        lambda: forge.acknowledge(pull, identity),
        lambda: forge.is_acknowledged(pull, identity),
        lambda: forge.may_write(PERSON),
        lambda: forge.status(commit, "c"),
        lambda: forge.set_status(commit, "c", CommitState.PENDING, "d"),
        lambda: forge.issues("a"),
        lambda: forge.create_issue("t", "b", LABELS),
        lambda: forge.edit_issue(issue.number, body="x", is_open=True),
        lambda: forge.branch(BRANCH),
    ]


def wrong(said: Any, place: int, nonsense: Any) -> Any:  # noqa: ANN401 - JSON
    """The answer with nonsense in one place: all of it, or a field of each object."""
    if place == 0:
        return nonsense
    if isinstance(said, list):
        return [wrong(each, place, nonsense) for each in said]
    if isinstance(said, dict) and said:
        name = sorted(said)[place % len(said)]
        return {**said, name: nonsense}
    return nonsense


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_no_answer_is_more_than_an_error(world: SimulatedWorld, nonsense: object) -> None:
    commit = world.server.branches[BRANCH]

    async def work(forge: Forge) -> None:
        refused: list[ForgeError] = []
        calls = await every_call(forge, commit)
        for place in range(14):

            def twist(_: web.Request, said: Any, place: int = place) -> Any:  # noqa: ANN401 - JSON
                return wrong(said, place, nonsense)

            world.server.server.twist = twist
            for call in calls:
                try:
                    await call()
                except ForgeError as error:
                    refused.append(error)
        assert len(refused) > 40
        assert all(error.why and error.remedy for error in refused)

    on(world.open, work)
