"""What the bot asks of a forge, in the forge's own terms."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from extcp_bot.access.model import hide

if TYPE_CHECKING:
    from datetime import datetime

    from extcp_gitops.gitremote import Credential

MAX_BODY: Final = 65_536
"""Characters of a description or a comment that every forge takes; GitHub takes no more."""

MAX_DESCRIPTION: Final = 140
"""Characters of a commit status' description that every forge takes; GitHub takes no more."""

LABEL_COLOR: Final = "1d76db"
"""Of labels that the bot makes, RGB."""

LABEL_DESCRIPTION: Final = "Set by extcp-bot"
"""Of labels that the bot makes."""


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
        retry_after: Seconds after which to try again, where the forge is asked too much; None for
            any other reason.
    """

    def __init__(
        self, why: str, remedy: str, status: int = 0, retry_after: float | None = None
    ) -> None:
        # Paths and messages hold what others chose, which may be what was shown to them.
        self.why = hide(why)
        super().__init__(self.why)
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
        head: Name of its branch; ``OWNER:BRANCH`` where that is in a fork, which no branch of this
            repository can be called.
        head_sha: Newest commit of the branch.
        base: Name of the branch that it is to be merged into.
        title: As shown.
        body: Markdown, with the hidden marker.
        labels: Names.
        author: Login.
        url: For people.
        merge_sha: The commit that it was merged as.
        created: When.
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
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True)
class NewPullRequest:
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
        number: Its number in the repository; on GitLab a pull request can have the same.
        is_open: Whether it is.
        title: As shown.
        body: Markdown.
        labels: Names.
        author: Login.
        url: For people.
    """

    number: int
    is_open: bool
    title: str
    body: str
    labels: frozenset[str]
    author: str
    url: str


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """The newest status of a commit in a context.

    Attributes:
        state: How it stands.
        description: One line.
        created: When it was set.
    """

    state: CommitState
    description: str
    created: datetime


class Forge(Protocol):
    """One repository on a forge, as the bot's own account sees it.

    Every method raises ForgeError. A list is whole: pages are followed to the end. A read is tried
    once more where that may help; a write never is, so whoever gets an error from one looks what
    has become of it.
    """

    async def me(self) -> str:
        """The login of the bot's account."""

    async def git_credential(self) -> Credential:
        """What Git is to show to the forge over HTTPS; made anew before it runs out."""

    async def repository(self) -> Repository:
        """The repository; a 404 says that it is not there *or* that the token does not reach it."""

    async def pull_requests(self, head: str) -> list[PullRequest]:
        """All pull requests from a branch of this repository, in every state, the newest first."""

    async def open_pull_requests(self) -> list[PullRequest]:
        """All open pull requests of the repository, the newest first."""

    async def pull_request(self, number: int) -> PullRequest:
        """One pull request."""

    async def create_pull_request(self, new: NewPullRequest) -> PullRequest:
        """Make one. Where one is open from that branch already, an error with status 409."""

    async def edit_pull_request(
        self,
        number: int,
        *,
        title: str | None = None,
        body: str | None = None,
        add_labels: frozenset[str] = frozenset(),
        remove_labels: frozenset[str] = frozenset(),
    ) -> None:
        """Change what is given; None leaves as it is, and so do labels that are not named.

        Labels are made where they do not exist, and those that are not there are not removed.
        """

    async def close_pull_request(self, number: int) -> None:
        """Close without a merge."""

    async def comments(self, on: PullRequest | Issue) -> list[Comment]:
        """What people and bots have said on it, the oldest first; no events, no code reviews."""

    async def comment(self, on: PullRequest | Issue, body: str) -> Comment:
        """Add a comment."""

    async def edit_comment(self, on: PullRequest | Issue, identity: int, body: str) -> None:
        """Replace the text of a comment of the bot's own."""

    async def acknowledge(self, on: PullRequest | Issue, identity: int) -> None:
        """Show with a reaction (eyes) that a command in a comment was seen."""

    async def is_acknowledged(self, on: PullRequest | Issue, identity: int) -> bool:
        """Whether the bot has done so; the eyes of others do not count."""

    async def may_write(self, login: str) -> bool:
        """Whether somebody may write to the repository: push, or at least change pull requests."""

    async def status(self, sha: str, context: str) -> CommitStatus | None:
        """The newest status of a commit in a context; None where there is none."""

    async def set_status(
        self, sha: str, context: str, state: CommitState, description: str, url: str = ""
    ) -> None:
        """Say how it stands with a commit; a longer description than MAX_DESCRIPTION is cut.

        GitLab takes a state twice in a row for an error while it is pending: nothing changes then,
        not even the description.
        """

    async def issues(self, label: str) -> list[Issue]:
        """The issues with a label, open and closed, the newest first; pull requests are none."""

    async def create_issue(self, title: str, body: str, labels: frozenset[str]) -> Issue:
        """Make an issue; labels are made where they do not exist."""

    async def edit_issue(
        self, number: int, *, body: str | None = None, is_open: bool | None = None
    ) -> None:
        """Change what is given."""

    async def branch(self, name: str) -> str | None:
        """The newest commit of a branch; None where there is no such branch."""

    async def close(self) -> None:
        """Give the connections back; a later call makes new ones."""
