from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.forge.model import CommitState, ForgeError, NewPullRequest
from extcp_bot.forge.open import open_forge
from extcp_gitops.gitremote import Remote
from extcp_gitops.inventory.model import Forge as Kind
from tests.bot.forge.worlds import QUICK, GiteaWorld, on

if TYPE_CHECKING:
    from pathlib import Path

    from extcp_bot.forge.model import Forge
    from tests.gitea import Gitea

BRANCH = "extcp/add-cluster/cluster-2"


@pytest.fixture
def world(gitea: Gitea) -> GiteaWorld:
    return GiteaWorld(gitea)


def new(*labels: str) -> NewPullRequest:
    return NewPullRequest(BRANCH, "main", "A title", "body", frozenset(labels))


def test_git_gets_in_with_the_credential(
    world: GiteaWorld, gitea: Gitea, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "https")
    commit = world.commit(BRANCH)
    credential = on(world.open, lambda forge: forge.git_credential())
    remote = Remote(world.repository.url, credential, gitea.roots)
    clone = remote.clone(tmp_path / "clone", BRANCH)
    assert clone.resolve("HEAD") == commit


def test_labels_beyond_the_first_page_are_not_made_again(world: GiteaWorld) -> None:
    for number in range(60):
        world.repository.call("POST", "/labels", {"name": f"label-{number}", "color": "#aabbcc"})
    world.commit(BRANCH)
    labels = new("label-0", "label-59", "extra")
    made = on(world.open, lambda forge: forge.create_pull_request(labels))
    assert made.labels == labels.labels
    names = [
        each["name"]
        for page in (1, 2)
        for each in world.repository.call("GET", f"/labels?limit=50&page={page}")
    ]
    assert sorted(names) == sorted([*(f"label-{number}" for number in range(60)), "extra"])


def test_the_labels_of_an_organization_are_used(gitea: Gitea) -> None:
    gitea.call("POST", "/orgs", {"username": "guild"})
    gitea.call("POST", "/orgs/guild/labels", {"name": "extcp:add", "color": "#aabbcc"})
    gitea.call("POST", "/orgs/guild/repos", {"name": "fleet", "auto_init": True})
    world = GiteaWorld(gitea)
    world.repository = replace(world.repository, path="guild/fleet")
    world.repository.allow(gitea.bot, "write")
    world.repository.allow(gitea.person, "write")
    world.commit(BRANCH)
    made = on(world.open, lambda forge: forge.create_pull_request(new("extcp:add")))
    assert made.labels == {"extcp:add"}
    assert world.repository.call("GET", "/labels") == []


def test_a_renamed_repository_is_read_and_written_by_its_old_url(world: GiteaWorld) -> None:
    world.commit(BRANCH)
    name = world.repository.path.partition("/")[2]
    world.repository.call("PATCH", "", {"name": f"{name}-renamed"})

    async def work(forge: Forge) -> None:
        made = await forge.create_pull_request(new("extcp:add"))
        assert [each.number for each in await forge.pull_requests(BRANCH)] == [made.number]
        assert "renamed" in (await forge.repository()).url

    on(world.open, work)


@pytest.mark.parametrize("role", ["write", "admin"])
def test_the_bot_knows_who_may_write_whether_it_administrates_or_not(
    world: GiteaWorld, gitea: Gitea, role: str
) -> None:
    world.repository.allow(gitea.bot, role)

    async def work(forge: Forge) -> None:
        assert not await forge.may_write(gitea.stranger.name)
        assert not await forge.may_write("nobody-of-that-name")
        for account in (gitea.owner, gitea.bot, gitea.person):
            assert await forge.may_write(account.name)

    on(world.open, work)


def test_a_reader_cannot_push_and_is_told(world: GiteaWorld, gitea: Gitea) -> None:
    commit = world.commit(BRANCH)

    async def work(forge: Forge) -> None:
        assert not (await forge.repository()).can_push
        with pytest.raises(ForgeError, match="may not do that"):
            await forge.set_status(commit, "extcp/validate", CommitState.PENDING, "x")

    on(lambda: world.open(gitea.stranger), work)


@pytest.mark.parametrize(
    ("token", "status"), [("0" * 40, 401), ("not-a-token-of-gitea", 401)], ids=["old", "foreign"]
)
def test_a_token_that_is_none_is_refused(
    world: GiteaWorld, gitea: Gitea, token: str, status: int
) -> None:
    with pytest.raises(ForgeError) as caught:
        on(lambda: world.open(replace(gitea.bot, token=token)), lambda forge: forge.repository())
    assert caught.value.status == status
    assert token not in caught.value.why


def test_a_repository_out_of_reach_is_an_error_and_no_missing_branch(
    world: GiteaWorld, gitea: Gitea
) -> None:
    outsider = gitea.account("outsider")
    for work in (
        lambda forge: forge.branch(BRANCH),
        lambda forge: forge.pull_requests(BRANCH),
        lambda forge: forge.may_write("ada"),
    ):
        with pytest.raises(ForgeError, match="does not reach it"):
            on(lambda: world.open(outsider), work)


def test_a_certificate_of_somebody_else_is_not_trusted(world: GiteaWorld, gitea: Gitea) -> None:
    def opened() -> Forge:
        environment = {"EXTCP_FORGE_TOKEN": gitea.bot.token}
        return open_forge(Kind.GITEA, world.repository.url, environment, limits=QUICK)

    with pytest.raises(ForgeError, match="its certificate is not trusted"):
        on(opened, lambda forge: forge.me())
