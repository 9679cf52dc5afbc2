"""GitLab, gitlab.com or self-managed: a merge request is the pull request, a note the comment.

Its quirks: merge requests and issues are numbered apart; a commit status is a job of a pipeline,
which takes no state that it has already; lines of a text can be commands (``quick_actions.py``);
what is merged fast-forward has no merge commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from extcp_bot.forge import gitlab_answers as answers
from extcp_bot.forge.fields import Fields, fitting, short
from extcp_bot.forge.hub import EYES, MISSING
from extcp_bot.forge.model import (
    LABEL_COLOR,
    LABEL_DESCRIPTION,
    CommitState,
    ForgeError,
    Issue,
    Repository,
)
from extcp_bot.forge.quick_actions import disarmed
from extcp_gitops.gitremote import Credential

if TYPE_CHECKING:
    from extcp_bot.access.model import Secret
    from extcp_bot.forge.http import Http
    from extcp_bot.forge.model import Comment, CommitStatus, NewPullRequest, PullRequest

_PAGE: Final = {"per_page": "100"}
_DEVELOPER: Final = 30
"""The lowest access level that may push (docs.gitlab.com, "Members API")."""

_BAD_REQUEST: Final = 400


class GitLab:
    """One project; see :class:`extcp_bot.forge.model.Forge`.

    Args:
        http: Asks its API, ``https://HOST/api/v4``, with the token.
        path: Of the project, with all groups.
        token: Of the bot's account, or of the project or group.
    """

    def __init__(self, http: Http, path: str, token: Secret) -> None:
        self._http = http
        self._path = path
        self._token = token
        self._project = 0
        self._user: tuple[int, str] | None = None

    async def me(self) -> str:
        """The username of the bot's account."""
        return (await self._me())[1]

    async def git_credential(self) -> Credential:
        """The token as a password."""
        return Credential(await self.me(), self._token.reveal())

    async def repository(self) -> Repository:
        """The project, wherever it is by now."""
        asked = f"/projects/{quote(self._path, safe='')}"
        found = Fields(await self._http.get(asked), f"GET {asked}")
        self._project = found.number("id")
        archived = found.flag("archived")
        may_push = await self._level((await self._me())[0]) >= _DEVELOPER
        return Repository(
            default_branch=found.text("default_branch"),
            archived=archived,
            can_push=may_push and not archived,
            url=found.text("web_url"),
        )

    async def pull_requests(self, head: str) -> list[PullRequest]:
        """All merge requests from a branch."""
        found = await self._pull_requests(state="all", source_branch=head)
        return [each for each in found if each.head == head]

    async def open_pull_requests(self) -> list[PullRequest]:
        """All open merge requests."""
        return await self._pull_requests(state="opened")

    async def pull_request(self, number: int) -> PullRequest:
        """One merge request."""
        path = await self._at(f"/merge_requests/{number}")
        return answers.pull_request(Fields(await self._http.get(path), f"GET {path}"))

    async def create_pull_request(self, new: NewPullRequest) -> PullRequest:
        """Make one, its labels with it."""
        await self._make_labels(new.labels)
        path = await self._at("/merge_requests")
        body = {
            "source_branch": new.head,
            "target_branch": new.base,
            "title": new.title,
            "description": disarmed(fitting(new.body)),
            "labels": ",".join(sorted(new.labels)),
        }
        made = await self._http.write("POST", path, body)
        return answers.pull_request(Fields(made, f"POST {path}"))

    async def edit_pull_request(
        self,
        number: int,
        *,
        title: str | None = None,
        body: str | None = None,
        add_labels: frozenset[str] = frozenset(),
        remove_labels: frozenset[str] = frozenset(),
    ) -> None:
        """Change what is given, all of it in one write."""
        await self._make_labels(add_labels)
        changed: dict[str, str] = {}
        if title is not None:
            changed["title"] = title
        if body is not None:
            changed["description"] = disarmed(fitting(body))
        if add_labels:
            changed["add_labels"] = ",".join(sorted(add_labels))
        if remove_labels:
            changed["remove_labels"] = ",".join(sorted(remove_labels))
        if changed:
            await self._http.write("PUT", await self._at(f"/merge_requests/{number}"), changed)

    async def close_pull_request(self, number: int) -> None:
        """Close without a merge."""
        path = await self._at(f"/merge_requests/{number}")
        await self._http.write("PUT", path, {"state_event": "close"})

    async def comments(self, on: PullRequest | Issue) -> list[Comment]:
        """What was said."""
        path = await self._notes(on)
        found = await self._http.list(path, {"sort": "asc", "order_by": "created_at", **_PAGE})
        notes = [each for each in Fields.of_list(found, f"GET {path}") if _is_comment(each)]
        by_id = {each.identity: each for each in map(answers.comment, notes)}
        return [by_id[identity] for identity in sorted(by_id)]

    async def comment(self, on: PullRequest | Issue, body: str) -> Comment:
        """Add a note."""
        path = await self._notes(on)
        made = await self._http.write("POST", path, {"body": disarmed(fitting(body))})
        return answers.comment(Fields(made, f"POST {path}"))

    async def edit_comment(self, on: PullRequest | Issue, identity: int, body: str) -> None:
        """Replace the text of a note."""
        path = f"{await self._notes(on)}/{identity}"
        await self._http.write("PUT", path, {"body": disarmed(fitting(body))})

    async def acknowledge(self, on: PullRequest | Issue, identity: int) -> None:
        """Award eyes, which GitLab takes once: a second time it says 404."""
        path = f"{await self._notes(on)}/{identity}/award_emoji"
        try:
            await self._http.write("POST", path, {"name": EYES})
        except ForgeError as error:
            if error.status != MISSING or not await self.is_acknowledged(on, identity):
                raise

    async def is_acknowledged(self, on: PullRequest | Issue, identity: int) -> bool:
        """Whether the bot has awarded eyes."""
        path = f"{await self._notes(on)}/{identity}/award_emoji"
        me = await self.me()
        found = await self._http.list(path, _PAGE)
        return any(
            each.text("name") == EYES and each.login("user", "username") == me
            for each in Fields.of_list(found, f"GET {path}")
        )

    async def may_write(self, login: str) -> bool:
        """Whether somebody is a developer or more, here or in a group above."""
        await self._at("")
        found = Fields.of_list(await self._http.get("/users", username=login), "GET /users")
        ids = [each.number("id") for each in found if each.text("username") == login]
        return bool(ids) and await self._level(ids[0]) >= _DEVELOPER

    async def status(self, sha: str, context: str) -> CommitStatus | None:
        """The newest status of a name; each branch with the commit can have one."""
        path = await self._at(f"/repository/commits/{quote(sha, safe='')}/statuses")
        found = await self._http.list(path, {"name": context, **_PAGE})
        statuses = Fields.of_list(found, f"GET {path}")
        named = [each for each in statuses if each.text("name") == context]
        newest = max(named, key=lambda each: each.number("id"), default=None)
        return None if newest is None else answers.status(newest)

    async def set_status(
        self, sha: str, context: str, state: CommitState, description: str, url: str = ""
    ) -> None:
        """Say how it stands with a commit."""
        path = await self._at(f"/statuses/{quote(sha, safe='')}")
        new = {"name": context, "state": answers.STATES[state], "description": short(description)}
        try:
            await self._http.write("POST", path, {**new, **({"target_url": url} if url else {})})
        except ForgeError as error:
            if error.status != _BAD_REQUEST or state is not CommitState.PENDING:
                raise
            found = await self.status(sha, context)
            if found is None or found.state is not state:
                raise

    async def issues(self, label: str) -> list[Issue]:
        """The issues with a label."""
        path = await self._at("/issues")
        found = await self._http.list(path, {"labels": label, "scope": "all", **_PAGE})
        issues = map(answers.issue, Fields.of_list(found, f"GET {path}"))
        by_number = {each.number: each for each in issues if label in each.labels}
        return [by_number[number] for number in sorted(by_number, reverse=True)]

    async def create_issue(self, title: str, body: str, labels: frozenset[str]) -> Issue:
        """Make an issue."""
        await self._make_labels(labels)
        path = await self._at("/issues")
        text = disarmed(fitting(body))
        new = {"title": title, "description": text, "labels": ",".join(sorted(labels))}
        return answers.issue(Fields(await self._http.write("POST", path, new), f"POST {path}"))

    async def edit_issue(
        self, number: int, *, body: str | None = None, is_open: bool | None = None
    ) -> None:
        """Change what is given."""
        changed: dict[str, str] = {}
        if body is not None:
            changed["description"] = disarmed(fitting(body))
        if is_open is not None:
            changed["state_event"] = "reopen" if is_open else "close"
        if changed:
            await self._http.write("PUT", await self._at(f"/issues/{number}"), changed)

    async def branch(self, name: str) -> str | None:
        """The newest commit of a branch."""
        path = await self._at(f"/repository/branches/{quote(name, safe='')}")
        found = await self._http.find(path)
        if found is None:
            await self.repository()  # it is the branch that is not there
            return None
        return Fields(found, f"GET {path}").inner("commit").text("id")

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close()

    async def _me(self) -> tuple[int, str]:
        if self._user is None:
            found = Fields(await self._http.get("/user"), "GET /user")
            self._user = found.number("id"), found.text("username")
        return self._user

    async def _at(self, path: str) -> str:
        """A path below the project, by its number: it keeps that wherever it is moved to."""
        if not self._project:
            await self.repository()
        return f"/projects/{self._project}{path}"

    async def _notes(self, on: PullRequest | Issue) -> str:
        kind = "issues" if isinstance(on, Issue) else "merge_requests"
        return await self._at(f"/{kind}/{on.number}/notes")

    async def _level(self, user: int) -> int:
        """The access level of somebody, groups above included; 0 for who is no member."""
        path = f"/projects/{self._project}/members/all/{user}"
        found = await self._http.find(path)
        if found is None:
            return 0
        member = Fields(found, f"GET {path}")
        return member.number("access_level") if member.text("state") == "active" else 0

    async def _pull_requests(self, **query: str) -> list[PullRequest]:
        path = await self._at("/merge_requests")
        query = {"order_by": "created_at", "sort": "desc", **query, **_PAGE}
        found = await self._http.list(path, query)
        read = map(answers.pull_request, Fields.of_list(found, f"GET {path}"))
        by_number = {each.number: each for each in read}  # pages move while they are read
        return [by_number[number] for number in sorted(by_number, reverse=True)]

    async def _make_labels(self, names: frozenset[str]) -> None:
        """Make the labels that do not exist, here or in a group above."""
        if not names:
            return
        path = await self._at("/labels")
        found = Fields.of_list(await self._http.list(path, _PAGE), f"GET {path}")
        for name in sorted(names - {each.text("name") for each in found}):
            new = {"name": name, "color": f"#{LABEL_COLOR}", "description": LABEL_DESCRIPTION}
            await self._http.write("POST", path, new)


def _is_comment(note: Fields) -> bool:
    """Whether a note is no event, and no part of a code review."""
    of_review = note.has("type") and note.text("type") == "DiffNote"
    return not note.flag("system") and not of_review
