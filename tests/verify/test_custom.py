from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from extcp_gitops.inventory.model import Cluster, Destination, Role
from extcp_gitops.verify import custom

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER = Cluster("team/a", Role.REMOTE, Destination(name="a"))
CUSTOM = "clusters/team--slash--a/custom"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / CUSTOM).mkdir(parents=True)
    return tmp_path / CUSTOM


def test_files_that_nothing_lists_are_a_warning(directory: Path, tmp_path: Path) -> None:
    (directory / "service.yaml").write_text("kind: Service\n")
    (finding,) = custom.check(tmp_path, CLUSTER)
    assert (finding.code, finding.severity, finding.file) == ("EXTCP-V002", "warning", CUSTOM)
    (directory / "kustomization.yaml").write_text("kind: Component\n")
    assert list(custom.check(tmp_path, CLUSTER)) == []


def test_nothing_there_is_nothing_wrong(directory: Path, tmp_path: Path) -> None:
    assert list(custom.check(tmp_path, CLUSTER)) == []
    directory.rmdir()
    assert list(custom.check(tmp_path, CLUSTER)) == []
