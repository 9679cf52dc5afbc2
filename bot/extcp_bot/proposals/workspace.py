"""The repository of a pass: a clone of the base, and commits made on it by the generator."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from extcp_bot.forge.model import PullRequestState
from extcp_bot.proposals.seen import Branch
from extcp_bot.result import clean
from extcp_gitops.diff.run import compare
from extcp_gitops.errors import ExtcpError
from extcp_gitops.generate import Options, generate
from extcp_gitops.git import Identity, Repository

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from extcp_bot.forge.model import PullRequest
    from extcp_bot.proposals.model import Proposal
    from extcp_bot.proposals.policy import Policy
    from extcp_gitops.diff.model import Diff
    from extcp_gitops.gitremote import Remote

_BASE: Final = "base"


@dataclass(frozen=True, slots=True)
class Made:
    """A proposal as a commit, checked out.

    Attributes:
        repository: A clone of its own.
        base: The commit that it was made on.
        commit: Made of the same files on the same base it has the same hash each time.
    """

    repository: Repository
    base: str
    commit: str

    def diff(self) -> tuple[Diff | None, str]:
        """What it changes in each cluster; or None, and why that cannot be built."""
        try:
            return compare(self.repository, self.base), ""
        except ExtcpError as error:
            return None, clean(str(error))


@dataclass
class Workspace:
    """The base of a pass, and what was made on it. Blocks: to be called in threads.

    Attributes:
        remote: Of the repository.
        branch: That proposals are merged into.
        scratch: An empty directory.
        policy: Who commits.
        options: For the generator.
        repository: The clone.
        base: The newest commit of the branch when the pass began.
    """

    remote: Remote
    branch: str
    scratch: Path
    policy: Policy
    options: Options
    repository: Repository = field(init=False)
    base: str = field(init=False)
    _number: int = field(default=0, init=False)

    @classmethod
    def clone(
        cls, remote: Remote, branch: str, scratch: Path, policy: Policy, options: Options
    ) -> Workspace:
        """Clone the base.

        Raises:
            ExtcpError: As ``Remote.clone``.
        """
        made = cls(remote, branch, scratch, policy, options)
        made.repository = remote.clone(scratch / _BASE, branch)
        made.base = made.repository.resolve("HEAD")
        return made

    @property
    def root(self) -> Path:
        """The files of the base."""
        return self.repository.root

    def look(self, branch: str) -> Branch | None:
        """What is on a branch now; None where it is not there.

        Raises:
            ExtcpError: As ``Remote.fetch``.
        """
        head = self.remote.fetch(self.repository, branch)
        return None if head is None else Branch(head, self._is_ours(head))

    def _is_ours(self, head: str) -> bool:
        """Whether nothing of anybody else's would be lost with the branch."""
        fork = self.repository.merge_base(self.base, head)
        if fork is None:
            return False
        if fork == head:
            return True
        found = self.repository.commits(fork, head, at_most=2)
        ours = {self.policy.email}
        return len(found) == 1 and all(
            {each.author_email, each.committer_email} == ours and each.parents == (fork,)
            for each in found
        )

    def make(self, proposal: Proposal) -> Made:
        """The commit that a proposal is, on the base.

        Raises:
            ExtcpError: The generator refuses the change, or there is nothing to change.
        """
        self._number += 1
        root = self.scratch / f"proposal-{self._number}"
        shutil.copytree(self.root, root, symlinks=True)
        repository = Repository(root)
        outcome = generate(root, self.options, proposal.edit)
        time = repository.commit_at(self.base).time
        identity = Identity(self.policy.name, self.policy.email, time)
        commit = repository.commit(outcome.changes.paths, proposal.title, identity)
        if commit is None:
            raise ExtcpError.of(
                "EXTCP-B040",
                f"there is nothing to change for '{proposal.title}'",
                "the repository is as it should be already",
            )
        return Made(repository, self.base, commit)

    def contains(self, pulls: Iterable[PullRequest]) -> frozenset[int]:
        """Those pull requests that are in the base, by number.

        One that is still open is there where its branch is: the forge may say *merged* late.
        """
        return frozenset(
            each.number for each in pulls if (commit := _end(each)) and self._has(commit)
        )

    def _has(self, commit: str) -> bool:
        try:
            return self.repository.is_ancestor(commit, self.base)
        except ExtcpError as error:
            if error.findings[0].code == "EXTCP-G040":  # not in any branch that was fetched
                return False
            raise

    def touched_since(self, commit: str) -> frozenset[str] | None:
        """The files that differ between a commit and the base; None where it is not known."""
        if not commit:
            return None
        try:
            return self.repository.changed_between(commit, self.base)
        except ExtcpError as error:
            if error.findings[0].code == "EXTCP-G040":
                return None
            raise

    def file_on(self, branch: str, path: str) -> bytes | None:
        """What a file is on a branch; None where the branch or the file is not there."""
        head = self.remote.fetch(self.repository, branch)
        return None if head is None else self.repository.files_at(head, [path]).get(path)

    def push(self, made: Made, branch: str, expected: str | None) -> None:
        """Let a branch be a commit that was made.

        Raises:
            ExtcpError: As ``Remote.push_with_lease``; EXTCP-G040 where what was expected is nowhere
                to be found any more.
        """
        if expected is not None:  # it was fetched to the base's clone, if at all
            self.remote.fetch(made.repository, branch)
        self.remote.push_with_lease(made.repository, made.commit, branch, expected)


def _end(pull: PullRequest) -> str | None:
    """The commit that the base has once a pull request is merged; None where it never will be."""
    return pull.head_sha if pull.state is PullRequestState.OPEN else pull.merge_sha
