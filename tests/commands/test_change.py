from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from extcp_gitops.commands.change import tell
from extcp_gitops.commands.context import Context
from extcp_gitops.write import Changes
from extcp_gitops.write.changes import Operation

if TYPE_CHECKING:
    import pytest


def test_a_terminal_does_not_obey_the_name_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    gone = Operation("clusters/a\x1b[31mb/kustomization.yaml", "0" * 64, None)
    tell(Context(Path()), Changes((gone,)))
    assert capsys.readouterr().err == (
        "- clusters/a\\x1b[31mb/kustomization.yaml\n0 added, 0 changed, 1 removed\n"
    )
