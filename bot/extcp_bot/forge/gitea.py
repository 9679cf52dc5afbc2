"""Gitea, and Forgejo, which speaks the same API.

Its quirks: pull requests are not to be found by branch, so all are read; a label that does not
exist filters nothing; labels are given by id; a branch that was deleted is still in the label of
its pull request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from extcp_bot.forge.fields import Fields, fitting, short
from extcp_bot.forge.model import (
    LABEL_COLOR,
    LABEL_DESCRIPTION,
    Comment,
    CommitState,
    CommitStatus,
    ForgeError,
    Issue,
    PullRequest,
    PullRequestState,
    Repository,
)
from extcp_gitops.gitremote import Credential

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.access.model import Secret
    from extcp_bot.forge.http import Http
    from extcp_bot.forge.model import NewPullRequest

_PAGE: Final = "50"
_EYES: Final = "eyes"
_MISSING: Final = 404
_CONFLICT: Final = 409
_FORBIDDEN: Final = 403
_WRITERS: Final = frozenset({"owner", "admin", "write"})
_STATES: Final = {
    **{state.value: state for state in CommitState},
    "warning": CommitState.FAILURE,
}


class Gitea:
    """One repository on a Gitea or Forgejo; see :class:`extcp_bot.forge.model.Forge`.

    Args:
        http: Asks its API, ``https://HOST/api/v1``, with the token.
        path: ``OWNER/NAME``.
        token: Of the bot's account.
    """

    def __init__(self, http: Http, path: str, token: Secret) -> None:
        self._http = http
        self._path = path
        self._token = token
        self._name = ""
        self._login = ""

    async def me(self) -> str:
        """The login of the bot's account."""
        if not self._login:
            self._login = Fields(await self._http.get("/user"), "GET /user").text("login")
        return self._login

    async def git_credential(self) -> Credential:
        """The token as a password."""
        return Credential(await self.me(), self._token.reveal())

    async def repository(self) -> Repository:
        """The repository, whatever it is called by now."""
        asked = f"/repos/{quote(self._path)}"
        found = Fields(await self._http.get(asked), f"GET {asked}")
        self._name = found.text("full_name")
        archived = found.flag("archived")
        may_push = found.has("permissions") and found.inner("permissions").flag("push")
        return Repository(
            default_branch=found.text("default_branch"),
            archived=archived,
            can_push=may_push and not archived,
            url=found.text("html_url"),
        )

    async def pull_requests(self, head: str) -> list[PullRequest]:
        """All pull requests from a branch."""
        return [each for each in await self._pull_requests("all") if each.head == head]

    async def open_pull_requests(self) -> list[PullRequest]:
        """All open pull requests."""
        return await self._pull_requests("open")

    async def pull_request(self, number: int) -> PullRequest:
        """One pull request."""
        path = await self._at(f"/pulls/{number}")
        return self._pull_request(Fields(await self._http.get(path), f"GET {path}"))

    async def create_pull_request(self, new: NewPullRequest) -> PullRequest:
        """Make one, its labels with it."""
        body = {
            "head": new.head,
            "base": new.base,
            "title": new.title,
            "body": fitting(new.body),
            "labels": list((await self._label_ids(new.labels)).values()),
        }
        path = await self._at("/pulls")
        made = await self._http.write("POST", path, body)
        return self._pull_request(Fields(made, f"POST {path}"))

    async def edit_pull_request(
        self,
        number: int,
        *,
        title: str | None = None,
        body: str | None = None,
        add_labels: frozenset[str] = frozenset(),
        remove_labels: frozenset[str] = frozenset(),
    ) -> None:
        """Change what is given."""
        changed = {"title": title, "body": None if body is None else fitting(body)}
        if given := {name: text for name, text in changed.items() if text is not None}:
            await self._http.write("PATCH", await self._at(f"/pulls/{number}"), given)
        labels = await self._at(f"/issues/{number}/labels")
        if add_labels:
            ids = list((await self._label_ids(add_labels)).values())
            await self._http.write("POST", labels, {"labels": ids})
        if remove_labels:
            for each in Fields.of_list(await self._http.get(labels), f"GET {labels}"):
                if each.text("name") in remove_labels:
                    await self._http.write("DELETE", f"{labels}/{each.number('id')}", {})

    async def close_pull_request(self, number: int) -> None:
        """Close without a merge."""
        path = await self._at(f"/pulls/{number}")
        await self._http.write("PATCH", path, {"state": "closed"})

    async def comments(self, on: PullRequest | Issue) -> list[Comment]:
        """What was said; Gitea gives all of it at once."""
        path = await self._at(f"/issues/{on.number}/comments")
        found = Fields.of_list(await self._http.get(path), f"GET {path}")
        return sorted(map(_comment, found), key=lambda each: each.identity)

    async def comment(self, on: PullRequest | Issue, body: str) -> Comment:
        """Add a comment."""
        path = await self._at(f"/issues/{on.number}/comments")
        made = await self._http.write("POST", path, {"body": fitting(body)})
        return _comment(Fields(made, f"POST {path}"))

    async def edit_comment(self, on: PullRequest | Issue, identity: int, body: str) -> None:
        """Replace the text of a comment."""
        del on
        path = await self._at(f"/issues/comments/{identity}")
        await self._http.write("PATCH", path, {"body": fitting(body)})

    async def acknowledge(self, on: PullRequest | Issue, identity: int) -> None:
        """React with eyes."""
        del on
        path = await self._at(f"/issues/comments/{identity}/reactions")
        await self._http.write("POST", path, {"content": _EYES})

    async def is_acknowledged(self, on: PullRequest | Issue, identity: int) -> bool:
        """Whether the bot has reacted with eyes."""
        del on
        path = await self._at(f"/issues/comments/{identity}/reactions")
        me = await self.me()
        return any(
            each.text("content") == _EYES and each.login("user", "login") == me
            for each in Fields.of_list(await self._http.get(path) or [], f"GET {path}")
        )

    async def may_write(self, login: str) -> bool:
        """Whether somebody may push; Gitea tells it to administrators of the repository alone."""
        path = await self._at(f"/collaborators/{quote(login, safe='')}/permission")
        try:
            found = await self._http.find(path)
        except ForgeError as error:
            if error.status == _FORBIDDEN:
                error.remedy = "make the bot's account an administrator of the repository"
            raise
        if found is None:  # there is no such user
            await self.repository()
            return False
        return Fields(found, f"GET {path}").text("permission") in _WRITERS

    async def status(self, sha: str, context: str) -> CommitStatus | None:
        """The newest status in a context."""
        path = await self._at(f"/commits/{quote(sha, safe='')}/status")
        found = await self._http.list(path, inside="statuses", limit=_PAGE)
        for each in Fields.of_list(found, f"GET {path}"):
            if each.text("context") == context:
                return _status(each)
        return None

    async def set_status(
        self, sha: str, context: str, state: CommitState, description: str, url: str = ""
    ) -> None:
        """Say how it stands with a commit."""
        path = await self._at(f"/statuses/{quote(sha, safe='')}")
        body = {
            "context": context,
            "state": state.value,
            "description": short(description),
            "target_url": url,
        }
        await self._http.write("POST", path, body)

    async def issues(self, label: str) -> list[Issue]:
        """The issues with a label."""
        path = await self._at("/issues")
        found = await self._http.list(
            path, type="issues", state="all", labels=label, sort="newest", limit=_PAGE
        )
        issues = map(_issue, Fields.of_list(found, f"GET {path}"))
        with_it = {each.number: each for each in issues if label in each.labels}
        return [with_it[number] for number in sorted(with_it, reverse=True)]

    async def create_issue(self, title: str, body: str, labels: frozenset[str]) -> Issue:
        """Make an issue."""
        path = await self._at("/issues")
        ids = list((await self._label_ids(labels)).values())
        new: dict[str, object] = {"title": title, "body": fitting(body), "labels": ids}
        return _issue(Fields(await self._http.write("POST", path, new), f"POST {path}"))

    async def edit_issue(
        self, number: int, *, body: str | None = None, is_open: bool | None = None
    ) -> None:
        """Change what is given."""
        changed: dict[str, object] = {}
        if body is not None:
            changed["body"] = fitting(body)
        if is_open is not None:
            changed["state"] = "open" if is_open else "closed"
        if changed:
            await self._http.write("PATCH", await self._at(f"/issues/{number}"), changed)

    async def branch(self, name: str) -> str | None:
        """The newest commit of a branch."""
        path = await self._at(f"/branches/{quote(name)}")
        found = await self._http.find(path)
        if found is None:
            await self.repository()  # it is the branch that is not there
            return None
        return Fields(found, f"GET {path}").inner("commit").text("id")

    async def delete_branch(self, name: str, expected: str) -> None:
        """Delete a branch that is what it was seen to be."""
        commit = await self.branch(name)
        if commit is None:
            return
        if commit != expected:
            raise ForgeError(
                f"the branch {name} is another commit now", "look who pushed to it", _CONFLICT
            )
        try:
            await self._http.write("DELETE", await self._at(f"/branches/{quote(name)}"), {})
        except ForgeError as error:
            if error.status != _MISSING:
                raise

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close()

    async def _at(self, path: str) -> str:
        """A path below the repository, by the name that it has now: writes follow no redirect."""
        if not self._name:
            await self.repository()
        return f"/repos/{quote(self._name)}{path}"

    async def _pull_requests(self, state: str) -> list[PullRequest]:
        path = await self._at("/pulls")
        found = await self._http.list(path, state=state, limit=_PAGE)
        read = map(self._pull_request, Fields.of_list(found, f"GET {path}"))
        by_number = {each.number: each for each in read}  # pages move while they are read
        return [by_number[number] for number in sorted(by_number, reverse=True)]

    def _pull_request(self, raw: Fields) -> PullRequest:
        head, merged = raw.inner("head"), raw.flag("merged")
        is_open = raw.text("state") == "open"
        repository = head.inner("repo").text("full_name") if head.has("repo") else ""
        # The reference of a branch that was deleted is refs/pull/N/head.
        branch = head.text("label").partition(":")[2] or head.text("label")
        if repository != self._name:
            branch = f"{repository.partition('/')[0]}:{branch}"
        closed = PullRequestState.MERGED if merged else PullRequestState.CLOSED
        return PullRequest(
            number=raw.number("number"),
            state=PullRequestState.OPEN if is_open else closed,
            head=branch,
            head_sha=head.text("sha"),
            base=raw.inner("base").text("ref"),
            title=raw.text("title"),
            body=raw.body("body"),
            labels=_labels(raw),
            author=raw.login("user", "login"),
            url=raw.text("html_url"),
            merge_sha=raw.text("merge_commit_sha") if merged else None,
            created=raw.time("created_at"),
            changed=raw.latest("merged_at", "closed_at", "updated_at"),
        )

    async def _label_ids(self, names: frozenset[str]) -> Mapping[str, int]:
        """The id of each label; what does not exist is made. An organization's own count, too."""
        if not names:
            return {}
        path = await self._at("/labels")
        ids = await self._ids_at(path, names)
        if names - ids.keys():
            owner = self._name.partition("/")[0]
            ids = {**await self._ids_at(f"/orgs/{quote(owner)}/labels", names), **ids}
        for name in sorted(names - ids.keys()):
            new = {"name": name, "color": f"#{LABEL_COLOR}", "description": LABEL_DESCRIPTION}
            made = await self._http.write("POST", path, new)
            ids[name] = Fields(made, f"POST {path}").number("id")
        return ids

    async def _ids_at(self, path: str, names: frozenset[str]) -> dict[str, int]:
        try:
            found = await self._http.list(path, limit=_PAGE)
        except ForgeError as error:
            if error.status == _MISSING:  # a person has no labels, an organization does
                return {}
            raise
        labels = {each.text("name"): each.number("id") for each in Fields.of_list(found, path)}
        return {name: number for name, number in labels.items() if name in names}


def _labels(raw: Fields) -> frozenset[str]:
    return frozenset(each.text("name") for each in raw.objects("labels"))


def _comment(raw: Fields) -> Comment:
    return Comment(
        raw.number("id"), raw.login("user", "login"), raw.body("body"), raw.time("created_at")
    )


def _issue(raw: Fields) -> Issue:
    return Issue(
        number=raw.number("number"),
        is_open=raw.text("state") == "open",
        title=raw.text("title"),
        body=raw.body("body"),
        labels=_labels(raw),
        author=raw.login("user", "login"),
        url=raw.text("html_url"),
    )


def _status(raw: Fields) -> CommitStatus:
    return CommitStatus(
        _STATES.get(raw.text("status"), CommitState.ERROR),
        raw.text("description"),
        raw.time("created_at"),
    )
