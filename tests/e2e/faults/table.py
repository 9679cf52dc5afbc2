"""The table of docs/checks.md: of each fault, what istioctl says and what the bot says."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import yaml

from tests.e2e.testbed.errors import TestbedError
from tests.e2e.testbed.mesh import ADDRESS
from tests.e2e.testbed.processes import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.testbed.bot import Result

    from .model import Fault, Stage

NOTHING = "nothing"
# istioctl's way to an istiod that is in another cluster; it asks whichever replica answers.
XDS = f"{ADDRESS}:15012"
SECONDS = 20


class Table:
    """The rows, written out after each fault so that a failing run keeps what it has seen.

    Attributes:
        file: Where to.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._rows: list[dict[str, Any]] = []

    def add(self, fault: Fault, named: Result, stage: Stage) -> None:
        """A row for a fault that is there now."""
        self._rows.append(
            {
                "fault": fault.words,
                "istioctl": {
                    "remote-clusters": remote_clusters(stage),
                    "proxy-status": proxy_status(stage),
                    "analyze": analyze(stage),
                },
                "code": named["code"],
                "problem": named["problem"] or named["state"],
                "remedy": named["remedy"],
            }
        )
        self.file.write_text(yaml.safe_dump(self._rows, sort_keys=False, width=100))


def remote_clusters(stage: Stage) -> str:
    """The clusters that it knows with their state, in short."""
    said = _istioctl(stage, "remote-clusters", f"--xds-address={XDS}", "--output=json")
    if isinstance(said, str):
        return said
    states = {str(entry["id"]): str(entry["syncStatus"]) for entry in said or []}
    return ", ".join(f"{name} {state}" for name, state in sorted(states.items())) or NOTHING


def proxy_status(stage: Stage) -> str:
    """How many proxies are in which state."""
    said = _istioctl(stage, "proxy-status", f"--xds-address={XDS}", "--output=json")
    if isinstance(said, str):
        return said
    states = Counter(str(state) for entry in said or [] for state in _states(entry))
    return ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or NOTHING


def _states(entry: dict[str, Any]) -> list[str]:
    return [str(value) for name, value in entry.items() if name.endswith("_status")] or [
        "connected"
    ]


def analyze(stage: Stage) -> str:
    """The codes of its messages about all clusters of the mesh."""
    said = _istioctl(
        stage,
        "analyze",
        "--all-namespaces",
        f"--istioNamespace={stage.mesh.plane.namespace}",
        f"--remote-contexts={stage.external.name},{stage.second.name}",
        "--output=json",
    )
    if isinstance(said, str):
        return said
    codes = Counter(str(message["code"]) for message in said or [])
    return ", ".join(f"{number} {code}" for code, number in sorted(codes.items())) or NOTHING


def _istioctl(stage: Stage, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    """What a command of istioctl prints, or in words that it failed."""
    repository = stage.mesh.repository
    words = ["istioctl", f"--context={stage.config.name}", *arguments]
    try:
        done = run(
            words,
            cwd=repository.directory,
            env=repository.environment,
            seconds=SECONDS,
            ok=range(256),
        )
    except TestbedError:
        return "does not answer"
    try:
        return json.loads(done.stdout)
    except ValueError:
        return _last_words(done.stderr or done.stdout)


def _last_words(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line]
    return f"fails: {lines[-1][:160]}" if lines else NOTHING
