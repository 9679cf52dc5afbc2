"""A repository elsewhere, reached with a credential that stays in the environment of Git.

The credential is given by a helper of Git's own kind (``git help gitcredentials``), configured by
variables of the environment. So it is in no argument, no file and no URL; it goes to its own host
alone, also where a server redirects; and no helper of the machine keeps it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from extcp_gitops import gitcommand
from extcp_gitops.errors import ExtcpError
from extcp_gitops.git import Repository
from extcp_gitops.gitfailure import failure
from extcp_gitops.giturl import check_branch_name, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extcp_gitops.gitcommand import Result

_ORIGIN = "origin"
_USERNAME, _PASSWORD = "EXTCP_GIT_USERNAME", "EXTCP_GIT_PASSWORD"
# Git runs helpers through a shell. This one is a constant, and printf a part of the shell itself.
_HELPER = (
    '!f() { test "$1" = get && '
    f'printf "username=%s\\npassword=%s\\n" "${_USERNAME}" "${_PASSWORD}"; }}; f'
)
_REFUSED = "EXTCP-G032"
_QUIET = ("--quiet", "--no-tags", "--no-recurse-submodules")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a server is shown over HTTP.

    Raises:
        ValueError: A character that would end a line, or that no token has.
    """

    username: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        for text in (self.username, self.password):
            if not text or not text.isascii() or not text.isprintable() or " " in text:
                raise ValueError("a credential is printable ASCII without spaces")


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository on a server.

    Every method raises ExtcpError, beside what ``History`` says: EXTCP-G030 no such repository,
    EXTCP-G032 the credential is not accepted or does not allow it, EXTCP-G034 not reached.

    Attributes:
        url: As ``giturl.parse_url`` takes it.
        credential: For http and https alone.
        roots: PEM file with the roots that its certificate is verified against; those of the
            machine by default.
    """

    url: str
    credential: Credential | None = None
    roots: Path | None = None

    def __post_init__(self) -> None:
        parse_url(self.url)

    def clone(self, directory: Path, branch: str, depth: int | None = None) -> Repository:
        """Clone one branch, and check it out byte for byte.

        Args:
            directory: Does not exist, or is empty; absolute.
            branch: To be on.
            depth: Commits of its history; all by default, for how commits descend cannot be told
                otherwise.

        Raises:
            ExtcpError: EXTCP-G036 there is no such branch.
        """
        check_branch_name(branch)
        depths = () if depth is None else (f"--depth={depth}",)
        self._run(
            directory.parent,
            *("clone", *_QUIET, "--single-branch", f"--origin={_ORIGIN}", f"--branch={branch}"),
            *("--template=", "--config=core.autocrlf=false", *depths),
            *("--", self.url, str(directory)),
        )
        return Repository(directory)

    def head(self, repository: Repository, branch: str) -> str | None:
        """The newest commit of a branch, without fetching it; None where there is no branch."""
        ref = f"refs/heads/{check_branch_name(branch)}"
        listed = self._run(repository.root, "ls-remote", "--", self.url, ref).line
        for line in listed.splitlines():  # a pattern matches the end of a name, too
            commit, _, name = line.partition("\t")
            if name == ref:
                return commit
        return None

    def fetch(self, repository: Repository, branch: str) -> str | None:
        """Fetch a branch with its history, to ``origin/BRANCH``.

        Returns:
            Its newest commit; None where there is no such branch.
        """
        commit = self.head(repository, branch)
        if commit is None:
            return None
        refs = f"+refs/heads/{branch}:refs/remotes/{_ORIGIN}/{branch}"
        self._run(repository.root, "fetch", *_QUIET, "--", self.url, refs)
        # Somebody may have pushed since; who goes by what was fetched goes by this.
        return repository.resolve(f"refs/remotes/{_ORIGIN}/{branch}")

    def push_with_lease(
        self, repository: Repository, commit: str, branch: str, expected: str | None
    ) -> None:
        """Let a branch be a commit, whatever it was, if it still is what it was seen to be.

        Args:
            repository: Has the commit.
            commit: As for ``resolve``.
            branch: One of our own: what only others' commits lead to is lost.
            expected: The commit that it was seen at; None where it did not exist.

        Raises:
            ExtcpError: EXTCP-G035 the branch is another commit now, EXTCP-G033 the server refuses
                (a protected branch, a hook), EXTCP-G037 the repository is archived.
        """
        ref = f"refs/heads/{check_branch_name(branch)}"
        lease = repository.resolve(expected) if expected else ""
        self._run(
            repository.root,
            *("push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags"),
            *("--recurse-submodules=no", f"--force-with-lease={ref}:{lease}"),
            *("--", self.url, f"{repository.resolve(commit)}:{ref}"),
        )

    def _run(self, directory: Path, *arguments: str) -> Result:
        result = gitcommand.run(
            directory,
            *arguments,
            seconds=gitcommand.NETWORK_SECONDS,
            variables=self._variables(),
        )
        if result.status:
            raise self._explained(failure(arguments[0], result))
        return result

    def _explained(self, error: ExtcpError) -> ExtcpError:
        """A person has helpers and keys; what is given a token can have another token."""
        (finding,) = error.findings
        if self.credential is None or finding.code != _REFUSED:
            return error
        remedy = "give the bot a token that is valid and may write to the repository"
        return ExtcpError(replace(finding, remedy=remedy))

    def _variables(self) -> dict[str, str]:
        """For the environment of Git; a person's own configuration by variables stays."""
        pairs = list(self._configuration())
        first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
        made = {"GIT_CONFIG_COUNT": str(first + len(pairs))}
        for index, (key, value) in enumerate(pairs, first):
            made |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
        if self.credential is not None:
            made |= {_USERNAME: self.credential.username, _PASSWORD: self.credential.password}
            made |= {"GIT_ASKPASS": "", "SSH_ASKPASS": ""}
        return made

    def _configuration(self) -> Iterator[tuple[str, str]]:
        url = urlsplit(self.url)
        host = f"{url.scheme}://{url.netloc}"
        if self.credential is not None:
            yield "credential.helper", ""  # ends the list of a person's own
            yield f"credential.{host}.helper", _HELPER
        if self.roots is not None:
            yield f"http.{host}.sslCAInfo", str(self.roots)
