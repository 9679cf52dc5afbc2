"""The command line as a whole: what is loaded, how it fails, how it is completed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from extcp_bot.cli import cli, run
from extcp_gitops import __version__

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("yaml", "jinja2", "git", "kubernetes", "aiohttp", "cryptography", "jsonschema", "asyncio")
COMMANDS = cli.list_commands(click.Context(cli))


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["completion", "bash"], *([name, "--help"] for name in COMMANDS)],
)
def test_nothing_heavy_is_imported_for_help(arguments: list[str]) -> None:
    code = (
        "import sys; from extcp_bot.cli import run\n"
        f"status = run({arguments!r})\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], status, file=sys.stderr)"
    )
    assert _python("-c", code).stderr.splitlines()[-1] == "[] 0"


def test_as_a_program() -> None:
    done = _python("-m", "extcp_bot", "--version")
    assert (done.returncode, done.stdout) == (0, f"extcp-bot, version {__version__}\n")
    wrong = _python("-m", "extcp_bot", "chekc")
    assert wrong.returncode == 2
    assert "Did you mean 'check'?" in wrong.stderr


def test_every_command_can_be_imported_and_is_in_the_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert command.name == name
        assert f"\n  {name} " in said


def test_a_bug_names_the_right_program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "main", fail)
    assert run(["check"]) == 3
    assert "This is a bug in extcp-bot" in capsys.readouterr().err


def test_bash_completes_a_command(tmp_path: Path) -> None:
    program = tmp_path / "extcp-bot"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m extcp_bot "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "COMP_WORDS": "extcp-bot sup",
        "COMP_CWORD": "1",
        "_EXTCP_BOT_COMPLETE": "bash_complete",
    }
    done = subprocess.run(
        [program], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "plain,support-bundle\n"
