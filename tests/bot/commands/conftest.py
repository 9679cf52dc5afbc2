"""``extcp-bot`` on a small mesh of simulated clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bot import reachable
from tests.bot.fleets import World, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bot.commands.acting import Acting
    from tests.gitea import Gitea


class Bot:
    """Runs ``extcp-bot`` in this process, in a repository, and keeps what it printed.

    Attributes:
        mesh: The clusters.
        root: The repository.
        environment: What of it leads to the clusters.
        out: Standard output.
        err: Standard error.
    """

    def __init__(self, mesh: World, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.mesh = mesh
        self.root = root
        self.environment = reachable.write(mesh, root)
        self.out = ""
        self.err = ""
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> int:
        """The exit code."""
        from extcp_bot.cli import run  # noqa: PLC0415 - tests of the lazy imports come first

        self._capsys.readouterr()
        status = run(["-C", str(self.root), *map(str, arguments)])
        self.out, self.err = self._capsys.readouterr()
        return status


@pytest.fixture
def bot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bot]:
    """The command, and a mesh with which EXTCP-H05 is content."""
    root = tmp_path / "mesh"
    with world() as mesh:
        reachable.deliver(mesh)
        made = Bot(mesh, root, capsys)
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def acting(  # noqa: PLR0917 - fixtures
    gitea: Gitea,
    tmp_path: Path,
    istioctl_path: Path,
    kustomize_on_path: None,  # noqa: ARG001 - on PATH
    render_cache: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Acting:
    """The command, and a mesh on a real Gitea; see ``acting.py``."""
    from tests.bot.commands.acting import Acting  # noqa: PLC0415 - few tests want it
    from tests.bot.proposals import desk  # noqa: PLC0415

    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "https")
    monkeypatch.setenv("EXTCP_ISTIOCTL", str(istioctl_path))
    monkeypatch.setenv("EXTCP_FORGE_TOKEN", gitea.bot.token)
    made = desk.begin(tmp_path / "mesh", gitea.repository(), istioctl_path, render_cache)
    return Acting(made, capsys)
