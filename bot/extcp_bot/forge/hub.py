"""What GitHub's API and Gitea's, which is made after it, have in common."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import quote

from extcp_bot.forge.fields import Fields, fitting, short
from extcp_bot.forge.model import (
    Comment,
    CommitState,
    CommitStatus,
    Issue,
    PullRequest,
    PullRequestState,
    Repository,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from extcp_bot.forge.http import Http
    from extcp_bot.forge.model import NewPullRequest
    from extcp_gitops.gitremote import Credential

EYES: Final = "eyes"
MISSING: Final = 404
CONFLICT: Final = 409
_WRITERS: Final = frozenset({"owner", "admin", "write"})
_IS_OPEN: Final = {"open": True, "closed": False}
_STATES: Final = {
    **{state.value: state for state in CommitState},
    "warning": CommitState.FAILURE,
}


class Hub(abc.ABC):
    """One repository; see :class:`extcp_bot.forge.model.Forge`.

    Args:
        http: Asks the API, with the credential.
        path: ``OWNER/NAME``.

    Attributes:
        page: The query that asks for pages as large as they may be.
        issues_alone: The query that leaves out pull requests, where there is one.
        state_field: Of a commit status.
    """

    page: ClassVar[dict[str, str]]
    issues_alone: ClassVar[dict[str, str]] = {}
    state_field: ClassVar[str]

    def __init__(self, http: Http, path: str) -> None:
        self._http = http
        self._path = path
        self._name = ""

    @abc.abstractmethod
    async def me(self) -> str:
        """The login of the bot's account."""

    @abc.abstractmethod
    async def git_credential(self) -> Credential:
        """What Git is to show over HTTPS."""

    @abc.abstractmethod
    async def pull_requests(self, head: str) -> list[PullRequest]:
        """All pull requests from a branch."""

    @abc.abstractmethod
    async def create_pull_request(self, new: NewPullRequest) -> PullRequest:
        """Make one, with its labels."""

    @abc.abstractmethod
    async def branch(self, name: str) -> str | None:
        """The newest commit of a branch."""

    @abc.abstractmethod
    async def _labels(self, names: frozenset[str]) -> Sequence[object]:
        """What labels are given as; those that do not exist are made."""

    @abc.abstractmethod
    def _label(self, raw: Fields) -> str:
        """The last part of the path of a label of an issue."""

    @abc.abstractmethod
    def _branch(self, name: str) -> str:
        """The path that a branch is deleted at, below the repository."""

    @abc.abstractmethod
    def _head(self, raw: Fields) -> str:
        """The branch of a pull request's head."""

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

    async def open_pull_requests(self) -> list[PullRequest]:
        """All open pull requests."""
        return await self._list_pull_requests(state="open")

    async def pull_request(self, number: int) -> PullRequest:
        """One pull request."""
        path = await self._at(f"/pulls/{number}")
        return self._pull_request(Fields(await self._http.get(path), f"GET {path}"))

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
        if remove_labels:
            found = await self._http.list(labels, self.page)
            for each in Fields.of_list(found, f"GET {labels}"):
                if each.text("name") in remove_labels:
                    await self._http.write("DELETE", f"{labels}/{self._label(each)}", {})
        # Last, for what is added may say that all is done.
        if add_labels:
            await self._http.write("POST", labels, {"labels": await self._labels(add_labels)})

    async def close_pull_request(self, number: int) -> None:
        """Close without a merge."""
        path = await self._at(f"/pulls/{number}")
        await self._http.write("PATCH", path, {"state": "closed"})

    async def comments(self, on: PullRequest | Issue) -> list[Comment]:
        """What was said."""
        path = await self._at(f"/issues/{on.number}/comments")
        found = Fields.of_list(await self._http.list(path, self.page), f"GET {path}")
        by_id = {each.identity: each for each in map(_comment, found)}
        return [by_id[identity] for identity in sorted(by_id)]

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
        await self._http.write("POST", path, {"content": EYES})

    async def is_acknowledged(self, on: PullRequest | Issue, identity: int) -> bool:
        """Whether the bot has reacted with eyes."""
        del on
        path = await self._at(f"/issues/comments/{identity}/reactions")
        me = await self.me()
        found = await self._http.list(path, self.page, may_be_null=True)  # as Gitea says it
        return any(
            each.text("content") == EYES and each.login("user", "login") == me
            for each in Fields.of_list(found, f"GET {path}")
        )

    async def may_write(self, login: str) -> bool:
        """Whether somebody may push."""
        path = await self._at(f"/collaborators/{quote(login, safe='')}/permission")
        found = await self._http.find(path)
        if found is None:
            await self.repository()  # it is the person that is not there
            return False
        return Fields(found, f"GET {path}").text("permission") in _WRITERS

    async def status(self, sha: str, context: str) -> CommitStatus | None:
        """The newest status in a context."""
        path = await self._at(f"/commits/{quote(sha, safe='')}/status")
        found = await self._http.list(path, self.page, inside="statuses")
        for each in Fields.of_list(found, f"GET {path}"):
            if each.text("context") == context:
                return CommitStatus(
                    _STATES.get(each.text(self.state_field), CommitState.ERROR),
                    each.body("description"),
                    each.time("created_at"),
                )
        return None

    async def set_status(
        self, sha: str, context: str, state: CommitState, description: str, url: str = ""
    ) -> None:
        """Say how it stands with a commit."""
        path = await self._at(f"/statuses/{quote(sha, safe='')}")
        new = {"context": context, "state": state.value, "description": short(description)}
        await self._http.write("POST", path, {**new, **({"target_url": url} if url else {})})

    async def issues(self, label: str) -> list[Issue]:
        """The issues with a label; Gitea gives all where there is no such label."""
        path = await self._at("/issues")
        query = {"state": "all", "labels": label, **self.issues_alone, **self.page}
        found = Fields.of_list(await self._http.list(path, query), f"GET {path}")
        issues = [_issue(each) for each in found if not each.has("pull_request")]
        by_number = {each.number: each for each in issues if _is_among(label, each.labels)}
        return [by_number[number] for number in sorted(by_number, reverse=True)]

    async def create_issue(self, title: str, body: str, labels: frozenset[str]) -> Issue:
        """Make an issue."""
        path = await self._at("/issues")
        new = {"title": title, "body": fitting(body), "labels": await self._labels(labels)}
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

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close()

    async def _at(self, path: str) -> str:
        """A path below the repository."""
        return f"/repos/{quote(await self._full_name())}{path}"

    async def _full_name(self) -> str:
        """The name that the repository has now: writes follow no redirect."""
        if not self._name:
            await self.repository()
        return self._name

    async def _list_pull_requests(self, **query: str) -> list[PullRequest]:
        path = await self._at("/pulls")
        found = await self._http.list(path, {**query, **self.page})
        read = map(self._pull_request, Fields.of_list(found, f"GET {path}"))
        by_number = {each.number: each for each in read}  # pages move while they are read
        return [by_number[number] for number in sorted(by_number, reverse=True)]

    def _pull_request(self, raw: Fields) -> PullRequest:
        head, is_merged = raw.inner("head"), raw.has("merged_at")
        closed = PullRequestState.MERGED if is_merged else PullRequestState.CLOSED
        origin = head.inner("repo").text("full_name") if head.has("repo") else ""
        branch = self._head(head)
        if origin.lower() != self._name.lower():
            branch = f"{origin.partition('/')[0]}:{branch}"
        return PullRequest(
            number=raw.number("number"),
            state=PullRequestState.OPEN if raw.one_of("state", _IS_OPEN) else closed,
            head=branch,
            head_sha=head.text("sha"),
            base=raw.inner("base").text("ref"),
            title=raw.text("title"),
            body=raw.body("body"),
            labels=label_names(raw),
            author=raw.login("user", "login"),
            url=raw.text("html_url"),
            merge_sha=raw.text("merge_commit_sha") if is_merged else None,
            created=raw.time("created_at"),
            changed=raw.latest("merged_at", "closed_at", "updated_at"),
        )


def label_names(raw: Fields) -> frozenset[str]:
    """The names of the labels of an issue or a pull request."""
    return frozenset(each.text("name") for each in raw.objects("labels"))


def _comment(raw: Fields) -> Comment:
    return Comment(
        raw.number("id"), raw.login("user", "login"), raw.body("body"), raw.time("created_at")
    )


def _issue(raw: Fields) -> Issue:
    return Issue(
        number=raw.number("number"),
        is_open=raw.one_of("state", _IS_OPEN),
        title=raw.text("title"),
        body=raw.body("body"),
        labels=label_names(raw),
        author=raw.login("user", "login"),
        url=raw.text("html_url"),
    )


def _is_among(label: str, labels: frozenset[str]) -> bool:
    """Whether it is one of them; for GitHub, names that differ in case alone are one."""
    return label.casefold() in {each.casefold() for each in labels}
