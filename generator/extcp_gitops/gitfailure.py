"""What Git's complaints mean for a person, and what mends each.

Git is run with ``LC_ALL=C``, so its words are the ones looked for here.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from extcp_gitops.errors import ExtcpError
from extcp_gitops.redact import redact

if TYPE_CHECKING:
    from extcp_gitops.gitcommand import Result

_MAX_LINE = 300


class _Known(NamedTuple):
    """A complaint; ``{0}`` in the text is what the pattern's group caught, quoted for a shell."""

    pattern: re.Pattern[str]
    code: str
    message: str
    remedy: str


def _known(pattern: str, code: str, message: str, remedy: str) -> _Known:
    return _Known(re.compile(pattern), code, message, remedy)


_ANYWHERE = (
    _known(
        r"detected dubious ownership in repository at '(.+)'",
        "EXTCP-G013",
        "Git refuses this repository because it belongs to another user",
        "if you trust its owner: git config --global --add safe.directory {0}",
    ),
    _known(
        r"must be run in a work tree|cannot be used without a working tree",
        "EXTCP-G014",
        "this repository has no working tree",
        "clone it, and work in the clone",
    ),
    _known(
        r"tell me who you are|empty ident|no (?:name|email) was given|user\.useConfigOnly",
        "EXTCP-G020",
        "Git does not know who commits",
        "git config --global user.name 'YOUR NAME', and user.email likewise",
    ),
    _known(
        r"beyond a symbolic link|in submodule|as both a file and as a directory",
        "EXTCP-G023",
        "a path to commit leads through a symbolic link or into a submodule",
        "replace the link or the submodule by a plain directory",
    ),
    _known(
        r"Unable to create '(.+\.lock)': File exists",
        "EXTCP-G024",
        "another Git command is at work in this repository, or one was killed",
        "wait for it; where none runs any more: rm {0}",
    ),
    _known(
        r"No space left on device|Disk quota exceeded",
        "EXTCP-G015",
        "there is no space left for Git's objects",
        "make space and run this again; nothing was committed",
    ),
)

_PUSH = (
    _known(
        # The second half: the server saw it, because the other push came in between.
        r"stale info|cannot lock ref .* but expected|reference already exists"
        r"|incorrect old value",
        "EXTCP-G035",
        "somebody else has moved the remote branch meanwhile, so it was not overwritten",
        "look at what is on the branch now, then run this again",
    ),
    _known(
        r"fetch first|non-fast-forward",
        "EXTCP-G031",
        "the remote branch has commits that this one lacks, so the push was refused",
        "git pull --rebase, run the command again, and push again",
    ),
)

_REFUSED = _known(
    r"remote rejected|pre-receive hook declined|protected branch",
    "EXTCP-G033",
    "the remote refused the push",
    "the branch may be protected: push to another branch and open a pull request",
)

_ACCESS = (
    _known(
        r"[Rr]epository\b.{0,80}\barchived",
        "EXTCP-G037",
        "the remote repository is archived, so nothing can be pushed",
        "let its owner unarchive it, or use the one that took its place",
    ),
    _known(
        r"Authentication failed|could not read (?:Username|Password)|Permission denied"
        r"|error: 40[13]|not authorized|[Aa]ccess denied",
        "EXTCP-G032",
        "the remote did not accept your credentials, or they do not allow this",
        "set up a credential helper (git help credentials) or an SSH key (ssh-add), "
        "and check that you may write to the repository",
    ),
    _known(
        r"Host key verification failed",
        "EXTCP-G034",
        "ssh does not know the remote's host key",
        "compare the key with the one that its owner publishes, and add it to known_hosts",
    ),
)

_REACH = (
    _known(
        r"Remote branch (\S+) not found",
        "EXTCP-G036",
        "the remote repository has no such branch",
        "push it there, or name another: it was {0}",
    ),
    _known(
        r"No such remote|does not appear to be a git repository|[Rr]epository .*not found"
        r"|repository '.*' does not exist",
        "EXTCP-G030",
        "there is no such remote repository, or you may not see it",
        "git remote -v shows the URL; create the repository there first",
    ),
    _known(
        r"Could not resolve host|unable to access|Connection (?:refused|timed out|reset)"
        r"|Could not read from remote repository|transport '.*' not allowed"
        r"|unable to update url base from redirection",
        "EXTCP-G034",
        "the remote could not be reached",
        "check the URL (git remote -v), the network and the proxy, and try again",
    ),
)

# A hook may say anything, so what declines a push is looked for after what stops it earlier.
_COMMANDS = {
    "push": (*_PUSH, *_ACCESS, _REFUSED, *_REACH),
    "clone": (*_ACCESS, *_REACH),
    "fetch": (*_ACCESS, *_REACH),
    "ls-remote": (*_ACCESS, *_REACH),
}


def failure(command: str, result: Result) -> ExtcpError:
    """The error for a command that failed.

    Args:
        command: Its name, such as ``push``.
        result: With a status that is not wanted.
    """
    stderr = _visible(result.stderr)
    words = f"{stderr}\n{_visible(result.line)}" if command == "push" else stderr
    remote = _COMMANDS.get(command, ())
    for known in (*_ANYWHERE, *remote):
        if found := known.pattern.search(words):
            quoted = [shlex.quote(group) for group in found.groups()]
            message = known.message
            if remote and (said := _last_words(stderr)):
                message = f"{message} ({said})"
            return ExtcpError.of(known.code, message, known.remedy.format(*quoted))
    said = _last_words(stderr) or f"status {result.status}"
    return ExtcpError.of(
        "EXTCP-G012", f"'git {command}' failed: {said}", f"run 'git {command}' by hand to see more"
    )


def _visible(text: str) -> str:
    """The text without what could steer a terminal."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)


def _last_words(stderr: str) -> str:
    """The line that says most, without credentials."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"(fatal|error|remote): ?\S", line)]
    return redact(next(iter(telling), lines[-1] if lines else ""))[:_MAX_LINE]
