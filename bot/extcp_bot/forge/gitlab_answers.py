"""What GitLab says, in the terms of the bot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.forge.model import (
    Comment,
    CommitState,
    CommitStatus,
    Issue,
    PullRequest,
    PullRequestState,
)
from extcp_bot.forge.quick_actions import as_sent

if TYPE_CHECKING:
    from extcp_bot.forge.fields import Fields

STATES: Final = {
    CommitState.PENDING: "pending",
    CommitState.SUCCESS: "success",
    CommitState.FAILURE: "failed",
    CommitState.ERROR: "canceled",
}
"""What a state of a commit is called; no other leads back to each."""

_READ_STATES: Final = {
    **{word: state for state, word in STATES.items()},
    "created": CommitState.PENDING,
    "running": CommitState.PENDING,
    "scheduled": CommitState.PENDING,
}
_PULL_REQUEST_STATES: Final = {
    "opened": PullRequestState.OPEN,
    "locked": PullRequestState.OPEN,  # while it is being merged
    "merged": PullRequestState.MERGED,
    "closed": PullRequestState.CLOSED,
}
_MERGES: Final = ("merge_commit_sha", "squash_commit_sha")


def status(raw: Fields) -> CommitStatus:
    """The state of a job."""
    return CommitStatus(
        _READ_STATES.get(raw.text("status"), CommitState.ERROR),
        raw.body("description"),
        raw.time("created_at"),
    )


def pull_request(raw: Fields) -> PullRequest:
    """A merge request."""
    branch, origin = raw.text("source_branch"), raw.number("source_project_id")
    state = raw.one_of("state", _PULL_REQUEST_STATES)
    sha = raw.text("sha") if raw.has("sha") else ""
    merges = [raw.text(name) for name in _MERGES if raw.has(name)]
    return PullRequest(
        number=raw.number("iid"),
        state=state,
        head=branch if origin == raw.number("target_project_id") else f"{origin}:{branch}",
        head_sha=sha,
        base=raw.text("target_branch"),
        title=raw.text("title"),
        body=as_sent(raw.body("description")),
        labels=frozenset(raw.texts("labels")),
        author=raw.login("author", "username"),
        url=raw.text("web_url"),
        merge_sha=(*merges, sha)[0] if state is PullRequestState.MERGED else None,
        created=raw.time("created_at"),
        changed=raw.latest("merged_at", "closed_at", "updated_at"),
    )


def comment(raw: Fields) -> Comment:
    """A note."""
    return Comment(
        raw.number("id"),
        raw.login("author", "username"),
        as_sent(raw.body("body")),
        raw.time("created_at"),
    )


def issue(raw: Fields) -> Issue:
    """An issue."""
    return Issue(
        number=raw.number("iid"),
        is_open=raw.one_of("state", {"opened": True, "closed": False}),
        title=raw.text("title"),
        body=as_sent(raw.body("description")),
        labels=frozenset(raw.texts("labels")),
        author=raw.login("author", "username"),
        url=raw.text("web_url"),
    )
