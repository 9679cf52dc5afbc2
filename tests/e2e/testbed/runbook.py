"""The generated runbook, README.md, followed to the letter: its own commands, run by a shell."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from .errors import TestbedError
from .processes import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BLOCK_SECONDS = 300

# `argocd` wants Argo CD's API server, which the testbed has not: it registers clusters itself.
NOT_HERE = re.compile(r"^argocd ")
_HEADING = re.compile(r"^#{2,3} (?P<title>.+)$")
_EXPORT = re.compile(r"^export (\w+)=(\S+)", re.MULTILINE)
_BLOCK = re.compile(r"^(?P<indent> *)```sh\n(?P<body>.*?)^ *```$", re.DOTALL | re.MULTILINE)


class Runbook:
    """The shell blocks of one README.md by the heading that they stand under."""

    def __init__(
        self, path: Path, environment: Mapping[str, str], contexts: Mapping[str, str]
    ) -> None:
        self._directory = path.parent
        self._sections = _sections(path.read_text())
        (exports,) = self.blocks("Before you begin")
        self._environment = {**environment, **dict(_EXPORT.findall(exports)), **contexts}

    def blocks(self, heading: str) -> list[str]:
        """The shell blocks under the one heading that begins like this."""
        found = [text for title, text in self._sections.items() if title.startswith(heading)]
        if len(found) != 1:
            raise TestbedError(f"the runbook has {len(found)} headings that begin with {heading!r}")
        return [textwrap.dedent(match["body"]) for match in _BLOCK.finditer(found[0])]

    def follow(self, heading: str, *numbers: int, about: str = "", **variables: str) -> str:
        """Run the blocks under a heading; gives what they say.

        Args:
            heading: How the heading begins.
            numbers: Which blocks, from 1; all of them where none is given.
            about: Only blocks that speak of this, for steps that repeat by control plane.
            variables: What the person has exported.
        """
        blocks = self.blocks(heading)
        chosen = [blocks[number - 1] for number in numbers] if numbers else blocks
        return "".join(self._shell(block, variables) for block in chosen if about in block)

    def _shell(self, block: str, variables: Mapping[str, str]) -> str:
        lines = [line for line in block.splitlines() if not NOT_HERE.match(line)]
        return run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
            cwd=self._directory,
            env={**self._environment, **variables},
            seconds=BLOCK_SECONDS,
        ).stdout


def _sections(text: str) -> dict[str, str]:
    """The text under each heading; fenced lines that look like one do not count."""
    sections: dict[str, list[str]] = {}
    title, fenced = "", False
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        match = None if fenced else _HEADING.match(line.rstrip("\n"))
        if match:
            title = match["title"]
        sections.setdefault(title, []).append(line)
    return {name: "".join(lines) for name, lines in sections.items()}
