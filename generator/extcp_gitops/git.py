"""The person's Git repository: the only module that reads or changes it.

All names are checked by ``giturl`` first, paths travel through NUL-separated streams, and no hook,
signature or pager is ever run.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from extcp_gitops import gitcommand
from extcp_gitops.errors import ExtcpError
from extcp_gitops.gitfailure import failure
from extcp_gitops.gitoutput import blobs, regular_files
from extcp_gitops.giturl import check_branch_name, check_ref_name, check_revision, parse_url

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from extcp_gitops.gitcommand import Result

_STAGE = ("update-index", "-z", "--add", "--remove", "--stdin")
_DIFF = (
    *("diff", "--name-only", "-z", "--relative", "--no-renames"),
    *("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty"),
)
_UNFINISHED = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}


class Repository:
    """A working tree of Git, seen from one directory in it.

    The directory may be the top of the working tree or, as in Git itself, lie deeper in a larger
    repository. All paths are relative to it, with ``/``; nothing outside it is read or changed.

    Every method raises ExtcpError: EXTCP-G010 without Git, EXTCP-G011 when the time is up,
    EXTCP-G013 for a repository that belongs to another user, EXTCP-G012 for the unexpected.

    Attributes:
        root: The directory, absolute.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

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

    def add_remote(self, name: str, url: str) -> None:
        """Name a remote repository; nothing changes when it has that name and URL already.

        Raises:
            ExtcpError: EXTCP-G030 when the name stands for another URL; those of ``parse_url``.
        """
        check_ref_name(name)
        parse_url(url)
        known = gitcommand.run(self.root, "config", "--get", f"remote.{name}.url")
        if known.status == 0 and known.line != url:
            raise ExtcpError.of(
                "EXTCP-G030",
                f"the remote '{name}' has another URL already",
                f"see it with 'git remote get-url {name}', change it with 'git remote set-url'",
            )
        if known.status:
            self._git("remote", "add", "--", name, url)

    # Commit and push

    def commit(self, paths: Iterable[str], message: str) -> str | None:
        """Commit what these files are now in the working tree, and nothing else.

        Files that are gone are removed. Whatever else is staged or changed stays as it is. Ignored
        files are committed too: they were named. The commit carries no signature.

        Args:
            paths: Files, added, modified or deleted.
            message: UTF-8; the first line is the subject.

        Returns:
            The commit, or None when there was nothing to commit.

        Raises:
            ExtcpError: EXTCP-G020 nobody to commit as, EXTCP-G021 no branch, EXTCP-G022 a merge is
                not finished, EXTCP-G023 a symbolic link on the way, EXTCP-G024 another Git is at
                work, EXTCP-G025 the branch has moved meanwhile. Nothing is committed then.
        """
        listing = self._listing(paths)
        branch = self._branch_to_commit_on()
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
        commit = self._git("commit-tree", *parents, "-F", "-", tree, stdin=text).line
        self._move(branch, commit, parent)
        return commit

    def _listing(self, paths: Iterable[str]) -> bytes:
        """The paths as Git reads them; what is gone first, to make way for what took its place."""
        ordered = sorted({_checked(path) for path in paths})
        ordered.sort(key=lambda path: (self.root / path).is_file())
        return b"".join(os.fsencode(path) + b"\0" for path in ordered)

    def require_ready(self) -> None:
        """Find out before anything is written whether a commit can follow.

        Raises:
            ExtcpError: EXTCP-G020, EXTCP-G021 or EXTCP-G022, as ``commit``.
        """
        self._branch_to_commit_on()

    def _branch_to_commit_on(self) -> str:
        """The full name of the current branch, once everything is fit for a commit."""
        branch = gitcommand.run(self.root, "symbolic-ref", "--quiet", "HEAD")
        if branch.status == 1:
            raise ExtcpError.of(
                "EXTCP-G021",
                "HEAD is on no branch, so a commit would soon be lost",
                "git switch BRANCH, or git switch --create BRANCH; then run this again",
            )
        if branch.status:
            raise failure("symbolic-ref", branch)
        for name, work in _UNFINISHED.items():
            if self._hash(name):
                raise ExtcpError.of(
                    "EXTCP-G022",
                    f"a {work} is not finished in this repository",
                    f"finish it, or give it up with 'git {work} --abort'; then run this again",
                )
        require_identity(self.root)
        return branch.line

    def _move(self, branch: str, commit: str, parent: str | None) -> None:
        """Let the branch point at the commit, unless somebody else has moved it since."""
        expected = parent or "0" * len(commit)
        log = "commit: by extcp-gitops"
        result = gitcommand.run(self.root, "update-ref", "-m", log, branch, commit, expected)
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
            f"git fetch {remote}, or name the branch or commit to compare with",
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
        wanted = [_checked(prefix) for prefix in prefixes]
        entries = self._git("ls-tree", "-r", "-z", commit, "--", *wanted).names
        objects = regular_files(entries)
        names = list(dict.fromkeys(objects.values()))
        request = "".join(f"{name}\n" for name in names).encode()
        contents = blobs(self._git("cat-file", "--batch", stdin=request).stdout, names)
        return {path: contents[name] for path, name in objects.items()}

    def changed_paths(self, revision: str) -> frozenset[str]:
        """The files that differ between a commit and the working tree, untracked ones included."""
        changed = self._git(*_DIFF, self.resolve(revision), "--").names
        untracked = self._git("ls-files", "--others", "--exclude-standard", "-z").names
        return frozenset(changed + untracked)

    def changed_between(self, before: str, after: str) -> frozenset[str]:
        """The files that differ between two commits."""
        return frozenset(self._git(*_DIFF, self.resolve(before), self.resolve(after), "--").names)

    def is_clean(self, paths: Collection[str]) -> bool:
        """Whether these files, and all files in these directories, are as they were committed."""
        watched = frozenset(_checked(path) for path in paths)
        changed = {
            *self._git(*_DIFF, "--cached", "--").names,
            *self._git(*_DIFF, "--").names,
            *self._git("ls-files", "--others", "-z").names,
        }
        return not any(
            path in watched or any(str(parent) in watched for parent in PurePosixPath(path).parents)
            for path in changed
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


def require_identity(directory: Path) -> None:
    """Check that Git knows whom to name in a commit, be there a repository or not.

    Raises:
        ExtcpError: EXTCP-G020.
    """
    for identity in ("GIT_COMMITTER_IDENT", "GIT_AUTHOR_IDENT"):
        result = gitcommand.run(_absolute(directory), "var", identity)
        if result.status:
            raise failure("var", result)


def _absolute(path: Path) -> Path:
    """Absolute without following links, so that messages show what the person typed."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _checked(path: str) -> str:
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
