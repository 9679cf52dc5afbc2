"""What a repository has committed: commits, what is in them, and how they descend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extcp_gitops import gitcommand
from extcp_gitops.errors import ExtcpError
from extcp_gitops.gitfailure import failure
from extcp_gitops.gitoutput import blobs, regular_files
from extcp_gitops.giturl import check_branch_name, check_ref_name, check_revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from extcp_gitops.gitcommand import Result

DIFF = (
    *("diff", "--name-only", "-z", "--relative", "--no-renames"),
    *("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty"),
)
"""How to ask for the names of files that differ, and have nothing run for it."""

_LOG = ("log", "-z", "--no-show-signature", "--encoding=UTF-8")
_FIELDS = "%H%n%T%n%P%n%ae%n%ce%n%ct%n%s"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit.

    Attributes:
        sha: Its hash.
        tree: The hash of all that is in it: equal for equal files.
        parents: Their hashes; none for a first commit, several for a merge.
        author_email: As written, through no mailmap.
        committer_email: As written, through no mailmap.
        time: When it was committed, in seconds since 1970.
        subject: First line of its message.
    """

    sha: str
    tree: str
    parents: tuple[str, ...]
    author_email: str
    committer_email: str
    time: int
    subject: str


class History:
    """The commits of a repository.

    Every method raises ExtcpError: EXTCP-G010 without Git, EXTCP-G011 when the time is up,
    EXTCP-G013 for a repository that belongs to another user, EXTCP-G012 for the unexpected.

    Attributes:
        root: A directory in the repository, absolute; paths are relative to it, with ``/``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def default_branch(self, configured: str = "main", remote: str = "origin") -> str:
        """The remote's default branch as last fetched, such as ``origin/main``.

        It is what ``<remote>/HEAD`` says, which only a clone has; else the configured branch, else
        ``main``, where the remote has it.

        Raises:
            ExtcpError: EXTCP-G041 when none of them has been fetched.
        """
        prefix = f"refs/remotes/{check_ref_name(remote)}/"
        head = gitcommand.run(self.root, "symbolic-ref", "--quiet", f"{prefix}HEAD").line
        candidates = (head, f"{prefix}{check_branch_name(configured)}", f"{prefix}main")
        for ref in candidates:
            if ref.startswith(prefix) and self._hash(f"{ref}^{{commit}}"):
                return ref.removeprefix("refs/remotes/")
        raise ExtcpError.of(
            "EXTCP-G041",
            f"nothing here tells the default branch of '{remote}'",
            f"push to {remote}, or git fetch {remote} where somebody else has; or name the commit "
            "to compare with, such as HEAD",
        )

    def resolve(self, revision: str) -> str:
        """The hash of the commit that a branch, tag, commit or ancestor such as ``HEAD~1`` is.

        Raises:
            ExtcpError: EXTCP-G040 when there is none.
        """
        commit = self._hash(f"{check_revision(revision)}^{{commit}}")
        if commit is None:
            raise ExtcpError.of(
                "EXTCP-G040",
                f"there is no commit '{revision}' in this repository",
                "fetch it (git fetch origin; in a shallow clone with --unshallow) or name another",
            )
        return commit

    def files_at(self, revision: str, prefixes: Iterable[str] = ()) -> Mapping[str, bytes]:
        """The files of a commit, by path.

        Args:
            revision: As for ``resolve``.
            prefixes: Directories or files to look at; all, where there are none.

        Raises:
            ExtcpError: EXTCP-G042 when a symbolic link or a submodule is among them, EXTCP-G043
                when Git lacks a file's contents.
        """
        commit = self.resolve(revision)
        wanted = [checked_path(prefix) for prefix in prefixes]
        entries = self._git("ls-tree", "-r", "-z", commit, "--", *wanted).names
        objects = regular_files(entries)
        names = list(dict.fromkeys(objects.values()))
        request = "".join(f"{name}\n" for name in names).encode()
        contents = blobs(self._git("cat-file", "--batch", stdin=request).stdout, names)
        return {path: contents[name] for path, name in objects.items()}

    def changed_between(self, before: str, after: str) -> frozenset[str]:
        """The files that differ between two commits."""
        return frozenset(self._git(*DIFF, self.resolve(before), self.resolve(after), "--").names)

    # How they descend

    def commit_at(self, revision: str) -> Commit:
        """One commit.

        Args:
            revision: As for ``resolve``.
        """
        return self._commits("--max-count=1", self.resolve(revision))[0]

    def commits(self, since: str, until: str, at_most: int = 100) -> list[Commit]:
        """The commits that ``until`` has and ``since`` has not, the newest first.

        Args:
            since: As for ``resolve``.
            until: As for ``resolve``.
            at_most: No more than this many.

        Raises:
            ExtcpError: EXTCP-G040; EXTCP-G044 where older commits are not here to tell.
        """
        old, new = self.resolve(since), self.resolve(until)
        found = self._commits(f"--max-count={at_most}", f"{old}..{new}")
        if found and not self.is_ancestor(old, new):
            self._require_whole()
        return found

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether ``newer`` has ``older`` in its history, or is it.

        Raises:
            ExtcpError: As ``commits``.
        """
        commits = (self.resolve(older), self.resolve(newer))
        result = gitcommand.run(self.root, "merge-base", "--is-ancestor", *commits)
        if result.status > 1:
            raise failure("merge-base", result)
        if result.status:
            self._require_whole()
        return result.status == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """The hash of the best common ancestor; None where the two have nothing in common.

        Raises:
            ExtcpError: As ``commits``.
        """
        commits = (self.resolve(one), self.resolve(other))
        result = gitcommand.run(self.root, "merge-base", *commits)
        if result.status > 1:
            raise failure("merge-base", result)
        if result.status:
            self._require_whole()
            return None
        return result.line

    def _commits(self, *arguments: str) -> list[Commit]:
        listed = self._git(*_LOG, f"--format={_FIELDS}", *arguments, "--").names
        return [_commit(record) for record in listed]

    def _require_whole(self) -> None:
        """A shallow clone has no answer where a whole one would say no."""
        if self._git("rev-parse", "--is-shallow-repository").line == "true":
            raise ExtcpError.of(
                "EXTCP-G044",
                "this clone is shallow, so it cannot tell how its commits descend",
                "git fetch --unshallow",
            )

    # The one way to Git

    def _hash(self, expression: str) -> str | None:
        """The hash that an expression names, or None."""
        result = gitcommand.run(
            self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", expression
        )
        if result.status == 0:
            return result.line
        if result.stderr:
            raise failure("rev-parse", result)
        return None

    def _git(
        self,
        *arguments: str,
        stdin: bytes = b"",
        seconds: float = gitcommand.LOCAL_SECONDS,
        variables: Mapping[str, str] | None = None,
    ) -> Result:
        """Run a command that must succeed."""
        result = gitcommand.run(
            self.root, *arguments, stdin=stdin, seconds=seconds, variables=variables
        )
        if result.status:
            raise failure(arguments[0], result)
        return result


def _commit(record: str) -> Commit:
    sha, tree, parents, author, committer, time, subject = record.split("\n", 6)
    return Commit(sha, tree, tuple(parents.split()), author, committer, int(time), subject)


def checked_path(path: str) -> str:
    """A path below the root, not an option, and nothing of Git's own.

    Raises:
        ValueError: It is a bug to ask for such a path.
    """
    parts = path.split("/")
    if any(part in {"", ".", ".."} for part in parts) or path.startswith("-") or "\0" in path:
        raise ValueError(f"not a path below the repository: {path!r}")
    if any(part.lower() == ".git" for part in parts):
        raise ValueError(f"a path of Git's own: {path!r}")
    return path
