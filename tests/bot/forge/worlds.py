"""Each forge with a repository and people, as one thing: what all of them have to do alike."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from extcp_bot.forge.open import open_forge
from extcp_bot.forge.wire import Limits
from extcp_gitops.inventory.model import Forge as Kind
from tests.bot.forge.github_server import GitHubServer
from tests.bot.forge.gitlab_server import GitLabServer
from tests.bot.forge.store import BOT, PERSON, STRANGER, TOKEN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from extcp_bot.forge.model import Forge
    from tests.bot.forge.store import Simulated
    from tests.gitea import Account, Gitea

T = TypeVar("T")

_FILES = itertools.count()
QUICK = Limits(connect=5, request=20, pause=0)


def on(opened: Callable[[], Forge], work: Callable[[Forge], Awaitable[T]]) -> T:
    """What comes of a piece of work with a forge, which is closed after it."""

    async def run() -> T:
        forge = opened()
        try:
            return await work(forge)
        finally:
            await forge.close()

    return asyncio.run(run())


class World(Protocol):
    """A repository on a forge.

    Attributes:
        bot: Login of the bot, which may write.
        person: Login of somebody who may write.
        stranger: Login of somebody who may not.
    """

    bot: str
    person: str
    stranger: str

    def open(self) -> Forge:
        """The repository as the bot sees it."""

    def commit(self, branch: str) -> str:
        """Somebody commits to a branch, which is made where it is not there."""

    def delete(self, branch: str) -> None:
        """Somebody deletes a branch."""

    def merge(self, number: int) -> None:
        """Somebody merges a pull request, and its branch goes."""

    def comment(self, number: int, by: str, body: str) -> int:
        """Somebody comments on a pull request; gives the id."""

    def react(self, number: int, identity: int, by: str) -> None:
        """Somebody looks at a comment with eyes."""

    def propose_from_fork(self, branch: str, by: str) -> int:
        """Somebody opens a pull request from a branch of that name in a fork."""

    def rename_default(self, name: str) -> None:
        """Somebody gives main another name."""

    def archive(self) -> None:
        """Somebody archives the repository."""


class GiteaWorld:
    """A repository on a real Gitea."""

    def __init__(self, gitea: Gitea) -> None:
        self._gitea = gitea
        self.repository = gitea.repository()
        self._people = {each.name: each for each in (gitea.bot, gitea.person, gitea.stranger)}
        self.bot, self.person, self.stranger = self._people

    def open(self, account: Account | None = None) -> Forge:
        """As the bot, or as somebody else."""
        environment = {"EXTCP_FORGE_TOKEN": (account or self._gitea.bot).token}
        url, roots = self.repository.url, self._gitea.roots
        return open_forge(Kind.GITEA, url, environment, roots=roots, limits=QUICK)

    def commit(self, branch: str) -> str:
        """A commit of a new file."""
        return self.repository.commit(branch, f"file-{next(_FILES)}", by=self._gitea.person)

    def delete(self, branch: str) -> None:
        """By the API."""
        self.repository.delete(branch)

    def merge(self, number: int) -> None:
        """By the API."""
        self.repository.merge(number, self._gitea.person)

    def comment(self, number: int, by: str, body: str) -> int:
        """By the API."""
        path = f"/issues/{number}/comments"
        return int(self.repository.call("POST", path, {"body": body}, self._people[by])["id"])

    def react(self, number: int, identity: int, by: str) -> None:
        """By the API."""
        del number
        path = f"/issues/comments/{identity}/reactions"
        self.repository.call("POST", path, {"content": "eyes"}, self._people[by])

    def propose_from_fork(self, branch: str, by: str) -> int:
        """By a fork of somebody's own."""
        who = self._people[by]
        fork = self.repository.path.partition("/")[2]
        self.repository.call("POST", "/forks", {}, who)
        new = {"content": "eAo=", "message": "x", "branch": "main", "new_branch": branch}
        self._gitea.call("POST", f"/repos/{by}/{fork}/contents/forked", new, who)
        pull = {"head": f"{by}:{branch}", "base": "main", "title": "From a fork", "body": ""}
        return int(self.repository.call("POST", "/pulls", pull, who)["number"])

    def rename_default(self, name: str) -> None:
        """By the API."""
        self.repository.call("PATCH", "/branches/main", {"name": name})

    def archive(self) -> None:
        """By the API."""
        self.repository.call("PATCH", "", {"archived": True})


class SimulatedWorld:
    """A repository on a simulated forge."""

    bot, person, stranger = BOT, PERSON, STRANGER

    def __init__(self, kind: Kind, server: Simulated) -> None:
        self._kind = kind
        self.server = server

    def open(self, environment: Mapping[str, str] | None = None) -> Forge:
        """As the bot, or with what the environment says."""
        return open_forge(
            self._kind,
            f"https://127.0.0.1/{self.server.path}.git",
            environment or {"EXTCP_FORGE_TOKEN": TOKEN},
            api_url=self.server.url,
            roots=self.server.roots,
            limits=QUICK,
        )

    def commit(self, branch: str) -> str:
        """A commit."""
        return self.server.commit(branch)

    def delete(self, branch: str) -> None:
        """From the branches."""
        del self.server.branches[branch]

    def merge(self, number: int) -> None:
        """As the store does."""
        self.server.merge(number)
        self.delete(self.server.things["pull", number].head)

    def comment(self, number: int, by: str, body: str) -> int:
        """Into the store."""
        return self.server.say(("pull", number), by, body).identity

    def react(self, number: int, identity: int, by: str) -> None:
        """Into the store."""
        del number
        self.server.notes[identity].reactions.append((by, "eyes"))

    def propose_from_fork(self, branch: str, by: str) -> int:
        """Into the store."""
        origin = f"{by}/{self.server.path.rpartition('/')[2]}"
        return self.server.add("pull", by, head=branch, base="main", origin=origin).number

    def rename_default(self, name: str) -> None:
        """In the store."""
        self.server.branches[name] = self.server.branches.pop("main")
        self.server.default_branch = name

    def archive(self) -> None:
        """In the store."""
        self.server.archived = True


@contextlib.contextmanager
def github(scratch: Path) -> Iterator[tuple[SimulatedWorld, GitHubServer]]:
    """A simulated GitHub until the end of the block."""
    server = GitHubServer(scratch)
    with server.server:
        yield SimulatedWorld(Kind.GITHUB, server), server


@contextlib.contextmanager
def gitlab(scratch: Path) -> Iterator[tuple[SimulatedWorld, GitLabServer]]:
    """A simulated GitLab until the end of the block."""
    server = GitLabServer(scratch)
    with server.server:
        yield SimulatedWorld(Kind.GITLAB, server), server


@contextlib.contextmanager
def world(name: str, gitea: Callable[[], Gitea], scratch: Path) -> Iterator[World]:
    """A forge by its name.

    Args:
        name: ``gitea``, ``github`` or ``gitlab``.
        gitea: Gives the real one.
        scratch: An empty directory.
    """
    if name == "gitea":
        yield GiteaWorld(gitea())
        return
    opened: Any = {"github": github, "gitlab": gitlab}[name]
    with opened(scratch) as (made, _):
        yield made
