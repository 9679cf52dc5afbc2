"""What the bot asks of a forge, in the forge's own terms."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class PullRequestState(enum.StrEnum):
    """Closed means closed without a merge: somebody said no."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


class CommitState(enum.StrEnum):
    """The state of a commit status."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


class ForgeError(Exception):
    """The forge could not be asked, or did not do it; nothing follows from it about the answer.

    Attributes:
        why: What went wrong, without a credential.
        remedy: What to do about it.
        status: HTTP status; 0 where there was no answer.
        retry_after: Seconds after which to try again, where the forge says so.
    """

    def __init__(
        self, why: str, remedy: str, status: int = 0, retry_after: float | None = None
    ) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository as the forge sees it.

    Attributes:
        default_branch: As it is called now.
        archived: Nothing can be written.
        can_push: Whether the bot's account may push branches.
        url: For people.
    """

    default_branch: str
    archived: bool
    can_push: bool
    url: str


@dataclass(frozen=True, slots=True)
class PullRequest:
    """One pull request (a merge request on GitLab).

    Attributes:
        number: Its number in the repository.
        state: Open, merged or closed.
        head: Name of its branch.
        head_sha: Newest commit of the branch.
        base: Name of the branch that it is to be merged into.
        title: As shown.
        body: Markdown, with the hidden marker.
        labels: Names.
        author: Login.
        url: For people.
        merge_sha: The commit that it was merged as.
        changed: When it was closed or merged, else when it was last changed.
    """

    number: int
    state: PullRequestState
    head: str
    head_sha: str
    base: str
    title: str
    body: str
    labels: frozenset[str]
    author: str
    url: str
    merge_sha: str | None
    changed: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """A pull request to be made.

    Attributes:
        head: Branch that has been pushed.
        base: Branch to merge into.
        title: One line.
        body: Markdown.
        labels: Names; made where they do not exist.
    """

    head: str
    base: str
    title: str
    body: str
    labels: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a pull request or an issue.

    Attributes:
        identity: The forge's own id.
        author: Login.
        body: Markdown.
        created: When.
    """

    identity: int
    author: str
    body: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue, for the dashboard of a mesh.

    Attributes:
        number: Its number in the repository.
        is_open: Whether it is.
        title: As shown.
        body: Markdown.
        author: Login.
        url: For people.
    """

    number: int
    is_open: bool
    title: str
    body: str
    author: str
    url: str


class Forge(Protocol):
    """One repository on a forge, as the bot's own account sees it.

    Every method raises ForgeError. A list is whole: pages are followed to the end. Nothing is
    tried again by itself except reads.
    """

    async def me(self) -> str:
        """The login of the bot's account."""

    async def repository(self) -> Repository:
        """The repository; a 404 says that it is not there *or* that the token does not reach it."""

    async def pull_requests(self, head: str) -> list[PullRequest]:
        """All pull requests from a branch of this repository, in every state, the newest first."""

    async def open_pull_requests(self) -> list[PullRequest]:
        """All open pull requests of the repository."""

    async def create_pull_request(self, draft: Draft) -> PullRequest:
        """Make one. Where one is open from that branch already, an error with status 409."""

    async def edit_pull_request(
        self,
        number: int,
        *,
        title: str | None = None,
        body: str | None = None,
        labels: frozenset[str] | None = None,
    ) -> None:
        """Change what is given; None leaves as it is."""

    async def close_pull_request(self, number: int) -> None:
        """Close without a merge."""

    async def comments(self, number: int) -> list[Comment]:
        """The comments of a pull request or an issue, the oldest first."""

    async def comment(self, number: int, body: str) -> Comment:
        """Add a comment."""

    async def edit_comment(self, number: int, identity: int, body: str) -> None:
        """Replace the text of a comment of the bot's own."""

    async def acknowledge(self, number: int, identity: int) -> None:
        """Show with a reaction that a command in a comment was seen."""

    async def may_write(self, login: str) -> bool:
        """Whether somebody may push to the repository."""

    async def status(self, sha: str, context: str) -> CommitState | None:
        """The newest status of a commit in a context; None where there is none."""

    async def set_status(
        self, sha: str, context: str, state: CommitState, description: str, url: str = ""
    ) -> None:
        """Say how it stands with a commit."""

    async def issues(self, label: str) -> list[Issue]:
        """The issues with a label, open and closed, the newest first; pull requests are none."""

    async def create_issue(self, title: str, body: str, labels: frozenset[str]) -> Issue:
        """Make an issue."""

    async def edit_issue(
        self, number: int, *, body: str | None = None, is_open: bool | None = None
    ) -> None:
        """Change what is given."""

    async def branch(self, name: str) -> str | None:
        """The newest commit of a branch; None where there is no such branch."""

    async def delete_branch(self, name: str) -> None:
        """Delete a branch, if it is there."""

    async def close(self) -> None:
        """Give the connections back."""
