"""Run one command of Git through GitPython, shielded from its surroundings.

GitPython's higher layers take options, names and URLs apart by rules of their own, and most of
its advisories are about those; so only its command runner is used, with constants and with values
that ``giturl`` has checked. It finds Git and starts it; ``process`` sees to time, output and end,
as it does for every child, for GitPython has no limit that also ends what Git has started.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extcp_gitops import process
from extcp_gitops.errors import ExtcpError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOCAL_SECONDS = 120.0
NETWORK_SECONDS = 300.0
_GRACE_SECONDS = 3.0  # for Git to remove its locks
_MAX_OUTPUT = 1 << 30  # all files of a large mesh at once
_TIME_IS_UP = "EXTCP-T003"

# What a hook, an alias or a wrapper around us has set for its own repository must not reach ours;
# what a person has set for identity, credentials, transport and configuration must.
_KEPT_VARIABLES = frozenset(
    {
        "GIT_ALLOW_PROTOCOL",
        "GIT_ASKPASS",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_EXEC_PATH",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSH_VARIANT",
    }
)
_KEPT_PREFIXES = (
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_VALUE_",
    "GIT_HTTP_",
    "GIT_PROXY_",
    "GIT_SSL_",
)

_OPTIONS = (
    "--no-pager",
    "--literal-pathspecs",
    "--no-optional-locks",
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),  # it may name a program
    *("-c", "core.safecrlf=false"),
    *("-c", "commit.gpgSign=false"),
    *("-c", "gc.auto=0"),
    *("-c", "i18n.commitEncoding=UTF-8"),
    *("-c", "maintenance.auto=false"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "submodule.recurse=false"),
    *("-c", "user.useConfigOnly=true"),  # no identity made up from the machine's name
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left behind; ``stderr`` in English."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def line(self) -> str:
        """Standard output as one line."""
        return os.fsdecode(self.stdout).removesuffix("\n")

    @property
    def names(self) -> list[str]:
        """Standard output as a list of names that NUL ends."""
        return [os.fsdecode(name) for name in self.stdout.split(b"\0") if name]


def run(
    directory: Path,
    *arguments: str,
    stdin: bytes = b"",
    seconds: float = LOCAL_SECONDS,
    variables: Mapping[str, str] | None = None,
) -> Result:
    """Run ``git`` in ``directory`` and wait for it.

    Args:
        directory: Absolute; where Git starts to look for its repository.
        arguments: The command and its arguments; nothing unchecked.
        stdin: What the command reads.
        seconds: When it is ended, with all that it has started.
        variables: Added to its environment.

    Returns:
        Its result, whatever the status.

    Raises:
        ExtcpError: EXTCP-G010 when there is no Git, EXTCP-G011 when the time is up; EXTCP-T004
            and EXTCP-T007 as ``process.run``.
    """
    name = f"git {arguments[0]}"
    try:
        done = process.attend(
            name,
            lambda: _start(directory, arguments, variables or {}),
            timeout=seconds,
            stdin=stdin,
            max_output=_MAX_OUTPUT,
            grace=_GRACE_SECONDS,
        )
    except ExtcpError as error:
        if error.findings[0].code != _TIME_IS_UP:
            raise
        raise ExtcpError.of(
            "EXTCP-G011",
            f"'{name}' was not done after {seconds:g} seconds and was ended",
            "see what it waits for by running it by hand; a filter, a credential helper or the "
            "network may hang",
        ) from None
    return Result(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def _start(
    directory: Path, arguments: tuple[str, ...], variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own: without a terminal it cannot prompt."""
    try:
        import git  # noqa: PLC0415 - takes long, and fails where there is no Git
    except ImportError as error:
        raise _missing() from error
    runner = git.Git()
    own = {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": _protocols(), **variables}
    runner.update_environment(**own)
    # GitPython hands the whole environment on, and falls back to the current directory where it
    # cannot enter the one it was given; 'env' and '-C' do not.
    foreign = (name for name in _foreign_variables() if name not in own)
    dropped = [part for name in foreign for part in ("-u", name)]
    command = [
        *(["env", *dropped] if dropped else []),
        *(str(git.Git.GIT_PYTHON_GIT_EXECUTABLE), *_OPTIONS, "-C", str(directory), *arguments),
    ]
    try:
        # Typed as a wrapper without the methods that it passes through.
        wrapper: Any = runner.execute(
            command, as_process=True, istream=subprocess.PIPE, start_new_session=True
        )
    except git.GitCommandNotFound as error:
        raise _missing() from error
    taken: subprocess.Popen[bytes] = wrapper.proc
    wrapper.proc = None  # or the wrapper ends it when it is collected
    return taken


def _protocols() -> str:
    """The transports that Git may use; a person's own, narrower list stays."""
    return os.environ.get("GIT_ALLOW_PROTOCOL", "https:http:ssh:file")


def _foreign_variables() -> list[str]:
    """What Git is not to inherit: among it our own settings, for a token may be one."""
    return sorted(
        name
        for name in os.environ
        if name.startswith(("GIT_", "EXTCP_"))
        and name not in _KEPT_VARIABLES
        and not name.startswith(_KEPT_PREFIXES)
    )


def _missing() -> ExtcpError:
    return ExtcpError.of(
        "EXTCP-G010", "there is no 'git' on PATH", "install Git, version 2.30 or later"
    )
