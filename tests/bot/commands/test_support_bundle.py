from __future__ import annotations

import stat
import tarfile
from typing import TYPE_CHECKING

from tests.bot.reachable import SECRETS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.bot.commands.conftest import Bot

SHAPE = ("support-bundle", "--check", "secret-shape")


def test_one_archive_for_nobody_else(
    bot: Bot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bot(*SHAPE) == 0
    (made,) = tmp_path.glob("extcp-support-mesh1-*.tar.gz")
    assert bot.out == f"{made.name}\n"
    assert "files, " in bot.err
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    with tarfile.open(made) as archive:
        assert any(name.endswith("/report.html") for name in archive.getnames())


def test_an_ill_mesh_is_no_failure_and_what_is_missing_is_said(bot: Bot, tmp_path: Path) -> None:
    bot.mesh.external.denied.add(SECRETS)
    file = tmp_path / "evidence.tar.gz"
    assert bot(*SHAPE, "--output", file) == 0
    assert bot.out == f"{file}\n"
    assert f"could not be had: cluster external-cluster, {SECRETS}" in bot.err


def test_a_place_that_cannot_be_written_is_named(bot: Bot, tmp_path: Path) -> None:
    assert bot(*SHAPE, "--output", tmp_path / "none" / "x") == 1
    assert "EXTCP-B011" in bot.err
