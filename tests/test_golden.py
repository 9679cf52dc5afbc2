"""Whole outputs, as they lie in ``golden/<case>/expected``: read the diff when one changes.

``make goldens`` writes them anew. What istioctl renders is left out: it is Istio's, and law 1
(``test_equality``) speaks of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from extcp_gitops.generate import Options, generated_tree
from extcp_gitops.inventory.load import load_directory
from extcp_gitops.render.bases import MANIFESTS

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir())


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, istioctl_path: Path, request: pytest.FixtureRequest) -> None:
    inventory = load_directory(GOLDEN / case / "input").inventory
    tree = generated_tree(inventory, Options(istioctl=istioctl_path))
    found = {path: raw for path, raw in tree.contents.items() if not path.endswith(MANIFESTS)}
    expected = GOLDEN / case / "expected"
    if request.config.getoption("--update-goldens"):
        shutil.rmtree(expected, ignore_errors=True)
        for path, raw in found.items():
            (expected / path).parent.mkdir(parents=True, exist_ok=True)
            (expected / path).write_bytes(raw)
    assert {path: raw.decode() for path, raw in found.items()} == _texts(expected)


def _texts(top: Path) -> dict[str, str]:
    return {
        str((Path(directory) / name).relative_to(top)): (Path(directory) / name).read_text()
        for directory, _, names in os.walk(top)
        for name in names
    }


def test_a_persons_component_patches_what_is_generated(
    istioctl_path: Path, kustomize: Path, tmp_path: Path
) -> None:
    root = GOLDEN / "one-of-each" / "input"
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    inventory = load_directory(root).inventory
    tree = generated_tree(inventory, Options(istioctl=istioctl_path))
    for path, raw in tree.contents.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(raw)
    built = subprocess.run(
        [kustomize, "build", tmp_path / "clusters/1e3"],
        check=True,
        capture_output=True,
        timeout=60,
        text=True,
    )
    assert "example.com/load-balancer: internal" in built.stdout
