"""A real Gitea on a loopback address, with accounts of every role, for tests of what speaks to it.

The same program and configuration as in the testbed (``tests/e2e/testbed/gitea.py``). One for each
worker of pytest; each test takes a repository of its own.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import urllib3

from tests.e2e.testbed import gitea as testbed
from tests.e2e.testbed.pki import Authority
from tests.e2e.testbed.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ADDRESS: Final = "127.0.0.1"
_AUTHORITY: Final = Authority("gitea")
_SCOPES: Final = ("read:user", "read:organization", "write:repository", "write:issue")
_MERGE_SECONDS: Final = 20
# A queue notes each deletion once more: a branch of that name that came before that is in Git, and
# for Gitea it is gone, so that nothing can be merged from it.
_DELETION_SECONDS: Final = 3.0
_NUMBERS: Final = itertools.count(1)


@dataclass(frozen=True)
class Account:
    """A user, and a token for the API and for Git."""

    name: str
    token: str


class Refused(Exception):  # noqa: N818 - it is an answer
    """Gitea answered with an error.

    Attributes:
        status: Of HTTP.
    """

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said}")
        self.status = status


class Gitea:
    """A running Gitea.

    Attributes:
        url: Without a slash at its end.
        roots: PEM file that its certificate is verified against.
        owner: Of the repositories; administrates the server.
        bot: May write to each repository, as much as a bot needs.
        person: May write to each repository.
        stranger: May read each repository, and comment.
    """

    def __init__(self, server: testbed.Gitea, roots: Path) -> None:
        self.url = server.url
        self.roots = roots
        self._pool = urllib3.PoolManager(retries=False, timeout=30, ca_certs=str(roots))
        self._server = server
        self.owner = Account(server.user, self._token(server.user, server.password, "all"))
        self.bot, self.person, self.stranger = map(self.account, ("mesh-bot", "ada", "mallory"))

    def close(self) -> None:
        """Give the connections back."""
        self._pool.clear()

    def account(self, name: str) -> Account:
        """A new user, without any role."""
        password = "only-for-this-test-0123"  # noqa: S105
        new = {"username": name, "email": f"{name}@example.com", "password": password}
        self._server.call("POST", "/admin/users", {**new, "must_change_password": False})
        return Account(name, self._token(name, password))

    def call(self, method: str, path: str, body: object = None, by: Account | None = None) -> Any:  # noqa: ANN401 - JSON
        """One call of the API, by the owner or by somebody else.

        Raises:
            Refused: Gitea says no.
        """
        headers = {"Authorization": f"token {(by or self.owner).token}"}
        response = self._pool.request(
            method, f"{self.url}/api/v1{path}", json=body, headers=headers
        )
        if response.status >= 400:
            raise Refused(response.status, response.data[:500].decode("utf-8", "replace"))
        return response.json() if response.data else None

    def repository(self, name: str = "") -> Repository:
        """A new private repository with one commit on main.

        Args:
            name: Of it; one that is free by default.
        """
        name = name or f"mesh-{next(_NUMBERS)}"
        self.call("POST", "/user/repos", {"name": name, "private": True, "auto_init": True})
        made = Repository(self, f"{self.owner.name}/{name}")
        made.allow(self.bot, "write")
        made.allow(self.person, "write")
        made.allow(self.stranger, "read")
        return made

    def _token(self, name: str, password: str, *scopes: str) -> str:
        """A token that may do what the bot does, and no more, unless scopes say so."""
        response = self._pool.request(
            "POST",
            f"{self.url}/api/v1/users/{name}/tokens",
            json={"name": "test", "scopes": list(scopes or _SCOPES)},
            headers=urllib3.make_headers(basic_auth=f"{name}:{password}"),
        )
        return str(response.json()["sha1"])


@dataclass(frozen=True)
class Repository:
    """A repository on it.

    Attributes:
        gitea: Where it is.
        path: ``OWNER/NAME``.
    """

    gitea: Gitea
    path: str
    _deleted: dict[str, float] = field(default_factory=dict, repr=False, compare=False)

    @property
    def url(self) -> str:
        """For Git and for mesh.yaml."""
        return f"{self.gitea.url}/{self.path}.git"

    def call(self, method: str, path: str, body: object = None, by: Account | None = None) -> Any:  # noqa: ANN401 - JSON
        """One call of the API below the repository; see :meth:`Gitea.call`."""
        return self.gitea.call(method, f"/repos/{self.path}{path}", body, by)

    def allow(self, account: Account, permission: str) -> None:
        """Let somebody in: read, write or admin."""
        self.call("PUT", f"/collaborators/{account.name}", {"permission": permission})

    def branch(self, name: str) -> str | None:
        """The newest commit of a branch."""
        with contextlib.suppress(Refused):
            return str(self.call("GET", f"/branches/{quote(name)}")["commit"]["id"])
        return None

    def commit(
        self, branch: str, file: str, content: str = "x\n", by: Account | None = None
    ) -> str:
        """Add a file to a branch, which is made from main where it is not there.

        Returns:
            The commit.
        """
        new: dict[str, object] = {"content": base64.b64encode(content.encode()).decode()}
        new |= {"message": f"Add {file}"}
        is_there = self.branch(branch) is not None
        if not is_there and branch in self._deleted:
            time.sleep(max(self._deleted[branch] + _DELETION_SECONDS - time.monotonic(), 0))
        new |= {"branch": branch} if is_there else {"branch": "main", "new_branch": branch}
        return str(self.call("POST", f"/contents/{quote(file)}", new, by)["commit"]["sha"])

    def delete(self, branch: str) -> None:
        """Delete a branch."""
        self.call("DELETE", f"/branches/{quote(branch)}")
        self._deleted[branch] = time.monotonic()

    def pull_request(self, branch: str, title: str = "A change", by: Account | None = None) -> int:
        """Open a pull request from a branch to main; gives its number."""
        new = {"head": branch, "base": "main", "title": title, "body": ""}
        return int(self.call("POST", "/pulls", new, by)["number"])

    def merge(self, number: int, by: Account | None = None, *, delete_branch: bool = True) -> None:
        """Merge a pull request."""

        def merged() -> bool:
            try:
                self.call("POST", f"/pulls/{number}/merge", {"Do": "merge"}, by)
            except Refused as error:
                # 405: it is still found out whether there is a conflict. 404: the branch is called
                # like one before it; then Gitea says so at times once it has merged.
                if error.status not in (404, 405):
                    raise
            return bool(self.call("GET", f"/pulls/{number}")["merged"])

        wait_for(f"pull request {number} merged", merged, _MERGE_SECONDS, every=0.1)
        if delete_branch:
            # Not by the merge itself, which says 404 more often then.
            with contextlib.suppress(Refused):
                self.delete(self.call("GET", f"/pulls/{number}")["head"]["ref"])


@contextlib.contextmanager
def running(base: Path) -> Iterator[Gitea]:
    """Serve until the end of the block.

    Args:
        base: An empty directory.
    """
    roots = base / "roots.pem"
    roots.write_text(_AUTHORITY.root)
    with socket.create_server((_ADDRESS, 0)) as free:
        port = free.getsockname()[1]
    server = testbed.Gitea(
        base, _AUTHORITY, host=_ADDRESS, address=_ADDRESS, port=port, roots=roots
    )
    try:
        server.wait_ready()
        made = Gitea(server, roots)
        yield made
        made.close()
    finally:
        server.close()
