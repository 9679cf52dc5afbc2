"""What every command shares: the directory of ``-C``, and the two streams."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from extcp_gitops.errors import Finding


@dataclass(frozen=True, slots=True)
class Context:
    """Passed to each command by ``click.pass_obj``.

    Attributes:
        directory: Where the repository is, from ``-C``; the current directory by default.
    """

    directory: Path = Path()

    def say(self, text: str = "") -> None:
        """Words for a person, on standard error."""
        click.echo(text, err=True)

    def echo_json(self, value: Any) -> None:  # noqa: ANN401 - any JSON value
        """Data for a program, on standard output."""
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))

    def report(self, findings: Iterable[Finding]) -> None:
        """Findings for a person: what is wrong, then how to mend it."""
        for finding in findings:
            colour = "yellow" if finding.severity == "warning" else "red"
            self.say(click.style(str(finding), fg=colour))
            self.say(f"    {finding.remedy}")
