"""GitHub, GitHub Enterprise Cloud and Server, for a person's token or an App.

Its quirks: everything about labels and comments goes by the issue that each pull request is, too;
the list of pull requests does not say which were merged but by the time; a merge that was only
tried has a commit as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, Protocol
from urllib.parse import quote

from extcp_bot.forge.fields import Fields, fitting
from extcp_bot.forge.hub import CONFLICT, Hub
from extcp_bot.forge.model import LABEL_COLOR, LABEL_DESCRIPTION, ForgeError
from extcp_gitops.gitremote import Credential

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from extcp_bot.access.model import Secret
    from extcp_bot.forge.http import Http
    from extcp_bot.forge.model import NewPullRequest, PullRequest

_UNPROCESSABLE: Final = 422
_USERNAME: Final = "x-access-token"
_VERSION: Final = "2022-11-28"


class Identity(Protocol):
    """Who the bot is on GitHub."""

    async def token(self) -> Secret:
        """What to show now; made anew before it runs out."""

    async def login(self, http: Http) -> str:
        """The login, as the author of what it writes; ``http`` asks with :meth:`token`."""

    async def close(self) -> None:
        """Give connections of its own back."""


class Person:
    """An account with a token that lasts."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    async def token(self) -> Secret:
        """The token."""
        return self._token

    async def login(self, http: Http) -> str:
        """As GitHub says whose token it is."""
        return Fields(await http.get("/user"), "GET /user").text("login")

    async def close(self) -> None:
        """There is nothing to close."""


async def headers(shown: Secret) -> Mapping[str, str]:
    """What GitHub asks to see in each request.

    Args:
        shown: The token, or the JWT of an App.
    """
    return {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {shown.reveal()}",
        "X-GitHub-Api-Version": _VERSION,
    }


class GitHub(Hub):
    """One repository on GitHub; see :class:`extcp_bot.forge.model.Forge`.

    Args:
        http: Asks its API with the identity's token.
        path: ``OWNER/NAME``.
        identity: Of the bot.
    """

    page: ClassVar = {"per_page": "100"}
    state_field: ClassVar = "state"

    def __init__(self, http: Http, path: str, identity: Identity) -> None:
        super().__init__(http, path)
        self._identity = identity
        self._login = ""

    async def me(self) -> str:
        """The login of the bot's account."""
        if not self._login:
            self._login = await self._identity.login(self._http)
        return self._login

    async def git_credential(self) -> Credential:
        """The token as a password."""
        return Credential(_USERNAME, (await self._identity.token()).reveal())

    async def pull_requests(self, head: str) -> list[PullRequest]:
        """All pull requests from a branch."""
        owner = (await self._full_name()).partition("/")[0]
        found = await self._list_pull_requests(state="all", head=f"{owner}:{head}")
        return [each for each in found if each.head == head]

    async def create_pull_request(self, new: NewPullRequest) -> PullRequest:
        """Make one, then give it its labels."""
        path = await self._at("/pulls")
        labels = await self._labels(new.labels)
        body = {"head": new.head, "base": new.base, "title": new.title, "body": fitting(new.body)}
        try:
            raw = await self._http.write("POST", path, body)
        except ForgeError as error:
            if error.status == _UNPROCESSABLE and "already exists" in error.why:
                error.status = CONFLICT
            raise
        made = self._pull_request(Fields(raw, f"POST {path}"))
        if labels:
            issue = await self._at(f"/issues/{made.number}/labels")
            await self._http.write("POST", issue, {"labels": labels})
        return replace(made, labels=new.labels)

    async def branch(self, name: str) -> str | None:
        """The newest commit of a branch; a renamed one is not followed to its new name."""
        path = await self._at(f"/git/ref/heads/{quote(name)}")
        found = await self._http.find(path)
        if found is None:
            await self.repository()  # it is the branch that is not there
            return None
        return Fields(found, f"GET {path}").inner("object").text("sha")

    async def close(self) -> None:
        """Give the connections back."""
        await super().close()
        await self._identity.close()

    async def _labels(self, names: frozenset[str]) -> Sequence[object]:
        """Their names; GitHub would make a missing one itself, in grey."""
        if names:
            path = await self._at("/labels")
            found = Fields.of_list(await self._http.list(path, self.page), f"GET {path}")
            # GitHub takes two names for one that differ in case alone.
            there = {each.text("name").casefold() for each in found}
            for name in sorted(names):
                if name.casefold() not in there:
                    new = {"name": name, "color": LABEL_COLOR, "description": LABEL_DESCRIPTION}
                    await self._http.write("POST", path, new)
        return sorted(names)

    def _label(self, raw: Fields) -> str:
        return quote(raw.text("name"), safe="")

    def _branch(self, name: str) -> str:
        return f"/git/refs/heads/{quote(name)}"

    def _head(self, raw: Fields) -> str:
        return raw.text("ref")
