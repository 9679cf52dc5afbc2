"""The streams of a process whose reader leaves, whose disk is full, or that were never open."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from extcp_gitops import output

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = sys.executable
VERDICT = """\
import click, sys
from extcp_gitops import output
output.prepare()
for number in range(100_000):
    click.echo(number, err=sys.argv[1:] == ["err"])
sys.exit(4 if output.is_read() else 5)
"""


def _shell(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail\n{script}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def program(tmp_path: Path) -> str:
    file = tmp_path / "program.py"
    file.write_text(VERDICT)
    return f"{PYTHON} {file}"


def test_a_reader_that_has_seen_enough_does_not_change_the_verdict(program: str) -> None:
    done = _shell(f"{program} | head -1")
    assert (done.returncode, done.stdout, done.stderr) == (5, "0\n", "")
    done = _shell(f"{program} | tail -1")
    assert (done.returncode, done.stdout) == (4, "99999\n")


@pytest.mark.parametrize("end", ["2>&-", "2>/dev/full", "2> >(head -1 >&2)"])
def test_words_that_nobody_reads_do_not_stop_a_command(program: str, end: str) -> None:
    assert _shell(f"{program} err {end}").returncode == 4


@pytest.mark.parametrize(
    ("end", "reason"), [(">/dev/full", "No space left on device"), (">&-", "it is closed")]
)
def test_output_that_cannot_be_written_is_one_error(end: str, reason: str) -> None:
    done = _shell(f"{PYTHON} -m extcp_gitops schema mesh {end}")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first == f"EXTCP-T030 standard output cannot be written: {reason}"
    assert second.startswith("    ")


def test_an_input_that_is_closed_is_an_empty_one(tmp_path: Path) -> None:
    done = _shell(f"{PYTHON} -m extcp_gitops init {tmp_path / 'mesh'} --mesh-id mesh1 <&-")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--address" in done.stderr


def test_a_stream_that_somebody_else_has_put_there_stays() -> None:
    before = (sys.stdout, sys.stderr)
    output.prepare()
    assert (sys.stdout, sys.stderr) == before
    assert output.is_read()
