"""Gitea, and Forgejo, which speaks the same API.

Its quirks: pull requests are not to be found by branch, so all are read; labels are given by id; a
branch that was deleted still names its pull request, in its label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from extcp_bot.forge.fields import Fields, fitting
from extcp_bot.forge.hub import MISSING, Hub
from extcp_bot.forge.model import LABEL_COLOR, LABEL_DESCRIPTION, ForgeError
from extcp_gitops.gitremote import Credential

if TYPE_CHECKING:
    from extcp_bot.access.model import Secret
    from extcp_bot.forge.http import Http
    from extcp_bot.forge.model import NewPullRequest, PullRequest

_FORBIDDEN = 403


class Gitea(Hub):
    """One repository on a Gitea or Forgejo; see :class:`extcp_bot.forge.model.Forge`.

    Args:
        http: Asks its API, ``https://HOST/api/v1``, with the token.
        path: ``OWNER/NAME``.
        token: Of the bot's account.
    """

    page: ClassVar = {"limit": "50"}
    issues_alone: ClassVar = {"type": "issues"}
    state_field: ClassVar = "status"

    def __init__(self, http: Http, path: str, token: Secret) -> None:
        super().__init__(http, path)
        self._token = token
        self._login = ""

    async def me(self) -> str:
        """The login of the bot's account."""
        if not self._login:
            self._login = Fields(await self._http.get("/user"), "GET /user").text("login")
        return self._login

    async def git_credential(self) -> Credential:
        """The token as a password."""
        return Credential(await self.me(), self._token.reveal())

    async def pull_requests(self, head: str) -> list[PullRequest]:
        """All pull requests from a branch."""
        everything = await self._list_pull_requests(state="all")
        return [each for each in everything if each.head == head]

    async def create_pull_request(self, new: NewPullRequest) -> PullRequest:
        """Make one, its labels with it."""
        path = await self._at("/pulls")
        body = {
            "head": new.head,
            "base": new.base,
            "title": new.title,
            "body": fitting(new.body),
            "labels": await self._labels(new.labels),
        }
        made = await self._http.write("POST", path, body)
        return self._pull_request(Fields(made, f"POST {path}"))

    async def may_write(self, login: str) -> bool:
        """Whether somebody may push, or, where the bot is told no more, may be assigned.

        What people may do is told to administrators of the repository, which the bot need not be.
        Whoever may push can be assigned, and so can members of a team that may write pull requests:
        these can close and edit the bot's, too.
        """
        try:
            return await super().may_write(login)
        except ForgeError as error:
            if error.status != _FORBIDDEN:
                raise
        path = await self._at("/assignees")
        found = Fields.of_list(await self._http.get(path), f"GET {path}")
        return login.lower() in {each.text("login").lower() for each in found}

    async def branch(self, name: str) -> str | None:
        """The newest commit of a branch."""
        path = await self._at(self._branch(name))
        found = await self._http.find(path)
        if found is None:
            await self.repository()  # it is the branch that is not there
            return None
        return Fields(found, f"GET {path}").inner("commit").text("id")

    async def _labels(self, names: frozenset[str]) -> list[object]:
        """Their ids; those of an organization count, too."""
        if not names:
            return []
        path = await self._at("/labels")
        ids = await self._ids_at(path)
        if names - ids.keys():
            owner = (await self._full_name()).partition("/")[0]
            ids = await self._ids_at(f"/orgs/{quote(owner)}/labels") | ids
        for name in sorted(names - ids.keys()):
            new = {"name": name, "color": f"#{LABEL_COLOR}", "description": LABEL_DESCRIPTION}
            made = await self._http.write("POST", path, new)
            ids[name] = Fields(made, f"POST {path}").number("id")
        return [ids[name] for name in sorted(names)]

    async def _ids_at(self, path: str) -> dict[str, int]:
        try:
            found = await self._http.list(path, self.page)
        except ForgeError as error:
            if error.status == MISSING:  # a person has no labels, an organization does
                return {}
            raise
        return {each.text("name"): each.number("id") for each in Fields.of_list(found, path)}

    def _label(self, raw: Fields) -> str:
        return str(raw.number("id"))

    def _branch(self, name: str) -> str:
        return f"/branches/{quote(name)}"

    def _head(self, raw: Fields) -> str:
        return raw.text("label")  # for its reference is refs/pull/N/head once it was deleted
