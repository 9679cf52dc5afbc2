"""Everything that the bot may write to a forge or to Git, as data that can be shown beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extcp_bot.forge.model import CommitState, Issue, PullRequest
    from extcp_bot.proposals.commands import Order
    from extcp_bot.proposals.marker import Marker

_SHORT = 12


@dataclass(frozen=True, slots=True)
class Push:
    """Let a branch be a commit, if it still is what it was seen to be.

    Attributes:
        branch: Name.
        commit: What it is to be.
        expected: What it was seen to be; None where it did not exist.
    """

    branch: str
    commit: str
    expected: str | None

    def __str__(self) -> str:
        before = self.expected[:_SHORT] if self.expected else "not there"
        return f"git push {self.branch}: {before} -> {self.commit[:_SHORT]}"


@dataclass(frozen=True, slots=True)
class Open:
    """Open a pull request for a branch that has been pushed.

    Attributes:
        branch: Head.
        base: Name of the branch to merge into.
        title: One line.
        labels: Names.
        marker: That its body begins with.
    """

    branch: str
    base: str
    title: str
    labels: frozenset[str]
    marker: Marker

    def __str__(self) -> str:
        labels = ", ".join(sorted(self.labels))
        return f"open a pull request {self.branch} -> {self.base}: {self.title} [{labels}]"


@dataclass(frozen=True, slots=True)
class Edit:
    """Write a pull request's body anew, or change its labels.

    Attributes:
        number: Of the pull request.
        marker: That the new body begins with; None to leave the body as it is.
        add: Labels.
        remove: Labels.
    """

    number: int
    marker: Marker | None
    add: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()

    def __str__(self) -> str:
        body = "the body" if self.marker is not None else ""
        labels = " ".join([f"+{name}" for name in sorted(self.add)])
        labels += " ".join([f" -{name}" for name in sorted(self.remove)])
        return f"edit pull request {self.number}: {', '.join(filter(None, (body, labels.strip())))}"


@dataclass(frozen=True, slots=True)
class Status:
    """Say how it stands with a commit.

    Attributes:
        sha: Of the commit.
        state: Of the status.
        description: One line.
        url: Where people find more.
    """

    sha: str
    state: CommitState
    description: str
    url: str = ""

    def __str__(self) -> str:
        return f"status of {self.sha[:_SHORT]}: {self.state}, {self.description}"


@dataclass(frozen=True, slots=True)
class Say:
    """Make the bot's one comment on a pull request, or edit it.

    Attributes:
        on: The pull request.
        identity: Of the comment; None to make it.
        text: Markdown.
    """

    on: PullRequest
    identity: int | None
    text: str

    def __str__(self) -> str:
        verb = "comment" if self.identity is None else "edit the comment"
        return f"{verb} on pull request {self.on.number}"


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Show that a command was carried out."""

    on: PullRequest
    order: Order

    def __str__(self) -> str:
        return f"acknowledge /extcp {self.order.word} on pull request {self.on.number}"


@dataclass(frozen=True, slots=True)
class Close:
    """Close a pull request without a merge."""

    number: int

    def __str__(self) -> str:
        return f"close pull request {self.number}"


@dataclass(frozen=True, slots=True)
class NewIssue:
    """Make an issue."""

    title: str
    body: str
    labels: frozenset[str]

    def __str__(self) -> str:
        return f"open an issue: {self.title} [{', '.join(sorted(self.labels))}]"


@dataclass(frozen=True, slots=True)
class EditIssue:
    """Write an issue's body anew, or close a second one of its kind."""

    issue: Issue
    body: str | None
    close: bool = False

    def __str__(self) -> str:
        return f"{'close' if self.close else 'edit'} issue {self.issue.number}"


@dataclass(frozen=True, slots=True)
class Deliver:
    """Deliver a cluster's remote secret to the external cluster, when it is its turn.

    The look that finds its turn does it (``joining.follow``), and nobody else.
    """

    cluster: str

    def __str__(self) -> str:
        return f"deliver the remote secret of {self.cluster}"


@dataclass(frozen=True, slots=True)
class TakeAway:
    """Take the remote secret of a cluster away that has left; ``joining.leaving`` does it."""

    cluster: str

    def __str__(self) -> str:
        return f"take the remote secret of {self.cluster} away"


Write = (
    Push
    | Open
    | Edit
    | Status
    | Say
    | Acknowledge
    | Close
    | NewIssue
    | EditIssue
    | Deliver
    | TakeAway
)


def as_json(write: Write) -> dict[str, Any]:
    """A write for ``--output json``: its name, and what a person would read."""
    return {"write": type(write).__name__, "what": str(write)}
