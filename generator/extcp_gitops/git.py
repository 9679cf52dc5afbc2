"""The person's Git repository: the only module that reads or changes it.

All names are checked by ``giturl`` first, paths travel through NUL-separated streams, and no hook,
signature or pager is ever run.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extcp_gitops import gitcommand
from extcp_gitops.errors import ExtcpError
from extcp_gitops.gitfailure import failure
from extcp_gitops.githistory import DIFF, History, checked_path
from extcp_gitops.giturl import check_branch_name, check_ref_name, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STAGE = ("update-index", "-z", "--add", "--remove", "--stdin")
_UNFINISHED = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who commits, where it is not whom Git's configuration names.

    Attributes:
        name: Author and committer.
        email: Likewise.
        time: Seconds since 1970 at which the commit is to be made, so that equal files on an equal
            parent are the very same commit; now by default.
    """

    name: str
    email: str
    time: int | None = None

    @property
    def variables(self) -> dict[str, str]:
        """For the environment of Git."""
        person = {"NAME": self.name, "EMAIL": self.email}
        if self.time is not None:
            person["DATE"] = f"@{self.time} +0000"
        roles = ("AUTHOR", "COMMITTER")
        return {f"GIT_{role}_{key}": value for role in roles for key, value in person.items()}


class Repository(History):
    """A working tree of Git, seen from one directory in it.

    The directory may be the top of the working tree or, as in Git itself, lie deeper in a larger
    repository. All paths are relative to it, with ``/``; nothing outside it is read or changed.

    Every method raises ExtcpError as those of ``History`` do.
    """

    @classmethod
    def init(cls, root: Path, branch: str) -> Repository:
        """Make a repository whose first commit will be on ``branch``; the directory too.

        In a directory that is a repository already, nothing changes.
        """
        check_branch_name(branch)
        root.mkdir(parents=True, exist_ok=True)
        repository = cls(_absolute(root))
        repository._git("init", "--quiet", f"--initial-branch={branch}")
        return repository

    @classmethod
    def discover(cls, path: Path) -> Repository | None:
        """The repository that ``path`` is in; None when it is in none or does not exist.

        Raises:
            ExtcpError: EXTCP-G014 for a repository without a working tree.
        """
        root = _absolute(path)
        if not root.is_dir():
            return None
        result = gitcommand.run(root, "rev-parse", "--show-toplevel")
        if result.status and "not a git repository (or any" in result.stderr:
            return None
        if result.status:
            raise failure("rev-parse", result)
        return cls(root)

    @property
    def top(self) -> Path:
        """The top of the working tree, from which programs that read the repository count paths."""
        return Path(self._git("rev-parse", "--show-toplevel").line)

    def remote_url(self, name: str) -> str | None:
        """The URL that the name of a remote repository stands for; None where it has none."""
        known = gitcommand.run(self.root, "config", "--get", f"remote.{check_ref_name(name)}.url")
        return known.line if known.status == 0 else None

    def add_remote(self, name: str, url: str) -> None:
        """Name a remote repository; nothing changes when it has that name and URL already.

        Raises:
            ExtcpError: EXTCP-G030 when the name stands for another URL; those of ``parse_url``.
        """
        known = self.remote_url(name)
        parse_url(url)
        if known is None:
            self._git("remote", "add", "--", name, url)
        elif known != url:
            raise ExtcpError.of(
                "EXTCP-G030",
                f"the remote '{name}' has another URL already",
                f"see it with 'git remote get-url {name}', change it with 'git remote set-url'",
            )

    def require_branch(self, name: str) -> None:
        """See to it, before anything is written, that the next commit will be on this branch.

        Where nothing has been committed yet, HEAD is moved to the branch; no file changes by that.

        Raises:
            ExtcpError: EXTCP-G026 HEAD is on another branch; EXTCP-G021 on none.
        """
        wanted = f"refs/heads/{check_branch_name(name)}"
        branch = self._branch()
        if branch == wanted:
            return
        is_there = self._hash(f"{wanted}^{{commit}}") is not None
        if not is_there and self._hash("HEAD^{commit}") is None:
            self._git("symbolic-ref", "HEAD", wanted)
            return
        switch = "switch" if is_there else "switch --create"
        here = branch.removeprefix("refs/heads/")
        raise ExtcpError.of(
            "EXTCP-G026",
            f"HEAD is on the branch '{here}', and Argo CD is to follow '{name}'",
            f"git {switch} {shlex.quote(name)}, or give --branch {shlex.quote(here)}",
        )

    # Commit and push

    def commit(
        self, paths: Iterable[str], message: str, identity: Identity | None = None
    ) -> str | None:
        """Commit what these files are now in the working tree, and nothing else.

        Files that are gone are removed. Whatever else is staged or changed stays as it is. Ignored
        files are committed too: they were named. The commit carries no signature.

        Args:
            paths: Files, added, modified or deleted.
            message: UTF-8; the first line is the subject.
            identity: Author and committer; whom Git names by default.

        Returns:
            The commit, or None when there was nothing to commit.

        Raises:
            ExtcpError: EXTCP-G020 nobody to commit as, EXTCP-G021 no branch, EXTCP-G022 a merge is
                not finished, EXTCP-G023 a symbolic link on the way, EXTCP-G024 another Git is at
                work, EXTCP-G025 the branch has moved meanwhile. Nothing is committed then.
        """
        listing = self._listing(paths)
        person = identity.variables if identity else {}
        branch = self._branch_to_commit_on(person)
        parent = self._hash("HEAD^{commit}")
        with tempfile.TemporaryDirectory(prefix="extcp-gitops-") as scratch:
            # The commit is made from an index of its own, or what else is staged would slip in.
            own = {"GIT_INDEX_FILE": str(Path(scratch, "index"))}
            self._git("read-tree", parent or "--empty", variables=own)
            unchanged = self._git("write-tree", variables=own).line
            self._git(*_STAGE, stdin=listing, variables=own)
            tree = self._git("write-tree", variables=own).line
        if tree == unchanged:
            return None
        # First the person's index: it alone can be locked, and staged files harm nobody.
        self._git(*_STAGE, stdin=listing)
        parents = ("-p", parent) if parent else ()
        text = message.strip("\n").encode() + b"\n"
        arguments = ("commit-tree", *parents, "-F", "-", tree)
        commit = self._git(*arguments, stdin=text, variables=person).line
        self._move(branch, commit, parent, person)
        return commit

    def _listing(self, paths: Iterable[str]) -> bytes:
        """The paths as Git reads them; what is gone first, to make way for what took its place."""
        ordered = sorted({checked_path(path) for path in paths})
        ordered.sort(key=lambda path: (self.root / path).is_file())
        return b"".join(os.fsencode(path) + b"\0" for path in ordered)

    def require_ready(self) -> None:
        """Find out before anything is written whether a commit can follow.

        Raises:
            ExtcpError: EXTCP-G020, EXTCP-G021 or EXTCP-G022, as ``commit``.
        """
        self._branch_to_commit_on({})

    def _branch(self) -> str:
        """The full name of the branch that HEAD is on."""
        branch = gitcommand.run(self.root, "symbolic-ref", "--quiet", "HEAD")
        if branch.status == 1:
            raise ExtcpError.of(
                "EXTCP-G021",
                "HEAD is on no branch, so a commit would soon be lost",
                "git switch BRANCH, or git switch --create BRANCH; then run this again",
            )
        if branch.status:
            raise failure("symbolic-ref", branch)
        return branch.line

    def _branch_to_commit_on(self, person: Mapping[str, str]) -> str:
        """The full name of the current branch, once everything is fit for a commit."""
        branch = self._branch()
        for name, work in _UNFINISHED.items():
            if self._hash(name):
                raise ExtcpError.of(
                    "EXTCP-G022",
                    f"a {work} is not finished in this repository",
                    f"finish it, or give it up with 'git {work} --abort'; then run this again",
                )
        require_identity(self.root, person)
        return branch

    def _move(
        self, branch: str, commit: str, parent: str | None, person: Mapping[str, str]
    ) -> None:
        """Let the branch point at the commit, unless somebody else has moved it since."""
        expected = parent or "0" * len(commit)
        move = ("update-ref", "-m", "commit: by extcp-gitops", branch, commit, expected)
        result = gitcommand.run(self.root, *move, variables=person)
        if result.status and re.search("but expected|reference already exists", result.stderr):
            raise ExtcpError.of(
                "EXTCP-G025",
                "the branch has moved while the commit was made",
                "run this again; nothing was committed",
            )
        if result.status:
            raise failure("update-ref", result)

    def push(self, remote: str, branch: str) -> None:
        """Push a branch to the branch of the same name, and let it follow that one.

        Raises:
            ExtcpError: EXTCP-G030 no such remote, EXTCP-G031 the remote branch has other commits,
                EXTCP-G032 not allowed, EXTCP-G033 refused, EXTCP-G034 not reached.
        """
        check_ref_name(remote)
        full = f"refs/heads/{check_branch_name(branch)}"
        self.resolve(full)
        self._git(
            *("push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags"),
            *("--recurse-submodules=no", "--set-upstream", "--", remote, f"{full}:{full}"),
            seconds=gitcommand.NETWORK_SECONDS,
        )

    # What is there

    def changed_paths(self, revision: str) -> frozenset[str]:
        """The files that differ between a commit and the working tree, untracked ones included."""
        changed = self._git(*DIFF, self.resolve(revision), "--").names
        untracked = self._git("ls-files", "--others", "--exclude-standard", "-z").names
        return frozenset(changed + untracked)

    def uncommitted_paths(self) -> frozenset[str]:
        """As ``changed_paths`` for the newest commit; all files where nothing is committed yet."""
        if self._hash("HEAD^{commit}") is not None:
            return self.changed_paths("HEAD")
        listed = self._git("ls-files", "--cached", "--others", "--exclude-standard", "-z").names
        return frozenset(path for path in listed if os.path.lexists(self.root / path))


def require_identity(directory: Path, variables: Mapping[str, str] | None = None) -> None:
    """Check that Git knows whom to name in a commit, be there a repository or not.

    Args:
        directory: Where a commit is to be made.
        variables: What Git's environment will have then.

    Raises:
        ExtcpError: EXTCP-G020.
    """
    for identity in ("GIT_COMMITTER_IDENT", "GIT_AUTHOR_IDENT"):
        result = gitcommand.run(_absolute(directory), "var", identity, variables=variables)
        if result.status:
            raise failure("var", result)


def _absolute(path: Path) -> Path:
    """Absolute without following links, so that messages show what the person typed."""
    return Path(os.path.abspath(path))  # noqa: PTH100
