"""What every command shares: the directory of ``-C``, and the two streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from extcp_gitops.terminal import visible

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from extcp_gitops.errors import Finding


@dataclass(frozen=True, slots=True)
class Context:
    """Passed to each command by ``click.pass_obj``.

    Attributes:
        directory: Where the repository is, from ``-C``; the current directory by default.
    """

    directory: Path

    def say(self, text: str = "") -> None:
        """Words for a person, on standard error."""
        click.echo(text, err=True)

    def echo_json(self, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """Data for a program, on standard output."""
        import json  # noqa: PLC0415 - --help needs none

        click.echo(json.dumps(value, indent=2, ensure_ascii=False))

    def report(self, findings: Iterable[Finding]) -> None:
        """Findings for a person: what is wrong, then how to mend it."""
        report(findings)


def report(findings: Iterable[Finding], *, err: bool = True) -> None:
    """Findings for a person, in colour on a terminal.

    Args:
        findings: To show, in this order.
        err: On standard error; on standard output where they are what was asked for.
    """
    for finding in findings:
        colour = "yellow" if finding.severity == "warning" else "red"
        click.secho(str(finding), fg=colour, err=err)
        click.echo(f"    {visible(finding.remedy)}", err=err)
