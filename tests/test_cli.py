"""The command line as a whole: what is loaded, how it fails, what it exits with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import click
import pytest

from extcp_gitops import __version__, cli
from extcp_gitops.errors import CouldNotTellError, ExitCode, ExtcpError, Finding
from extcp_gitops.generate import Options, create
from tests import meshes

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command

HEAVY = ("yaml", "jinja2", "git", "kubernetes", "cryptography", "jsonschema", "pydantic")


def _python(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["completion", "bash"]])
def test_nothing_heavy_is_imported_for_help(arguments: list[str]) -> None:
    code = (
        "import sys; from extcp_gitops.cli import run\n"
        f"status = run({arguments!r})\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], status, file=sys.stderr)"
    )
    assert _python("-c", code).stderr.splitlines()[-1] == "[] 0"


def test_as_a_program() -> None:
    done = _python("-m", "extcp_gitops", "--version")
    assert (done.returncode, done.stdout) == (0, f"extcp-gitops, version {__version__}\n")
    wrong = _python("-m", "extcp_gitops", "generat")
    assert wrong.returncode == 2
    assert "Did you mean 'generate'?" in wrong.stderr
    assert wrong.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["-C", "a/b", "validate"], "a/b"),
        (["validate", "-C", "a/b"], "a/b"),
        (["-C", "a", "validate", "-C", "b"], "a/b"),
        (["cluster", "-C", "a/b", "add", "east"], "a/b"),
        (["cluster", "add", "east", "-C", "a/b"], "a/b"),
        (["validate"], "."),
    ],
)
def test_the_directory_stands_on_either_side_of_the_command(
    arguments: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert cli.run(arguments) == ExitCode.FINDINGS
    assert f"no mesh.yaml in {named} or above" in capsys.readouterr().err


def test_a_directory_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["validate", "-C", "nowhere"]) == ExitCode.USAGE
    assert "Directory 'nowhere' does not exist" in capsys.readouterr().err


def test_every_command_can_be_imported_and_is_in_the_help(extcp: Command) -> None:
    context = click.Context(cli.cli)
    names = cli.cli.list_commands(context)
    assert extcp("--help") == 0
    for name in names:
        command = cli.cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert f"\n  {name} " in extcp.out


def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli.cli, "main", fail)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ExtcpError.of("EXTCP-I001", "what", "how"), ExitCode.FINDINGS),
        (CouldNotTellError(Finding("EXTCP-V001", "what", "how")), ExitCode.COULD_NOT_TELL),
        (click.UsageError("what"), ExitCode.USAGE),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (ZeroDivisionError("what"), ExitCode.BUG),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, extcp: Command, error: BaseException, status: ExitCode
) -> None:
    _failing(monkeypatch, error)
    assert extcp("generate") == status
    assert extcp.out == ""
    assert ("Traceback" in extcp.err) == (status is ExitCode.BUG)


def test_an_error_says_what_and_how(monkeypatch: pytest.MonkeyPatch, extcp: Command) -> None:
    findings = [Finding("EXTCP-I002", "second", "do b", "mesh.yaml", 2, 1)]
    findings.append(Finding("EXTCP-I001", "first", "do a", "mesh.yaml", 1, 5))
    _failing(monkeypatch, ExtcpError(*findings))
    extcp("generate")
    assert extcp.err == (
        "mesh.yaml:1:5: EXTCP-I001 first\n    do a\nmesh.yaml:2:1: EXTCP-I002 second\n    do b\n"
    )


def test_a_name_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch, extcp: Command) -> None:
    odd = "a\x1b[31mb\nc\u202e"
    _failing(monkeypatch, ExtcpError.of("EXTCP-I001", f"no {odd}", f"move {odd}", odd))
    extcp("generate")
    shown = r"a\x1b[31mb\nc\u202e"
    assert extcp.err == f"{shown}: EXTCP-I001 no {shown}\n    move {shown}\n"


def test_what_a_program_said_keeps_its_lines(
    monkeypatch: pytest.MonkeyPatch, extcp: Command
) -> None:
    _failing(monkeypatch, ExtcpError.of("EXTCP-T005", "it failed\n  first\n  second", "mend it"))
    extcp("generate")
    assert extcp.err == "EXTCP-T005 it failed\n  first\n  second\n    mend it\n"


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    script = f"{sys.executable} -m extcp_gitops schema mesh | head -c 1"
    file = tmp_path / "run.sh"
    file.write_text(f"set -o pipefail\n{script}\n")
    done = subprocess.run(["bash", file], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_without_istioctl_a_check_cannot_tell_and_a_change_cannot_be_made(
    extcp: Command, tmp_path: Path, istioctl_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(tmp_path / "mesh", meshes.mesh(), Options(istioctl=istioctl_path))
    monkeypatch.setenv("EXTCP_ISTIOCTL", str(tmp_path / "none"))
    monkeypatch.setenv("EXTCP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("EXTCP_ISTIO_RELEASES", "http://127.0.0.1:9")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert extcp("-C", tmp_path / "mesh", "generate", "--check") == ExitCode.COULD_NOT_TELL
    assert "EXTCP-T103" in extcp.err
    assert extcp("-C", tmp_path / "mesh", "generate") == ExitCode.FINDINGS


def test_ctrl_c_leaves_nothing_half_done(istioctl_path: Path, tmp_path: Path) -> None:
    slow = tmp_path / "istioctl"
    slow.write_text(
        f'#!/bin/sh\ncase "$1" in version) exec {istioctl_path} "$@";; *) exec sleep 60;; esac\n'
    )
    slow.chmod(0o755)
    arguments = ["init", str(tmp_path / "mesh"), "--mesh-id", "m", "--address", "a.example.com"]
    arguments += ["--tls-secret", "x", "--repo-url", "https://git.example.com/m.git"]
    arguments += ["--istioctl", str(slow)]
    environment = {**os.environ, "EXTCP_CACHE_DIR": str(tmp_path / "cache")}
    with subprocess.Popen(
        [sys.executable, "-m", "extcp_gitops", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stderr is not None
        while "rendering" not in (line := process.stderr.readline()):
            assert line, "it ended before it rendered"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(30) == ExitCode.INTERRUPTED, said
    assert "interrupted" in said
    assert "Traceback" not in said
    assert not (tmp_path / "mesh").exists()
